// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"testing"

	. "github.com/onsi/gomega"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"haltline.dev/haltline/api/v1alpha1"
)

// started is an execution of two stages whose first has an action in progress and one behind it.
func started(t *testing.T, edit ...func(*batchv1.JobSpec)) *v1alpha1.PipelineExecution {
	t.Helper()
	ns := namespace(t)
	pipeline(t, ns, "web", stage("Build", act("compile", 1, edit...), act("package", 2)), stage("Deploy", act("roll-out", 1)))
	e := execution(t, ns, "web")
	running(t, e, "compile")
	return e
}

func stopped(t *testing.T, r *v1alpha1.StopRequest) {
	t.Helper()
	holds(t, r, func() []metav1.Condition { return r.Status.Conditions }, v1alpha1.ConditionStopped, metav1.ConditionTrue)
}

// "stop the pipeline execution by completing in-progress actions without starting subsequent actions"
func TestStopAndWaitCompletesInProgressActionsAndStartsNoMore(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	e := started(t)
	r := request(t, e, false)
	g.Expect(verdict(t, r)).To(Equal(v1alpha1.ReasonAccepted))
	g.Expect(r.Status.PipelineExecutionID).To(Equal(string(e.UID)))
	g.Expect(r.Status.Mode).To(Equal(v1alpha1.StopModeWait))

	// "While completing or abandoning in-progress actions, the pipeline execution is in a Stopping state."
	reaches(t, e, v1alpha1.ExecutionStopping)
	g.Expect(actionStates(e)).To(HaveKeyWithValue("compile", inProgress))
	g.Expect(e.Status.Stop.WaitingFor).To(HaveLen(1))
	g.Expect(e.Status.Stop.WaitingFor[0].Action).To(Equal("compile"))
	g.Consistently(func() int { return len(jobs(t, e)) }, vigil, tick).Should(Equal(1))
	pods, err := podsOf(t.Context(), e, "compile")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(pods).To(HaveLen(1), "the container goes on")

	// "After all in-progress actions are completed or abandoned, the pipeline execution is in a Stopped state."
	finish(t, e, "compile", corev1.PodSucceeded)
	reaches(t, e, v1alpha1.ExecutionStopped)
	g.Expect(actionStates(e)).To(Equal(states{"compile": succeeded, "package": notStarted, "roll-out": notStarted}))
	g.Expect(stageStates(e)).To(Equal([]v1alpha1.StageState{v1alpha1.StageStopped, v1alpha1.StageNotStarted}))
	stopped(t, r)
	g.Consistently(func() int { return len(jobs(t, e)) }, vigil, tick).Should(Equal(1))
}

// "or by abandoning in-progress actions"
func TestStopAndAbandonEndsInProgressActions(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	e := started(t, func(s *batchv1.JobSpec) { s.Template.Annotations = map[string]string{annotationHoldGrace: "true"} })
	r := request(t, e, true)
	g.Expect(verdict(t, r)).To(Equal(v1alpha1.ReasonAccepted))
	reaches(t, e, v1alpha1.ExecutionStopping)
	g.Expect(actionStates(e)).To(HaveKeyWithValue("compile", abandoned))

	// Stopped means stopped: not while a pod is in its grace period.
	g.Eventually(func() bool {
		pods, err := podsOf(t.Context(), e, "compile")
		return err == nil && len(pods) == 1 && pods[0].DeletionTimestamp != nil
	}, patience, tick).Should(BeTrue())
	g.Consistently(func() v1alpha1.ExecutionState { return refresh(t, e).Status.State }, vigil, tick).Should(Equal(v1alpha1.ExecutionStopping))
	g.Expect(e.Status.Stop.WaitingFor).To(HaveLen(1))

	endPods(t, e, "compile")
	reaches(t, e, v1alpha1.ExecutionStopped)
	g.Expect(actionStates(e)).To(Equal(states{"compile": abandoned, "package": notStarted, "roll-out": notStarted}))
	g.Expect(e.Status.Stop.WaitingFor).To(BeEmpty())
	stopped(t, r)
}

// "If you already chose to stop and wait, you cannot make that request again. You can choose to stop and abandon now"
func TestOnlyAWaitCanBeEscalatedAndOnlyToAnAbandon(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	e := started(t)
	wait := request(t, e, false)
	g.Expect(verdict(t, wait)).To(Equal(v1alpha1.ReasonAccepted))
	g.Expect(verdict(t, request(t, e, false))).To(Equal(v1alpha1.ReasonDuplicatedStopRequest))

	abandon := request(t, e, true)
	g.Expect(verdict(t, abandon)).To(Equal(v1alpha1.ReasonAccepted))
	stopped(t, abandon)
	stopped(t, wait)
	reaches(t, e, v1alpha1.ExecutionStopped)
	g.Expect(actionStates(e)).To(HaveKeyWithValue("compile", abandoned))
	g.Expect(e.Status.Stop.Mode).To(Equal(v1alpha1.StopModeAbandon))
	g.Expect(e.Status.Stop.Requests).To(HaveLen(2))
}

// "If you already chose to stop and abandon, you cannot make that request again."
func TestNothingFollowsAnAbandon(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	e := started(t, func(s *batchv1.JobSpec) { s.Template.Annotations = map[string]string{annotationHoldGrace: "true"} })
	g.Expect(verdict(t, request(t, e, true))).To(Equal(v1alpha1.ReasonAccepted))
	g.Expect(verdict(t, request(t, e, true))).To(Equal(v1alpha1.ReasonDuplicatedStopRequest))
	g.Expect(verdict(t, request(t, e, false))).To(Equal(v1alpha1.ReasonDuplicatedStopRequest))
	endPods(t, e, "compile")
	reaches(t, e, v1alpha1.ExecutionStopped)
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
		{"stopped", func(t *testing.T, e *v1alpha1.PipelineExecution) { request(t, e, true) }, v1alpha1.ExecutionStopped},
		{"failed", func(t *testing.T, e *v1alpha1.PipelineExecution) { finish(t, e, "compile", corev1.PodFailed) }, v1alpha1.ExecutionFailed},
		{"succeeded", func(t *testing.T, e *v1alpha1.PipelineExecution) {
			for _, a := range []string{"compile", "package", "roll-out"} {
				finish(t, e, a, corev1.PodSucceeded)
			}
		}, v1alpha1.ExecutionSucceeded},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := NewWithT(t)
			e := started(t)
			c.end(t, e)
			reaches(t, e, c.state)
			before := e.ResourceVersion
			for _, abandon := range []bool{false, true} {
				r := request(t, e, abandon)
				g.Expect(verdict(t, r)).To(Equal(v1alpha1.ReasonNotStoppable))
				g.Expect(r.Status.State).To(Equal(c.state))
				g.Expect(r.Status.PipelineExecutionID).To(BeEmpty())
				g.Expect(meta.IsStatusConditionTrue(r.Status.Conditions, v1alpha1.ConditionStalled)).To(BeTrue())
			}
			g.Expect(refresh(t, e).ResourceVersion).To(Equal(before), "a rejection writes nothing on the execution")
		})
	}
}

func TestARequestForWhatIsNotThere(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	e := started(t)
	create := func(r *v1alpha1.StopRequest) *v1alpha1.StopRequest {
		g.Expect(k8s.Create(t.Context(), r)).To(Succeed())
		return r
	}
	// "The pipeline was specified in an invalid format or cannot be found."
	g.Expect(verdict(t, create(stopRequest(e.Namespace, "unknown", unknownID, false)))).To(Equal(v1alpha1.ReasonPipelineNotFound))
	// The id of an execution of another pipeline.
	g.Expect(verdict(t, create(stopRequest(e.Namespace, "unknown", string(e.UID), false)))).To(Equal(v1alpha1.ReasonPipelineNotFound))
	g.Expect(verdict(t, create(stopRequest(e.Namespace, "web", unknownID, false)))).To(Equal(v1alpha1.ReasonNotStoppable))
	// A reference never crosses a namespace.
	elsewhere := stopRequest(namespace(t), "web", string(e.UID), false)
	g.Expect(verdict(t, create(elsewhere))).To(Equal(v1alpha1.ReasonPipelineNotFound))
	g.Expect(refresh(t, e).Status.State).To(Equal(v1alpha1.ExecutionInProgress))
}

// The last action in progress fails while Stopping: the action is Failed, the execution Stopped.
func TestAnActionThatFailsWhileStoppingIsFailedAndTheExecutionStopped(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	e := started(t)
	r := request(t, e, false)
	g.Expect(verdict(t, r)).To(Equal(v1alpha1.ReasonAccepted))
	finish(t, e, "compile", corev1.PodFailed)
	reaches(t, e, v1alpha1.ExecutionStopped)
	g.Expect(actionStates(e)).To(HaveKeyWithValue("compile", failed))
	g.Expect(meta.FindStatusCondition(e.Status.Conditions, v1alpha1.ConditionSucceeded).Reason).To(Equal("Stopped"))
}

// Everything succeeds while Stopping, the last action of the last stage too: Stopped.
func TestAnExecutionThatSucceedsWhileStoppingIsStopped(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := namespace(t)
	pipeline(t, ns, "web", stage("Build", act("compile", 1)))
	e := execution(t, ns, "web")
	running(t, e, "compile")
	g.Expect(verdict(t, request(t, e, false))).To(Equal(v1alpha1.ReasonAccepted))
	finish(t, e, "compile", corev1.PodSucceeded)
	reaches(t, e, v1alpha1.ExecutionStopped)
	g.Expect(actionStates(e)).To(HaveKeyWithValue("compile", succeeded))
	g.Expect(stageStates(e)).To(Equal([]v1alpha1.StageState{v1alpha1.StageStopped}))
}

func TestAnExecutionThatWaitsForItsPipelineNeverStartsOnceStopped(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := namespace(t)
	e := execution(t, ns, "web")
	reaches(t, e, v1alpha1.ExecutionInProgress)
	r := request(t, e, false)
	g.Expect(verdict(t, r)).To(Equal(v1alpha1.ReasonAccepted))
	stopped(t, r)
	pipeline(t, ns, "web", stage("Build", act("compile", 1)))
	g.Consistently(func() int { return len(jobs(t, e)) }, vigil, tick).Should(BeZero())
	g.Expect(refresh(t, e).Status.State).To(Equal(v1alpha1.ExecutionStopped))
}

// onStop: Abandon is for what is not worth waiting for; the others finish.
func TestAWaitAbandonsAtOnceWhatIsNotWorthWaitingFor(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := namespace(t)
	soak := act("soak", 1)
	soak.OnStop = v1alpha1.OnStopAbandon
	pipeline(t, ns, "web", stage("Test", act("unit", 1), soak))
	e := execution(t, ns, "web")
	running(t, e, "unit")
	running(t, e, "soak")
	g.Expect(verdict(t, request(t, e, false))).To(Equal(v1alpha1.ReasonAccepted))
	g.Eventually(func() int {
		pods, err := podsOf(t.Context(), e, "soak")
		g.Expect(err).NotTo(HaveOccurred())
		return len(pods)
	}, patience, tick).Should(BeZero())
	g.Expect(actionStates(refresh(t, e))).To(Equal(states{"unit": inProgress, "soak": abandoned}))
	finish(t, e, "unit", corev1.PodSucceeded)
	reaches(t, e, v1alpha1.ExecutionStopped)
	g.Expect(actionStates(e)).To(Equal(states{"unit": succeeded, "soak": abandoned}))
}

// CodePipeline "lets the provider's work go on"; here it is a choice for each action.
func TestAnOrphanedJobGoesOnOutsideTheExecution(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := namespace(t)
	migrate := act("migrate", 1)
	migrate.OnAbandon = v1alpha1.OnAbandonOrphan
	pipeline(t, ns, "web", stage("Deploy", migrate))
	e := execution(t, ns, "web")
	running(t, e, "migrate")
	g.Expect(verdict(t, request(t, e, true))).To(Equal(v1alpha1.ReasonAccepted))
	reaches(t, e, v1alpha1.ExecutionStopped)

	list := jobs(t, e)
	g.Expect(list).To(HaveLen(1))
	g.Expect(list[0].Labels).To(HaveKeyWithValue(v1alpha1.LabelOrphaned, "true"))
	g.Expect(list[0].OwnerReferences).To(BeEmpty())
	g.Expect(k8s.Delete(t.Context(), e)).To(Succeed())
	g.Consistently(func() (int, error) {
		pods, err := podsOf(t.Context(), e, "migrate")
		return len(pods), err
	}, vigil, tick).Should(Equal(1))
}

func TestNothingUndoesAStop(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	e := started(t)
	r := request(t, e, false)
	g.Expect(verdict(t, r)).To(Equal(v1alpha1.ReasonAccepted))
	g.Expect(k8s.Delete(t.Context(), r)).To(Succeed())
	finish(t, e, "compile", corev1.PodSucceeded)
	reaches(t, e, v1alpha1.ExecutionStopped)
	g.Expect(e.Status.Stop.Requests[0].Reason).To(Equal("a test"))

	again := r.DeepCopy()
	again.ObjectMeta = metav1.ObjectMeta{Namespace: r.Namespace, Name: r.Name}
	g.Expect(k8s.Create(t.Context(), again)).To(Succeed())
	g.Expect(verdict(t, again)).To(Equal(v1alpha1.ReasonNotStoppable), "recreated, it is a request of its own")
}

func TestDeletingAnExecutionOrItsPipelineEndsItsWork(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	for _, propagation := range []metav1.DeletionPropagation{metav1.DeletePropagationBackground, metav1.DeletePropagationForeground} {
		e := started(t)
		p := &v1alpha1.Pipeline{ObjectMeta: metav1.ObjectMeta{Namespace: e.Namespace, Name: "web"}}
		g.Expect(k8s.Delete(t.Context(), p, client.PropagationPolicy(propagation))).To(Succeed())
		g.Eventually(func() int { return len(jobs(t, e)) }, patience, tick).Should(BeZero())
		g.Eventually(func() error { return k8s.Get(t.Context(), client.ObjectKeyFromObject(e), e) }, patience, tick).ShouldNot(Succeed())
	}
}

func TestARequestWhoseExecutionIsDeletedGetsItsEnd(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	e := started(t, func(s *batchv1.JobSpec) { s.Template.Annotations = map[string]string{annotationHoldGrace: "true"} })
	r := request(t, e, false)
	g.Expect(verdict(t, r)).To(Equal(v1alpha1.ReasonAccepted))
	g.Expect(k8s.Delete(t.Context(), e)).To(Succeed())
	g.Eventually(func() error { return k8s.Get(t.Context(), client.ObjectKeyFromObject(e), e.DeepCopy()) }, patience, tick).ShouldNot(Succeed())
	g.Consistently(func() bool {
		return meta.IsStatusConditionTrue(refresh(t, r).Status.Conditions, v1alpha1.ConditionStopped)
	}, vigil, tick).Should(BeFalse(), "its pod is still there")
	endPods(t, e, "compile")
	stopped(t, r)
	g.Expect(meta.FindStatusCondition(r.Status.Conditions, v1alpha1.ConditionStopped).Reason).To(Equal(v1alpha1.ReasonExecutionDeleted))
	g.Expect(meta.FindStatusCondition(r.Status.Conditions, v1alpha1.ConditionAccepted).Status).To(Equal(metav1.ConditionTrue))
}

// A finalizer of another can keep an execution that was deleted, and with it what it runs.
func TestAnExecutionThatIsBeingDeletedCanBeStoppedAndStartsNoMore(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	e := started(t)
	edit := func(change func(client.Object, string) bool) {
		before := refresh(t, e).DeepCopy()
		change(e, "example.com/hold")
		g.Expect(k8s.Patch(t.Context(), e, client.MergeFrom(before))).To(Succeed())
	}
	edit(controllerutil.AddFinalizer)
	g.Expect(k8s.Delete(t.Context(), e)).To(Succeed())
	wait := request(t, e, false)
	g.Expect(verdict(t, wait)).To(Equal(v1alpha1.ReasonAccepted))
	g.Expect(verdict(t, request(t, e, true))).To(Equal(v1alpha1.ReasonAccepted))
	reaches(t, e, v1alpha1.ExecutionStopped)
	g.Expect(actionStates(e)).To(Equal(states{"compile": abandoned, "package": notStarted, "roll-out": notStarted}))
	stopped(t, wait)
	edit(controllerutil.RemoveFinalizer)
}

func TestAnExecutionThatIsBeingDeletedStartsNoMore(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	e := started(t, func(s *batchv1.JobSpec) { s.Template.Annotations = map[string]string{annotationHoldGrace: "true"} })
	before := refresh(t, e).DeepCopy()
	controllerutil.AddFinalizer(e, "example.com/hold")
	g.Expect(k8s.Patch(t.Context(), e, client.MergeFrom(before))).To(Succeed())
	g.Expect(k8s.Delete(t.Context(), e)).To(Succeed())
	finish(t, e, "compile", corev1.PodSucceeded)
	g.Eventually(func() states { return actionStates(refresh(t, e)) }, patience, tick).Should(HaveKeyWithValue("compile", succeeded))
	g.Consistently(func() int { return len(jobs(t, e)) }, vigil, tick).Should(Equal(1))
	before = refresh(t, e).DeepCopy()
	controllerutil.RemoveFinalizer(e, "example.com/hold")
	g.Expect(k8s.Patch(t.Context(), e, client.MergeFrom(before))).To(Succeed())
}

// runsNothingWhenResumed has another resume the Job of an execution, as a queue does.
func runsNothingWhenResumed(t *testing.T, e *v1alpha1.PipelineExecution) {
	t.Helper()
	g := NewWithT(t)
	job := &jobs(t, e)[0]
	g.Expect(k8s.Patch(t.Context(), job, client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"suspend":false}}`)))).To(Succeed())
	g.Consistently(func() (int, error) {
		pods, err := podsOf(t.Context(), e, "compile")
		return len(pods), err
	}, 2*vigil, tick).Should(BeZero())
}

// A queue of another may resume a Job that an abandoned execution has suspended.
func TestAJobThatIsResumedAfterItsExecutionStoppedRunsNothing(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	e := started(t)
	g.Expect(verdict(t, request(t, e, true))).To(Equal(v1alpha1.ReasonAccepted))
	reaches(t, e, v1alpha1.ExecutionStopped)
	runsNothingWhenResumed(t, e)
}

// A Job that waits in a queue is suspended already.
func TestAQueuedJobThatIsAbandonedRunsNothingWhenItsTurnComes(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := namespace(t)
	pipeline(t, ns, "web", stage("Build", act("compile", 1, func(s *batchv1.JobSpec) { s.Suspend = ptr.To(true) })))
	e := execution(t, ns, "web")
	g.Eventually(func() int { return len(jobs(t, e)) }, patience, tick).Should(Equal(1))
	g.Expect(verdict(t, request(t, e, true))).To(Equal(v1alpha1.ReasonAccepted))
	reaches(t, e, v1alpha1.ExecutionStopped)
	runsNothingWhenResumed(t, e)
}

func TestAnExecutionDeletedWithoutItsJobsEndsItsRequest(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	e := started(t)
	r := request(t, e, false)
	g.Expect(verdict(t, r)).To(Equal(v1alpha1.ReasonAccepted))
	g.Expect(k8s.Delete(t.Context(), e, client.PropagationPolicy(metav1.DeletePropagationOrphan))).To(Succeed())
	stopped(t, r)
	g.Expect(meta.FindStatusCondition(r.Status.Conditions, v1alpha1.ConditionStopped).Reason).To(Equal(v1alpha1.ReasonExecutionDeleted))
}

func TestANamespaceCanBeDeletedInMidStop(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	e := started(t)
	g.Expect(verdict(t, request(t, e, false))).To(Equal(v1alpha1.ReasonAccepted))
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: e.Namespace}}
	g.Expect(k8s.Delete(t.Context(), ns)).To(Succeed())
	g.Eventually(func() error { return client.IgnoreNotFound(k8s.Get(t.Context(), client.ObjectKeyFromObject(ns), ns)) }, patience, tick).Should(Succeed())
	g.Eventually(func() bool {
		return k8s.Get(t.Context(), client.ObjectKeyFromObject(ns), ns) != nil
	}, patience, tick).Should(BeTrue())
}
