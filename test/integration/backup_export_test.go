// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/builders"
)

// exportedKinds are all that a namespace has of ours, and all that comes of it.
const exportedKinds = "pipelines,pipelineexecutions,stoprequests,approvalresults,jobs,pods,controllerrevisions,configmaps,persistentvolumeclaims"

// busyNamespace has executions in many states, with the requests for them.
type busyNamespace struct {
	name                                     string
	running, queued, waiting, failed, orphan *v1alpha1.PipelineExecution
	retry                                    *v1alpha1.PipelineExecution
}

// createBusyNamespace creates a namespace in mid-run: executions run, wait in a queue, for approval and for a Pipeline, have failed, and
// retry; one is being stopped, and one was approved.
func createBusyNamespace(t *testing.T) *busyNamespace {
	t.Helper()
	ns := &busyNamespace{name: createNamespace(t)}
	queue := newWorkspacePipeline(ns.name, "queue", claimSpec, builders.Stage("Build", builders.Action("compile")))
	queue.Spec.ExecutionMode = v1alpha1.ExecutionModeQueued
	createObject(t, queue)
	ns.running = createExecution(t, ns.name, queue.Name)
	waitForRunning(t, ns.running, "compile")
	ns.queued = createExecution(t, ns.name, queue.Name)
	expectNotReady(t, ns.queued, v1alpha1.ReasonWaitingForStage)

	createPipeline(t, ns.name, "web", builders.Stage("Release", builders.Approval("approve", 1, v1alpha1.Approval{})), builders.Stage("Deploy", builders.Action("roll-out")))
	ns.waiting = createExecution(t, ns.name, "web")
	waitForAction(t, ns.waiting, "approve", actionInProgress)
	ns.failed = createExecution(t, ns.name, "web")
	waitForAction(t, ns.failed, "approve", actionInProgress)
	expectResult(t, createObject(t, builders.ApprovalResult(ns.failed, "Release", "approve", v1alpha1.ApprovalApproved)), v1alpha1.ReasonAccepted)
	finishAction(t, ns.failed, "roll-out", corev1.PodFailed)
	waitForState(t, ns.failed, v1alpha1.ExecutionFailed)
	ns.retry = createRetry(t, ns.failed, "Deploy", v1alpha1.RetryModeFailedActions)
	waitForRunning(t, ns.retry, "roll-out")
	expectAccepted(t, createObject(t, builders.StopAndWait(ns.retry)))
	expectVerdict(t, createObject(t, builders.StopAndWait(ns.retry)), v1alpha1.ReasonDuplicatedStopRequest)

	ns.orphan = createExecution(t, ns.name, "missing")
	expectNotReady(t, ns.orphan, v1alpha1.ReasonWaitingForPipeline)
	return ns
}

// end has everything end that runs or waits, and leaves the objects.
func (ns *busyNamespace) end(t *testing.T) {
	t.Helper()
	finishAction(t, ns.retry, "roll-out", corev1.PodSucceeded)
	finishAction(t, ns.running, "compile", corev1.PodSucceeded)
	finishAction(t, ns.queued, "compile", corev1.PodSucceeded)
	expectAccepted(t, createObject(t, builders.StopAndAbandon(ns.waiting)))
	expectAccepted(t, createObject(t, builders.StopAndAbandon(ns.orphan)))
	for execution, state := range map[*v1alpha1.PipelineExecution]v1alpha1.ExecutionState{
		ns.retry: v1alpha1.ExecutionStopped, ns.running: v1alpha1.ExecutionSucceeded, ns.queued: v1alpha1.ExecutionSucceeded,
		ns.waiting: v1alpha1.ExecutionStopped, ns.orphan: v1alpha1.ExecutionStopped,
	} {
		waitForState(t, execution, state)
	}
}

// exportNamespace returns the file of what kubectl exports of a namespace.
func exportNamespace(t *testing.T, ns string) string {
	t.Helper()
	output, err := runKubectl(t.Context(), cluster.Kubeconfig, "get", "-n", ns, exportedKinds, "-o", "yaml")
	NewWithT(t).Expect(err).NotTo(HaveOccurred(), output)
	return writeExport(t, output)
}

func writeExport(t *testing.T, content string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "backup.yaml")
	NewWithT(t).Expect(os.WriteFile(file, []byte(content), 0o600)).To(Succeed())
	return file
}

// readExport returns the objects of an export.
func readExport(t *testing.T, file string) []unstructured.Unstructured {
	t.Helper()
	g := NewWithT(t)
	content, err := os.ReadFile(file)
	g.Expect(err).NotTo(HaveOccurred())
	raw, err := yaml.YAMLToJSON(content)
	g.Expect(err).NotTo(HaveOccurred())
	list := &unstructured.UnstructuredList{}
	g.Expect(list.UnmarshalJSON(raw)).To(Succeed())
	return list.Items
}

// deleteAll deletes all that an export has, and waits until it is gone, with all that comes of it.
func deleteAll(t *testing.T, ns string) {
	t.Helper()
	g := NewWithT(t)
	output, err := runKubectl(t.Context(), cluster.Kubeconfig, "delete", "-n", ns, "pipelines,pipelineexecutions,stoprequests,approvalresults,jobs,controllerrevisions", "--all")
	g.Expect(err).NotTo(HaveOccurred(), output)
	g.Eventually(func(g Gomega) {
		output, err := runKubectl(t.Context(), cluster.Kubeconfig, "get", "-n", ns, "jobs,pods,pipelineexecutions,controllerrevisions", "-o", "name")
		g.Expect(err).NotTo(HaveOccurred(), output)
		g.Expect(output).To(BeEmpty())
	}, timeout, slowInterval).Should(Succeed())
}

// mapNamespace returns an export as it is for another namespace.
func mapNamespace(t *testing.T, file, from, to string) string {
	t.Helper()
	content, err := os.ReadFile(file)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return writeExport(t, strings.ReplaceAll(string(content), "namespace: "+from+"\n", "namespace: "+to+"\n"))
}

// restoreByKubectl restores an export by kubectl, which goes on after what is refused.
func restoreByKubectl(t *testing.T, verb, file string) {
	t.Helper()
	output, err := runKubectl(t.Context(), cluster.Kubeconfig, verb, "-f", file)
	g := NewWithT(t)
	g.Expect(err).To(HaveOccurred(), "a Job was restored")
	g.Expect(output).To(ContainSubstring("pipelineexecution.pipelines.haltline.dev/"))
}

// restoreByTool restores an export as a backup tool does, which leaves out what the API server sets and what keeps it from creating a Job.
// It keeps labels, annotations and owners, and restores each status afterwards if asked to.
func restoreByTool(t *testing.T, file, ns string, withStatus bool) {
	t.Helper()
	for _, o := range readExport(t, file) {
		restored := stripForRestore(&o, ns)
		err := k8s.Create(t.Context(), restored)
		if isWork(&o) {
			NewWithT(t).Expect(err).To(MatchError(ContainSubstring("ValidatingAdmissionPolicy 'haltline-")), "%s %s", o.GetKind(), o.GetName())
			continue
		}
		NewWithT(t).Expect(client.IgnoreAlreadyExists(err)).To(Succeed())
		if status, ok := o.Object["status"]; ok && withStatus && strings.HasPrefix(o.GetAPIVersion(), v1alpha1.GroupVersion.Group) {
			NewWithT(t).Eventually(func() error {
				refreshObject(t, restored).Object["status"] = status
				return k8s.Status().Update(t.Context(), restored)
			}, timeout, interval).Should(Succeed())
		}
	}
}

// isWork reports whether an object is a Job of an execution, or a pod of one.
func isWork(o *unstructured.Unstructured) bool {
	return o.GetKind() == "Job" || o.GetKind() == "Pod"
}

func stripForRestore(o *unstructured.Unstructured, ns string) *unstructured.Unstructured {
	restored := &unstructured.Unstructured{Object: map[string]any{"spec": o.Object["spec"], "data": o.Object["data"], "revision": o.Object["revision"]}}
	for field, value := range restored.Object {
		if value == nil {
			delete(restored.Object, field)
		}
	}
	restored.SetGroupVersionKind(o.GroupVersionKind())
	restored.SetNamespace(ns)
	restored.SetName(o.GetName())
	restored.SetLabels(o.GetLabels())
	restored.SetAnnotations(o.GetAnnotations())
	restored.SetOwnerReferences(o.GetOwnerReferences())
	restored = restored.DeepCopy()
	if o.GetKind() == "Job" {
		unstructured.RemoveNestedField(restored.Object, "spec", "selector")
		for _, label := range []string{"controller-uid", "batch.kubernetes.io/controller-uid"} {
			unstructured.RemoveNestedField(restored.Object, "spec", "template", "metadata", "labels", label)
		}
	}
	return restored
}

// expectNothingRunsOf expects what a namespace has in which an export was restored: nothing of it runs, and each object says so.
func expectNothingRunsOf(t *testing.T, file, ns string) {
	t.Helper()
	g := NewWithT(t)
	wantExecutions, wantRequests, wantResults := countKind(t, file, "PipelineExecution"), countKind(t, file, "StopRequest"), countKind(t, file, "ApprovalResult")
	g.Eventually(func(g Gomega) {
		executions := &v1alpha1.PipelineExecutionList{}
		g.Expect(k8s.List(t.Context(), executions, client.InNamespace(ns))).To(Succeed())
		g.Expect(executions.Items).To(HaveLen(wantExecutions))
		for _, e := range executions.Items {
			g.Expect(e.Status.State).To(Equal(v1alpha1.ExecutionFailed), e.Name)
			g.Expect(findCondition(&e, v1alpha1.ConditionReady)).To(HaveField("Reason", v1alpha1.ReasonRestoredCopy), e.Name)
			g.Expect(e.Status.PipelineExecutionID).To(Equal(string(e.UID)), e.Name)
		}
		requests := &v1alpha1.StopRequestList{}
		g.Expect(k8s.List(t.Context(), requests, client.InNamespace(ns))).To(Succeed())
		g.Expect(requests.Items).To(HaveLen(wantRequests))
		for _, sr := range requests.Items {
			g.Expect(findCondition(&sr, v1alpha1.ConditionAccepted)).To(HaveField("Reason", BeElementOf(v1alpha1.ReasonNotStoppable, v1alpha1.ReasonPipelineNotFound)), sr.Name)
			g.Expect(sr.Status.State).To(BeEmpty(), sr.Name)
		}
		results := &v1alpha1.ApprovalResultList{}
		g.Expect(k8s.List(t.Context(), results, client.InNamespace(ns))).To(Succeed())
		g.Expect(results.Items).To(HaveLen(wantResults))
		for _, ar := range results.Items {
			g.Expect(findCondition(&ar, v1alpha1.ConditionAccepted)).To(HaveField("Reason", v1alpha1.ReasonPipelineExecutionNotFound), ar.Name)
		}
	}, timeout, interval).Should(Succeed())
	output, err := runKubectl(t.Context(), cluster.Kubeconfig, "get", "-n", ns, "jobs,pods", "-o", "name")
	g.Expect(err).NotTo(HaveOccurred(), output)
	g.Expect(output).To(BeEmpty(), "what was restored runs")
	g.Eventually(func() []corev1.PersistentVolumeClaim { return listClaims(t, ns) }, timeout, interval).Should(
		Or(BeEmpty(), HaveEach(HaveField("DeletionTimestamp", Not(BeNil())))), "a claim of an execution that is gone is kept")
}

func countKind(t *testing.T, file, kind string) int {
	t.Helper()
	n := 0
	for _, o := range readExport(t, file) {
		if o.GetKind() == kind {
			n++
		}
	}
	NewWithT(t).Expect(n).To(BeNumerically(">", 0), "the export has no %s", kind)
	return n
}
