// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"testing"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/builders"
)

func TestAnExecutionIsFinishedAtWhateverEnd(t *testing.T) {
	t.Parallel()
	for end, test := range map[v1alpha1.ExecutionState]struct {
		bringAbout func(*testing.T, *v1alpha1.PipelineExecution)
		health     status.Status
	}{
		v1alpha1.ExecutionSucceeded: {func(t *testing.T, execution *v1alpha1.PipelineExecution) {
			for _, action := range []string{"compile", "package", "roll-out"} {
				finishAction(t, execution, action, corev1.PodSucceeded)
			}
		}, status.CurrentStatus},
		v1alpha1.ExecutionFailed: {func(t *testing.T, execution *v1alpha1.PipelineExecution) {
			finishAction(t, execution, "compile", corev1.PodFailed)
		}, status.FailedStatus},
		v1alpha1.ExecutionStopped: {func(t *testing.T, execution *v1alpha1.PipelineExecution) {
			createObject(t, builders.StopAndAbandon(execution))
		}, status.FailedStatus},
	} {
		t.Run(string(end), func(t *testing.T) {
			t.Parallel()
			execution := startExecution(t)
			expectNotFinished(t, execution)
			test.bringAbout(t, execution)
			expectFinished(t, execution, string(end), test.health)
			NewWithT(t).Expect(execution.Status.State).To(Equal(end))
		})
	}
}

func TestARequestIsFinishedWhenItsExecutionIsStopped(t *testing.T) {
	t.Parallel()
	execution := startExecution(t)
	wait := createObject(t, builders.StopAndWait(execution))
	expectAccepted(t, wait)
	expectNotFinished(t, wait)
	expectNotFinished(t, refreshObject(t, execution))

	duplicate := createObject(t, builders.StopAndWait(execution))
	expectFinished(t, duplicate, v1alpha1.ReasonDuplicatedStopRequest, status.FailedStatus)
	finishAction(t, execution, "compile", corev1.PodSucceeded)
	expectFinished(t, wait, string(v1alpha1.ExecutionStopped), status.CurrentStatus)
	late := createObject(t, builders.StopAndAbandon(execution))
	expectFinished(t, late, v1alpha1.ReasonNotStoppable, status.FailedStatus)
	unknown := createObject(t, builders.StopRequest(execution.Namespace, "unknown", builders.UnknownID))
	expectFinished(t, unknown, v1alpha1.ReasonPipelineNotFound, status.FailedStatus)
}

func TestARequestIsFinishedWhenItsExecutionIsDeleted(t *testing.T) {
	t.Parallel()
	execution := startExecution(t)
	sr := createObject(t, builders.StopAndWait(execution))
	expectAccepted(t, sr)
	NewWithT(t).Expect(k8s.Delete(t.Context(), execution)).To(Succeed())
	expectFinished(t, sr, v1alpha1.ReasonExecutionDeleted, status.CurrentStatus)
}

// expectNotFinished checks that an object has no condition Finished: it is absent before the end.
func expectNotFinished(t *testing.T, object client.Object) {
	t.Helper()
	NewWithT(t).Expect(findCondition(object, v1alpha1.ConditionFinished)).To(BeNil())
}

// expectFinished waits with kubectl until an object is Finished. It checks the reason, and how kstatus understands the object,
// and watches for a while that nobody writes it.
func expectFinished(t *testing.T, object client.Object, reason string, health status.Status) {
	t.Helper()
	g := NewWithT(t)
	resource := map[bool]string{true: "stoprequest", false: "pipelineexecution"}[isStopRequest(object)]
	output, err := runKubectl(t.Context(), cluster.Kubeconfig, "--namespace", object.GetNamespace(),
		"wait", resource+"/"+object.GetName(), "--for=condition=Finished", "--timeout", timeout.String())
	g.Expect(err).NotTo(HaveOccurred(), output)
	finished := findCondition(refreshObject(t, object), v1alpha1.ConditionFinished)
	g.Expect(finished.Status).To(Equal(metav1.ConditionTrue))
	g.Expect(finished.Reason).To(Equal(reason))
	g.Expect(finished.ObservedGeneration).To(Equal(object.GetGeneration()))
	g.Expect(computeHealth(t, object)).To(Equal(health))
	expectNoWrites(t, object)
}

func isStopRequest(object client.Object) bool {
	_, ok := object.(*v1alpha1.StopRequest)
	return ok
}
