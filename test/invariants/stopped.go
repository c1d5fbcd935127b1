// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package invariants

import (
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/simcluster"
)

// checkStopped is I5: "Stopped is written only when every action that was in progress has ended, is gone, or was orphaned on
// purpose." It holds for every final state. If somebody else overwrote the stages, nobody knows what ran.
func checkStopped(h *History, r *Result) {
	for _, l := range h.Lives(simcluster.Execution) {
		for _, c := range l.Versions {
			if c.mayBeOperators() && becomesFinal(c) && !h.isWiped(l.UID, c.Position, partStages) {
				execution := c.New.(*v1alpha1.PipelineExecution)
				h.checkActionsEnded(r, c, execution)
				h.checkWorkEnded(r, c, execution)
				h.checkNoLaterPod(r, c, execution)
			}
		}
	}
}

func becomesFinal(c *Change) bool {
	old, existed := c.Old.(*v1alpha1.PipelineExecution)
	wasFinal := existed && old.Status.State.IsFinal()
	return c.New.(*v1alpha1.PipelineExecution).Status.State.IsFinal() && !wasFinal
}

// checkActionsEnded checks what a final status has about the actions.
func (h *History) checkActionsEnded(r *Result, c *Change, execution *v1alpha1.PipelineExecution) {
	for _, stage := range execution.Status.Stages {
		for _, action := range stage.Actions {
			r.Checked++
			h.checkActionEnded(r, c, execution, &action)
		}
	}
}

func isBeingDeleted(o client.Object) bool { return o.GetDeletionTimestamp() != nil }

// checkActionEnded checks that an action has ended, and that its Job has finished unless the action was abandoned or exceeded a time
// limit.
func (h *History) checkActionEnded(r *Result, c *Change, execution *v1alpha1.PipelineExecution, action *v1alpha1.ActionStatus) {
	if action.State == v1alpha1.ActionInProgress || action.State != v1alpha1.ActionNotStarted && action.CompletionTime == nil {
		r.violate(c.Position, execution.UID, "execution %q is %s and action %q is %s and has not ended",
			execution.Name, execution.Status.State, action.Name, action.State)
		return
	}
	job := h.findLife(simcluster.Job, types.UID(action.Workload.UID))
	if job == nil || action.State == v1alpha1.ActionAbandoned || action.State == v1alpha1.ActionNotStarted || action.TimedOut != nil {
		return
	}
	if action.Reason == v1alpha1.ReasonWorkloadLost && job.IsBefore(c.Position, isBeingDeleted) {
		// Nothing of it can run any more, which checkWorkEnded checks. Only a finalizer keeps it.
		return
	}
	if !job.IsBefore(c.Position, IsJobFinished) && !job.mayBeGone(c.Position) {
		r.violateUnlessLost(h, job, c.Position, execution.UID, "execution %q is %s, and Job %q of its %s action %q has not finished",
			execution.Name, execution.Status.State, job.Key.Name, action.State, action.Name)
	}
}

// checkWorkEnded checks that nothing of an execution runs, or can, when a change is stored.
func (h *History) checkWorkEnded(r *Result, c *Change, execution *v1alpha1.PipelineExecution) {
	for _, job := range h.Lives(simcluster.Job) {
		then := job.versionAt(c.Position)
		if then == nil || !h.isToEnd(job.UID, execution, c.Position) {
			continue
		}
		r.Checked++
		if canRun(then.New.(*batchv1.Job)) && !job.mayBeGone(c.Position) {
			r.violateUnlessLost(h, job, c.Position, execution.UID, "execution %q is %s and its Job %q can run: %s",
				execution.Name, execution.Status.State, job.Key.Name, Describe(then.New))
		}
		for _, pod := range h.PodsOf(job.UID) {
			if p := pod.versionAt(c.Position); p != nil && jobOf(p.New) == job.UID {
				h.checkPodEnded(r, c, execution, pod, IsJobFinished(then.New))
			}
		}
	}
}

// canRun reports whether the Job controller may create a pod for the Job, now or when somebody resumes it.
func canRun(job *batchv1.Job) bool {
	return !IsJobFinished(job) && job.DeletionTimestamp == nil && !isEmpty(job)
}

// checkPodEnded checks that a pod that was there before a change is gone, or has ended by itself, when the change is stored.
func (h *History) checkPodEnded(r *Result, c *Change, execution *v1alpha1.PipelineExecution, pod *Life, jobFinished bool) {
	then := pod.versionAt(c.Position)
	if pod.IsBefore(c.Position, hasPodEndedByItself) || jobFinished && HasPodEnded(then.New.(*corev1.Pod)) {
		return
	}
	switch {
	case pod.isGone(c.Position):
	case !pod.mayBeGone(c.Position):
		r.violateUnlessLost(h, pod, c.Position, execution.UID, "execution %q is %s and pod %q of it is there: %s",
			execution.Name, execution.Status.State, pod.Key.Name, Describe(then.New))
	case c.Verb != "" && pod.Removal.Time.After(c.Time):
		r.violate(c.Position, execution.UID, "pod %q was deleted after execution %q was %s", pod.Key.Name, execution.Name, execution.Status.State)
	default:
		r.addUnproven(execution.UID)
	}
}

// hasPodEndedByItself reports whether a pod has ended and nobody has deleted it.
func hasPodEndedByItself(o client.Object) bool {
	pod, ok := o.(*corev1.Pod)
	return ok && HasPodEnded(pod) && pod.DeletionTimestamp == nil
}

// checkNoLaterPod checks that no pod of an execution is created after a change.
func (h *History) checkNoLaterPod(r *Result, c *Change, execution *v1alpha1.PipelineExecution) {
	for _, pod := range h.Lives(simcluster.Pod) {
		created := pod.First()
		if created.Position > c.Position && h.isToEnd(jobOf(created.New), execution, c.Position) {
			r.violateUnlessLost(h, pod, created.Position, execution.UID, "pod %q was created after execution %q was %s",
				pod.Key.Name, execution.Name, execution.Status.State)
		}
	}
}

// checkStoppedRequests is I5 for those who wait for the request: "a request reads Stopped only when its execution is final, or
// is deleted and what it ran is gone".
func checkStoppedRequests(h *History, r *Result) {
	for _, l := range h.Lives(simcluster.StopRequest) {
		c := l.FindFirst(readsStopped)
		if c == nil {
			continue
		}
		r.Checked++
		id := ExecutionOf(c.New)
		execution := h.Execution(id)
		if execution == nil {
			continue
		}
		then := execution.versionAt(c.Position)
		switch {
		case then == nil:
		case execution.isGone(c.Position):
			if !h.isWiped(id, c.Position, partStages) {
				h.checkWorkEnded(r, c, then.New.(*v1alpha1.PipelineExecution))
			}
		case !then.New.(*v1alpha1.PipelineExecution).Status.State.IsFinal() && !execution.mayBeGone(c.Position) && !h.isWiped(id, c.Position, partState):
			r.violateUnlessLost(h, execution, c.Position, id, "StopRequest %q reads Stopped, and execution %q is %s",
				l.Key.Name, execution.Key.Name, then.New.(*v1alpha1.PipelineExecution).Status.State)
		}
	}
}

func readsStopped(o client.Object) bool {
	return meta.IsStatusConditionTrue(o.(*v1alpha1.StopRequest).Status.Conditions, v1alpha1.ConditionStopped)
}

// checkWaits is a sentence of the contract that I5 rests on: "You choose to either stop the pipeline execution by completing
// in-progress actions without starting subsequent actions, or by abandoning in-progress actions." A stop that waits abandons only
// those whose onStop asks for it.
func checkWaits(h *History, r *Result) {
	for _, l := range h.Lives(simcluster.Execution) {
		for _, c := range l.Versions {
			execution := c.New.(*v1alpha1.PipelineExecution)
			stop := execution.Status.Stop
			if stop == nil || stop.Mode != v1alpha1.StopModeWait || !c.mayBeOperators() || h.isWiped(l.UID, c.Position, partStop) {
				continue
			}
			r.Checked++
			h.checkAbandonedOnStop(r, c, execution)
		}
	}
}

func (h *History) checkAbandonedOnStop(r *Result, c *Change, execution *v1alpha1.PipelineExecution) {
	for _, stage := range execution.Status.Stages {
		for _, action := range stage.Actions {
			definition := h.Definition(execution.Status.PipelineRevision, stage.Name, action.Name)
			if action.State == v1alpha1.ActionAbandoned && definition.OnStop != v1alpha1.OnStopAbandon {
				r.violate(c.Position, execution.UID, "a stop that waits abandons action %q of stage %q", action.Name, stage.Name)
			}
		}
	}
}
