// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/apiserver"
	"haltline.dev/haltline/test/builders"
)

func TestANamespaceCanBeDeletedInMidStop(t *testing.T) {
	t.Parallel()
	execution := startExecution(t)
	expectAccepted(t, createObject(t, builders.StopAndWait(execution)))
	waitUntilGone(t, deleteNamespace(t, execution.Namespace))
}

func TestATerminatingNamespaceEnds(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := createNamespace(t)
	createPipeline(t, ns, "web", builders.Stage("Build", builders.Action("compile", builders.GraceSeconds(1))), builders.Stage("Deploy", builders.Action("roll-out")))
	createPipeline(t, ns, "slow", builders.Stage("Build", builders.Action("test", builders.GraceSeconds(1), ignoreTermination)))
	inProgress, waiting, stopping := createExecution(t, ns, "web"), createExecution(t, ns, "unknown"), createExecution(t, ns, "slow")
	waitForRunning(t, inProgress, "compile")
	waitForRunning(t, stopping, "test")
	expectNotReady(t, waiting, v1alpha1.ReasonWaitingForPipeline)
	expectAccepted(t, createObject(t, builders.StopAndAbandon(stopping)))
	waitForState(t, stopping, v1alpha1.ExecutionStopping)
	rejected := createObject(t, builders.StopRequest(ns, "web", builders.UnknownID))
	expectVerdict(t, rejected, v1alpha1.ReasonNotStoppable)

	deleted := deleteNamespace(t, ns)
	// Kubernetes ends the pods of a namespace before anything else, so the operator sees the rest as it was.
	g.Eventually(countRunning(t.Context(), inProgress, "compile"), timeout, interval).Should(BeZero())
	killPods(t, stopping, "test")
	waitUntilGone(t, deleted)
}

// Nobody can create a Job in a namespace that is being deleted, so no placeholder is needed.
func TestAStopThatAQuotaHeldUpIsAcceptedInATerminatingNamespace(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	execution, _ := startBlockedByQuota(t)
	sr := createObject(t, builders.StopAndAbandon(execution))
	expectNotReady(t, execution, v1alpha1.ReasonFencing)
	// Kubernetes keeps the namespace while it has a pod.
	pod := createObject(t, &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: execution.Namespace, Name: "other", Annotations: map[string]string{apiserver.AnnotationHoldGrace: "true"},
		},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Image: "example"}}, TerminationGracePeriodSeconds: ptr.To[int64](1)},
	})
	g.Eventually(func() corev1.PodPhase { return refreshObject(t, pod).Status.Phase }, timeout, interval).Should(Equal(corev1.PodRunning))

	ns := deleteNamespace(t, execution.Namespace)
	expectAccepted(t, sr)
	waitForState(t, execution, v1alpha1.ExecutionStopped)
	g.Expect(actionStates(execution)).To(Equal(states{"compile": actionNotStarted, "roll-out": actionNotStarted}))
	g.Expect(cluster.KillPod(t.Context(), pod)).To(Succeed())
	waitUntilGone(t, ns)
}

// deleteNamespace begins the deletion of a namespace, and returns it.
func deleteNamespace(t *testing.T, name string) *corev1.Namespace {
	t.Helper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	NewWithT(t).Expect(k8s.Delete(t.Context(), ns)).To(Succeed())
	return ns
}
