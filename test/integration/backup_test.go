// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/builders"
)

// "What a restore brings back never runs twice" (docs/backup.md): the export of a whole namespace, in mid-run and after the end, restored in
// each way. Another cluster is as another namespace: none of the ids is there.
func TestAnExportThatIsRestoredNeverRunsTwice(t *testing.T) {
	t.Parallel()
	restores := map[string]func(t *testing.T, file, from, to string){
		"by kubectl create": func(t *testing.T, file, from, to string) {
			restoreByKubectl(t, "create", mapNamespace(t, file, from, to))
		},
		"by kubectl apply": func(t *testing.T, file, from, to string) {
			restoreByKubectl(t, "apply", mapNamespace(t, file, from, to))
		},
		"by a tool": func(t *testing.T, file, _, to string) { restoreByTool(t, file, to, false) },
		"by a tool that restores the status": func(t *testing.T, file, _, to string) {
			restoreByTool(t, file, to, true)
		},
	}
	for when, end := range map[string]func(*busyNamespace, *testing.T){
		"in mid-run": func(*busyNamespace, *testing.T) {}, "after the end": (*busyNamespace).end,
	} {
		t.Run(when, func(t *testing.T) {
			t.Parallel()
			ns := createBusyNamespace(t)
			end(ns, t)
			file := exportNamespace(t, ns.name)
			for how, restore := range restores {
				t.Run(how, func(t *testing.T) {
					other := createNamespace(t)
					restore(t, file, ns.name, other)
					expectNothingRunsOf(t, file, other)
					expectPipelinesRun(t, other)
				})
			}
			t.Run("in the same namespace", func(t *testing.T) {
				deleteAll(t, ns.name)
				restoreByTool(t, file, ns.name, true)
				expectNothingRunsOf(t, file, ns.name)
				expectPipelinesRun(t, ns.name)
			})
		})
	}
}

// expectPipelinesRun expects that the restored Pipelines run what is new: nobody who is not there has a stage of a queue.
func expectPipelinesRun(t *testing.T, ns string) {
	t.Helper()
	execution := createExecution(t, ns, "queue")
	waitForRunning(t, execution, "compile")
	second := createExecution(t, ns, "queue")
	expectNotReady(t, second, v1alpha1.ReasonWaitingForStage)
}

// "Applied over objects that are still there, a backup changes nothing of what they run" (docs/backup.md)
func TestAnExportThatIsAppliedOverItselfChangesNothing(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := createBusyNamespace(t)
	var exported []unstructured.Unstructured
	// An object that has changed since it was exported, such as a Job that just ended, is refused as a conflict, and nothing else is refused.
	g.Eventually(func() error {
		file := exportNamespace(t, ns.name)
		output, err := runKubectl(t.Context(), cluster.Kubeconfig, "apply", "-f", file)
		if err != nil && !strings.Contains(output, "Error from server (Conflict)") {
			return StopTrying(output).Wrap(err)
		}
		exported = readExport(t, file)
		return err
	}, timeout, interval).Should(Succeed())
	for _, o := range exported {
		got := &unstructured.Unstructured{}
		got.SetGroupVersionKind(o.GroupVersionKind())
		g.Expect(k8s.Get(t.Context(), client.ObjectKeyFromObject(&o), got)).To(Succeed())
		g.Expect(got.GetUID()).To(Equal(o.GetUID()), o.GetName())
		if o.GroupVersionKind().Group == v1alpha1.GroupVersion.Group {
			g.Expect(got.Object["spec"]).To(Equal(o.Object["spec"]), o.GetName())
			g.Expect(got.Object["status"]).To(Equal(o.Object["status"]), o.GetName())
		}
	}
	ns.end(t)
}

// Only a request was deleted and comes back, with the answer of the first one: it gets an answer of its own.
func TestARestoredRequestIsAnsweredAnew(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	execution := startExecution(t)
	sr := createObject(t, builders.StopAndWait(execution))
	expectAccepted(t, sr)
	status := refreshObject(t, sr).Status
	g.Expect(status.UID).To(Equal(string(sr.UID)))
	g.Expect(k8s.Delete(t.Context(), sr)).To(Succeed())
	restored := createObject(t, &v1alpha1.StopRequest{ObjectMeta: metav1.ObjectMeta{Namespace: sr.Namespace, Name: sr.Name}, Spec: sr.Spec})
	g.Eventually(func() error {
		refreshObject(t, restored).Status = status
		return k8s.Status().Update(t.Context(), restored)
	}, timeout, interval).Should(Succeed())
	g.Eventually(func(g Gomega) {
		got := refreshObject(t, restored)
		g.Expect(got.Status.UID).To(Equal(string(restored.UID)))
		g.Expect(findCondition(got, v1alpha1.ConditionAccepted)).To(HaveField("Reason", v1alpha1.ReasonDuplicatedStopRequest))
	}, timeout, interval).Should(Succeed())
}

// An execution that no operator had looked at has nothing to repeat: it runs where it is restored.
func TestAnExportOfWhatWasNotLookedAtRuns(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := createNamespace(t)
	createPipeline(t, ns, "web", builders.Stage("Build", builders.Action("compile")))
	const manifest = "apiVersion: pipelines.haltline.dev/v1alpha1\nkind: PipelineExecution\nmetadata: {name: new}\nspec: {pipelineName: web}\n"
	export, err := runKubectl(t.Context(), cluster.Kubeconfig, "create", "-n", ns, "--dry-run=server", "-o", "yaml", "-f", writeExport(t, manifest))
	g.Expect(err).NotTo(HaveOccurred(), export)
	output, err := runKubectl(t.Context(), cluster.Kubeconfig, "create", "-f", writeExport(t, export))
	g.Expect(err).NotTo(HaveOccurred(), output)
	execution := &v1alpha1.PipelineExecution{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "new"}}
	waitForRunning(t, refreshObject(t, execution), "compile")
	g.Expect(export).To(ContainSubstring("uid:"))
	g.Expect(export).NotTo(ContainSubstring(string(execution.UID)))
}

// The page of backups: each of its commands, in its order.
func TestTheCommandsOfTheBackupPageWork(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	execution := startExecution(t)
	ns, other := execution.Namespace, createNamespace(t)
	expectAccepted(t, createObject(t, builders.StopAndWait(execution)))
	dir := t.TempDir()
	files := []string{"pipelines.yaml", dir + "/pipelines.yaml", "records.yaml", dir + "/records.yaml"}

	p := openPage(t, ns, "docs/backup.md")
	p.run("kubectl get pipelines", nil, files...)
	deleteAll(t, ns)
	p.run("kubectl create -f", nil, files...)
	p.run("for file", []string{"pipeline.pipelines.haltline.dev/web created", "pipelineexecution.pipelines.haltline.dev/" + execution.Name + " created"}, append(files, "OLD", ns, "NEW", other)...)
	for _, namespace := range []string{ns, other} {
		copied := &v1alpha1.PipelineExecution{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: execution.Name}}
		expectCopy(t, refreshObject(t, copied))
	}
	p.run("kubectl get pipelineexecutions -L", []string{string(execution.UID)})
	p.run("kubectl get pipelineexecutions -l", []string{"No resources found"})
	p.run("kubectl get pipelineexecutions -A --field-selector", []string{"No resources found"}, "-A", "-n "+ns)
	scaled := createStandIn(t)
	p.run("kubectl -n haltline-system scale", []string{"scaled"})
	g.Expect(refreshObject(t, scaled).Spec.Replicas).To(HaveValue(BeZero()))
	p.run("kubectl get pipelineexecution NAME", []string{"replaced"}, "NAME", execution.Name, "again.yaml", dir+"/again.yaml")
	p.finish()
	again := &v1alpha1.PipelineExecution{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: execution.Name}}
	waitForRunning(t, refreshObject(t, again), "compile")
}
