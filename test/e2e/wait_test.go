// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"slices"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
)

// How long a test waits for what must happen, and how often it looks.
const (
	timeout  = 2 * time.Minute
	interval = 100 * time.Millisecond
)

// refreshObject reads an object again.
func refreshObject[T client.Object](t *testing.T, object T) T {
	t.Helper()
	NewWithT(t).Expect(k8s.Get(t.Context(), client.ObjectKeyFromObject(object), object)).To(Succeed())
	return object
}

// waitForState waits until the execution is in a state.
func waitForState(t *testing.T, execution *v1alpha1.PipelineExecution, state v1alpha1.ExecutionState) {
	t.Helper()
	NewWithT(t).Eventually(func() v1alpha1.ExecutionState {
		return refreshObject(t, execution).Status.State
	}, timeout, interval).Should(Equal(state), func() string { return marshalJSON(execution.Status) })
}

// waitForStopped waits until the execution is Stopped, and checks at that moment that nothing of it runs.
func waitForStopped(t *testing.T, execution *v1alpha1.PipelineExecution) {
	t.Helper()
	g := NewWithT(t)
	var left []string
	g.Eventually(func() v1alpha1.ExecutionState {
		if refreshObject(t, execution).Status.State == v1alpha1.ExecutionStopped {
			left = listRunningActions(t, execution)
		}
		return execution.Status.State
	}, timeout, interval).Should(Equal(v1alpha1.ExecutionStopped), func() string { return marshalJSON(execution.Status) })
	g.Expect(left).To(BeEmpty(), "it is Stopped, and these run")
	g.Expect(execution.Status.Stop.WaitingFor).To(BeEmpty())
	for _, conditionType := range []string{v1alpha1.ConditionStopped, v1alpha1.ConditionFinished} {
		g.Expect(meta.IsStatusConditionTrue(execution.Status.Conditions, conditionType)).To(BeTrue(), conditionType)
	}
}

// listPods returns all pods of an execution.
func listPods(t *testing.T, execution *v1alpha1.PipelineExecution) []corev1.Pod {
	t.Helper()
	list := &corev1.PodList{}
	NewWithT(t).Expect(k8s.List(t.Context(), list, client.InNamespace(execution.Namespace),
		client.MatchingLabels{v1alpha1.LabelExecutionID: string(execution.UID)})).To(Succeed())
	return list.Items
}

// listRunningActions returns the actions that have a pod which runs, or which is being deleted.
func listRunningActions(t *testing.T, execution *v1alpha1.PipelineExecution) []string {
	t.Helper()
	var actions []string
	for _, pod := range listPods(t, execution) {
		hasEnded := pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
		if !hasEnded || pod.DeletionTimestamp != nil {
			actions = append(actions, pod.Labels[v1alpha1.LabelAction])
		}
	}
	slices.Sort(actions)
	return actions
}

// waitForNoPods waits until an execution has no pod at all.
func waitForNoPods(t *testing.T, execution *v1alpha1.PipelineExecution) {
	t.Helper()
	NewWithT(t).Eventually(func() []corev1.Pod { return listPods(t, execution) }, timeout, interval).Should(BeEmpty())
}

// listStartedActions returns the actions that ever had a Job: Jobs live as long as their execution.
func listStartedActions(t *testing.T, execution *v1alpha1.PipelineExecution) []string {
	t.Helper()
	list := &batchv1.JobList{}
	NewWithT(t).Expect(k8s.List(t.Context(), list, client.InNamespace(execution.Namespace),
		client.MatchingLabels{v1alpha1.LabelExecutionID: string(execution.UID)})).To(Succeed())
	var actions []string
	for _, job := range list.Items {
		actions = append(actions, job.Annotations[v1alpha1.AnnotationAction])
	}
	slices.Sort(actions)
	return actions
}

// actionStates returns the states of the actions of an execution, by their names.
func actionStates(execution *v1alpha1.PipelineExecution) map[string]v1alpha1.ActionState {
	found := map[string]v1alpha1.ActionState{}
	for _, stage := range execution.Status.Stages {
		for _, action := range stage.Actions {
			found[action.Name] = action.State
		}
	}
	return found
}

// pendingActions returns the actions that the stop of an execution waits for.
func pendingActions(execution *v1alpha1.PipelineExecution) []string {
	var actions []string
	for _, pending := range execution.Status.Stop.WaitingFor {
		actions = append(actions, pending.Action)
	}
	return actions
}

// waitForVerdict waits for the verdict on a request: Accepted, or the name of an exception.
func waitForVerdict(t *testing.T, sr *v1alpha1.StopRequest) string {
	t.Helper()
	var found *metav1.Condition
	NewWithT(t).Eventually(func() *metav1.Condition {
		found = meta.FindStatusCondition(refreshObject(t, sr).Status.Conditions, v1alpha1.ConditionAccepted)
		return found
	}, timeout, interval).ShouldNot(BeNil(), "no verdict on %s", sr.Name)
	return found.Reason
}

// expectVerdict waits for the verdict on a request, and compares it.
func expectVerdict(t *testing.T, sr *v1alpha1.StopRequest, verdict string) {
	t.Helper()
	NewWithT(t).Expect(waitForVerdict(t, sr)).To(Equal(verdict), sr.Name)
}

// expectAccepted waits until a request is accepted.
func expectAccepted(t *testing.T, sr *v1alpha1.StopRequest) {
	t.Helper()
	expectVerdict(t, sr, v1alpha1.ReasonAccepted)
}

// waitForDone waits until what an accepted request asked for is done: its execution is Stopped.
func waitForDone(t *testing.T, sr *v1alpha1.StopRequest) {
	t.Helper()
	g := NewWithT(t)
	g.Eventually(func() bool {
		return meta.IsStatusConditionTrue(refreshObject(t, sr).Status.Conditions, v1alpha1.ConditionFinished)
	}, timeout, interval).Should(BeTrue(), func() string { return marshalJSON(sr.Status) })
	for _, conditionType := range []string{v1alpha1.ConditionReady, v1alpha1.ConditionStopped} {
		g.Expect(meta.IsStatusConditionTrue(sr.Status.Conditions, conditionType)).To(BeTrue(), conditionType)
	}
	g.Expect(sr.Status.PipelineExecutionID).To(Equal(sr.Spec.PipelineExecutionID))
	g.Expect(sr.Status.State).To(Equal(v1alpha1.ExecutionStopped))
}
