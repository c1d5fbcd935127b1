// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"testing"

	. "github.com/onsi/gomega"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/apiserver"
	"haltline.dev/haltline/test/builders"
	"haltline.dev/haltline/test/pages"
)

// The page of concepts: the objects of all kinds, and the fields of one.
func TestTheCommandsOfTheConceptsPageWork(t *testing.T) {
	t.Parallel()
	execution := startExecution(t)
	p := openPage(t, execution.Namespace, "docs/concepts.md")
	p.run("kubectl get haltline", []string{"pipeline.pipelines.haltline.dev/web", execution.Name, "stops an execution of a pipeline"})
	p.finish()
}

// The page of stops: a request is created and waited for, and what it waits for is described.
func TestTheCommandsOfTheStoppingPageWork(t *testing.T) {
	t.Parallel()
	execution := startExecution(t)
	p := openPage(t, execution.Namespace, "docs/stopping.md")
	p.run("kubectl create -f -", []string{"created"}, "3f0f6bd4-8a51-4b7c-9d7a-5c1d1c3f1a10", string(execution.UID))
	waitForState(t, execution, v1alpha1.ExecutionStopping)
	finishAction(t, execution, "compile", corev1.PodSucceeded)
	p.run("kubectl wait stoprequest/hold-the-release", []string{"condition met"})
	p.run("kubectl get jobs -A", nil)
	p.run("kubectl describe pipelineexecution", []string{"the release is on hold", "Stopped"}, "NAME", execution.Name)
	p.run("kubectl auth can-i stop", []string{"yes"})
	p.run("kubectl create --dry-run=server", []string{"created (server dry run)"})
	p.run("kubectl logs -f", []string{"No resources found"}, "=ID", "="+builders.UnknownID)
	p.finish()
}

// The page of retention: an execution is kept, and a Job that was left running gets a TTL.
func TestTheCommandsOfTheRetentionPageWork(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	execution := startExecution(t, builders.Orphaned)
	expectAccepted(t, createObject(t, builders.StopAndAbandon(execution)))
	waitForState(t, execution, v1alpha1.ExecutionStopped)
	left := findAction(refreshObject(t, execution), "compile").Workload.Name
	p := openPage(t, execution.Namespace, "docs/retention.md")
	p.run("kubectl annotate pipelineexecution", []string{"annotated"}, "web-1", execution.Name)
	p.run("kubectl patch job", []string{"patched"}, "JOB", left)
	p.finish()
	g.Expect(refreshObject(t, execution).Annotations).To(HaveKey(v1alpha1.AnnotationKeep))
	job := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: execution.Namespace, Name: left}}
	g.Expect(refreshObject(t, job).Spec.TTLSecondsAfterFinished).To(HaveValue(BeEquivalentTo(86400)))
}

// The page of events: what happened to an execution. Another test reads the log of the operator, which has no pod here.
func TestTheCommandsOfTheObservingPageWork(t *testing.T) {
	t.Parallel()
	execution := startExecution(t)
	expectAccepted(t, createObject(t, builders.StopAndWait(execution)))
	p := openPage(t, execution.Namespace, "docs/observing.md")
	p.run("kubectl describe pipelineexecution", []string{"Stopping", "Waiting For"}, "NAME", execution.Name)
}

// The page of the installation: policies are in force when the loops end, and the samples run.
func TestTheCommandsThatTryTheInstallationWork(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := createNamespace(t)
	page := readFile(t, "docs/installing.md")
	for _, heading := range []string{"The first seconds", "Trying it"} {
		commands := pages.BlocksOf(pages.Section(page, heading), "sh")
		g.Expect(commands).To(HaveLen(1), heading)
		output, err := apiserver.RunShell(t.Context(), createKubeconfig(t, ns), commands[0])
		g.Expect(err).NotTo(HaveOccurred(), output)
	}
	list := &v1alpha1.PipelineExecutionList{}
	g.Expect(k8s.List(t.Context(), list, client.InNamespace(ns))).To(Succeed())
	g.Expect(list.Items).To(HaveLen(1))
	waitForRunning(t, &list.Items[0], "compile")
}

// The page of security: who may do what, and the policies that check it.
func TestTheCommandsOfTheSecurityPageWork(t *testing.T) {
	t.Parallel()
	p := openPage(t, createNamespace(t), "docs/security.md")
	p.run("kubectl auth can-i stop", []string{"haltline-stoprequest-verbs", "haltline-stoprequest-requester"})
	p.finish()
}
