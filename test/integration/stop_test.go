// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"testing"

	. "github.com/onsi/gomega"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/builders"
)

// "stop the pipeline execution by completing in-progress actions without starting subsequent actions"
func TestStopAndWaitCompletesInProgressActionsAndStartsNoMore(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	execution := startExecution(t)
	sr := createObject(t, builders.StopAndWait(execution))
	expectAccepted(t, sr)
	g.Expect(sr.Status.PipelineExecutionID).To(Equal(string(execution.UID)))
	g.Expect(sr.Status.Mode).To(Equal(v1alpha1.StopModeWait))

	// "While completing or abandoning in-progress actions, the pipeline execution is in a Stopping state."
	waitForState(t, execution, v1alpha1.ExecutionStopping)
	g.Expect(actionStates(execution)).To(HaveKeyWithValue("compile", actionInProgress))
	g.Expect(execution.Status.Stop.WaitingFor).To(HaveLen(1))
	g.Expect(execution.Status.Stop.WaitingFor[0].Action).To(Equal("compile"))
	expectJobs(t, execution, 1)
	// The container goes on.
	waitForRunning(t, execution, "compile")

	// "After all in-progress actions are completed or abandoned, the pipeline execution is in a Stopped state."
	finishAction(t, execution, "compile", corev1.PodSucceeded)
	waitForState(t, execution, v1alpha1.ExecutionStopped)
	g.Expect(actionStates(execution)).To(Equal(states{"compile": actionSucceeded, "package": actionNotStarted, "roll-out": actionNotStarted}))
	g.Expect(stageStates(execution)).To(Equal([]v1alpha1.StageState{v1alpha1.StageStopped, v1alpha1.StageNotStarted}))
	waitForStopped(t, sr)
	expectJobs(t, execution, 1)
}

// "or by abandoning in-progress actions"
func TestStopAndAbandonEndsInProgressActions(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	execution := startExecution(t, ignoreTermination)
	sr := createObject(t, builders.StopAndAbandon(execution))
	expectAccepted(t, sr)
	waitForState(t, execution, v1alpha1.ExecutionStopping)
	g.Expect(actionStates(execution)).To(HaveKeyWithValue("compile", actionAbandoned))

	// Stopped means stopped: not while a pod is in its grace period.
	g.Eventually(func() bool {
		pods, err := listRunningPods(t.Context(), execution, "compile")
		return err == nil && len(pods) == 1 && pods[0].DeletionTimestamp != nil
	}, timeout, interval).Should(BeTrue())
	expectState(t, execution, v1alpha1.ExecutionStopping)
	g.Expect(execution.Status.Stop.WaitingFor).To(HaveLen(1))

	killPods(t, execution, "compile")
	waitForState(t, execution, v1alpha1.ExecutionStopped)
	g.Expect(actionStates(execution)).To(Equal(states{"compile": actionAbandoned, "package": actionNotStarted, "roll-out": actionNotStarted}))
	g.Expect(execution.Status.Stop.WaitingFor).To(BeEmpty())
	waitForStopped(t, sr)
}

// "If you already chose to stop and wait, you cannot make that request again. You can choose to stop and abandon now"
func TestOnlyAWaitCanBeEscalatedAndOnlyToAnAbandon(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	execution := startExecution(t)
	wait := createObject(t, builders.StopAndWait(execution))
	expectAccepted(t, wait)
	expectVerdict(t, createObject(t, builders.StopAndWait(execution)), v1alpha1.ReasonDuplicatedStopRequest)

	abandon := createObject(t, builders.StopAndAbandon(execution))
	expectAccepted(t, abandon)
	waitForStopped(t, abandon)
	waitForStopped(t, wait)
	waitForState(t, execution, v1alpha1.ExecutionStopped)
	g.Expect(actionStates(execution)).To(HaveKeyWithValue("compile", actionAbandoned))
	g.Expect(execution.Status.Stop.Mode).To(Equal(v1alpha1.StopModeAbandon))
	g.Expect(execution.Status.Stop.Requests).To(HaveLen(2))
}

// "If you already chose to stop and abandon, you cannot make that request again."
func TestNothingFollowsAnAbandon(t *testing.T) {
	t.Parallel()
	execution := startExecution(t, ignoreTermination)
	expectAccepted(t, createObject(t, builders.StopAndAbandon(execution)))
	expectVerdict(t, createObject(t, builders.StopAndAbandon(execution)), v1alpha1.ReasonDuplicatedStopRequest)
	expectVerdict(t, createObject(t, builders.StopAndWait(execution)), v1alpha1.ReasonDuplicatedStopRequest)
	killPods(t, execution, "compile")
	waitForState(t, execution, v1alpha1.ExecutionStopped)
}

// "Unable to stop the pipeline execution. The execution might already be in a Stopped state, or it might no longer be in
// progress."
func TestWhatIsNoLongerInProgressIsNotStoppable(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		end   func(*testing.T, *v1alpha1.PipelineExecution)
		state v1alpha1.ExecutionState
	}{
		{"stopped", func(t *testing.T, execution *v1alpha1.PipelineExecution) {
			createObject(t, builders.StopAndAbandon(execution))
		}, v1alpha1.ExecutionStopped},
		{"failed", func(t *testing.T, execution *v1alpha1.PipelineExecution) {
			finishAction(t, execution, "compile", corev1.PodFailed)
		}, v1alpha1.ExecutionFailed},
		{"succeeded", func(t *testing.T, execution *v1alpha1.PipelineExecution) {
			for _, a := range []string{"compile", "package", "roll-out"} {
				finishAction(t, execution, a, corev1.PodSucceeded)
			}
		}, v1alpha1.ExecutionSucceeded},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := NewWithT(t)
			execution := startExecution(t)
			c.end(t, execution)
			waitForState(t, execution, c.state)
			before := execution.ResourceVersion
			for _, sr := range []*v1alpha1.StopRequest{builders.StopAndWait(execution), builders.StopAndAbandon(execution)} {
				createObject(t, sr)
				expectVerdict(t, sr, v1alpha1.ReasonNotStoppable)
				g.Expect(sr.Status.State).To(Equal(c.state))
				g.Expect(sr.Status.PipelineExecutionID).To(BeEmpty())
				g.Expect(isConditionTrue(sr, v1alpha1.ConditionStalled)).To(BeTrue())
			}
			g.Expect(refreshObject(t, execution).ResourceVersion).To(Equal(before), "a rejection writes nothing on the execution")
		})
	}
}

func TestARequestForWhatIsNotThere(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	execution := startExecution(t)
	// "The pipeline was specified in an invalid format or cannot be found."
	ns := execution.Namespace
	expectVerdict(t, createObject(t, builders.StopRequest(ns, "unknown", builders.UnknownID)), v1alpha1.ReasonPipelineNotFound)
	// The id of an execution of another pipeline.
	expectVerdict(t, createObject(t, builders.StopRequest(ns, "unknown", string(execution.UID))), v1alpha1.ReasonPipelineNotFound)
	expectVerdict(t, createObject(t, builders.StopRequest(ns, "web", builders.UnknownID)), v1alpha1.ReasonNotStoppable)
	// A reference never crosses a namespace.
	elsewhere := createObject(t, builders.StopRequest(createNamespace(t), "web", string(execution.UID)))
	expectVerdict(t, elsewhere, v1alpha1.ReasonPipelineNotFound)
	g.Expect(refreshObject(t, execution).Status.State).To(Equal(v1alpha1.ExecutionInProgress))
}

// The last action in progress fails while Stopping: the action is Failed, the execution Stopped.
func TestAnActionThatFailsWhileStoppingIsFailedAndTheExecutionStopped(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	execution := startExecution(t)
	sr := createObject(t, builders.StopAndWait(execution))
	expectAccepted(t, sr)
	finishAction(t, execution, "compile", corev1.PodFailed)
	waitForState(t, execution, v1alpha1.ExecutionStopped)
	g.Expect(actionStates(execution)).To(HaveKeyWithValue("compile", actionFailed))
	g.Expect(findCondition(execution, v1alpha1.ConditionSucceeded).Reason).To(Equal("Stopped"))
}

// Everything succeeds while Stopping, the last action of the last stage too: Stopped.
func TestAnExecutionThatSucceedsWhileStoppingIsStopped(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := createNamespace(t)
	createPipeline(t, ns, "web", builders.Stage("Build", builders.Action("compile")))
	execution := createExecution(t, ns, "web")
	waitForRunning(t, execution, "compile")
	expectAccepted(t, createObject(t, builders.StopAndWait(execution)))
	finishAction(t, execution, "compile", corev1.PodSucceeded)
	waitForState(t, execution, v1alpha1.ExecutionStopped)
	g.Expect(actionStates(execution)).To(HaveKeyWithValue("compile", actionSucceeded))
	g.Expect(stageStates(execution)).To(Equal([]v1alpha1.StageState{v1alpha1.StageStopped}))
}

func TestAnExecutionThatWaitsForItsPipelineNeverStartsOnceStopped(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := createNamespace(t)
	execution := createExecution(t, ns, "web")
	waitForState(t, execution, v1alpha1.ExecutionInProgress)
	sr := createObject(t, builders.StopAndWait(execution))
	expectAccepted(t, sr)
	waitForStopped(t, sr)
	createPipeline(t, ns, "web", builders.Stage("Build", builders.Action("compile")))
	expectJobs(t, execution, 0)
	g.Expect(refreshObject(t, execution).Status.State).To(Equal(v1alpha1.ExecutionStopped))
}

// With onStop: Abandon an action is abandoned under a wait too; the others finish.
func TestAWaitAbandonsAtOnceWhatIsNotWorthWaitingFor(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := createNamespace(t)
	createPipeline(t, ns, "web", builders.Stage("Test", builders.Action("unit"), builders.Action("soak", builders.AbandonedOnStop)))
	execution := createExecution(t, ns, "web")
	waitForRunning(t, execution, "unit")
	waitForRunning(t, execution, "soak")
	expectAccepted(t, createObject(t, builders.StopAndWait(execution)))
	g.Eventually(countRunning(t.Context(), execution, "soak"), timeout, interval).Should(BeZero())
	g.Expect(actionStates(refreshObject(t, execution))).To(Equal(states{"unit": actionInProgress, "soak": actionAbandoned}))
	finishAction(t, execution, "unit", corev1.PodSucceeded)
	waitForState(t, execution, v1alpha1.ExecutionStopped)
	g.Expect(actionStates(execution)).To(Equal(states{"unit": actionSucceeded, "soak": actionAbandoned}))
}

// With onAbandon: Orphan the work of an abandoned action goes on, and is marked.
func TestAnOrphanedJobGoesOnOutsideTheExecution(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := createNamespace(t)
	withTTL := func(action *v1alpha1.Action, _ *batchv1.JobSpec) {
		action.OrphanTTLSecondsAfterFinished = ptr.To[int32](86400)
	}
	createPipeline(t, ns, "web", builders.Stage("Deploy", builders.Action("migrate", builders.Orphaned, withTTL)))
	execution := createExecution(t, ns, "web")
	waitForRunning(t, execution, "migrate")
	expectAccepted(t, createObject(t, builders.StopAndAbandon(execution)))
	waitForState(t, execution, v1alpha1.ExecutionStopped)

	list := listJobs(t, execution)
	g.Expect(list).To(HaveLen(1))
	g.Expect(list[0].Labels).To(HaveKeyWithValue(v1alpha1.LabelOrphaned, "true"))
	g.Expect(list[0].OwnerReferences).To(BeEmpty())
	g.Expect(list[0].Spec.TTLSecondsAfterFinished).To(HaveValue(BeEquivalentTo(86400)))
	g.Expect(k8s.Delete(t.Context(), execution)).To(Succeed())
	g.Consistently(countRunning(t.Context(), execution, "migrate"), quietTime, interval).Should(Equal(1))
}

func TestNothingUndoesAStop(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	execution := startExecution(t)
	sr := createObject(t, builders.StopAndWait(execution))
	expectAccepted(t, sr)
	g.Expect(k8s.Delete(t.Context(), sr)).To(Succeed())
	finishAction(t, execution, "compile", corev1.PodSucceeded)
	waitForState(t, execution, v1alpha1.ExecutionStopped)
	g.Expect(execution.Status.Stop.Requests[0].Reason).To(Equal(builders.StopReason))

	// Created again under its name, it is another request.
	again := sr.DeepCopy()
	again.ObjectMeta = metav1.ObjectMeta{Namespace: sr.Namespace, Name: sr.Name}
	createObject(t, again)
	expectVerdict(t, again, v1alpha1.ReasonNotStoppable)
}
