// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package invariants

import (
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/simcluster"
)

// checkFinalStates is I5: "Final states are final: nothing in the status of a finished execution changes, except that it comes to name its retry." On the way to a final
// state, nothing undoes a stop.
func checkFinalStates(h *History, r *Result) {
	for _, l := range h.Lives(simcluster.Execution) {
		r.Checked++
		for _, c := range l.Versions {
			if old, existed := c.Old.(*v1alpha1.PipelineExecution); existed && c.mayBeOperators() {
				checkNextState(r, c, old, c.New.(*v1alpha1.PipelineExecution))
			}
		}
	}
}

func checkNextState(r *Result, c *Change, old, execution *v1alpha1.PipelineExecution) {
	was, is := old.Status.State, execution.Status.State
	switch {
	case was.IsFinal() && was != is:
		r.violate(c.Position, execution.UID, "execution %q was %s and is %s", execution.Name, was, is)
	case was.IsFinal() && !isSameEnd(&old.Status, &execution.Status):
		r.violate(c.Position, execution.UID, "the status of execution %q changed when it was %s", execution.Name, was)
	case was == v1alpha1.ExecutionStopping && is != was && is != v1alpha1.ExecutionStopped:
		r.violate(c.Position, execution.UID, "execution %q was %s and is %q", execution.Name, was, is)
	case old.Status.Stop != nil && is.IsFinal() && is != v1alpha1.ExecutionStopped:
		r.violate(c.Position, execution.UID, "execution %q was asked to stop and is %s", execution.Name, is)
	}
}

// checkFinishedExecutions is I5 for those who wait for the condition Finished, which means the same as a final state.
func checkFinishedExecutions(h *History, r *Result) {
	for _, l := range h.Lives(simcluster.Execution) {
		for _, c := range l.Versions {
			execution := c.New.(*v1alpha1.PipelineExecution)
			if !c.mayBeOperators() || execution.Status.State == "" {
				continue
			}
			if by := execution.Status.RetriedBy; by != nil && isClaimOf(c, types.UID(by.PipelineExecutionID)) {
				continue // It sets nothing but the link, whatever somebody did to the conditions.
			}
			r.Checked++
			want := ""
			if execution.Status.State.IsFinal() {
				want = string(execution.Status.State)
			}
			checkFinished(r, c, execution.Status.Conditions, want)
		}
	}
}

// checkFinishedRequests is I1 for those who wait for the condition Finished: a request is finished when it is rejected, when
// it was accepted and reads Stopped, and when its execution is gone and somebody left what it ran running.
func checkFinishedRequests(h *History, r *Result) {
	for _, l := range h.Lives(simcluster.StopRequest) {
		for _, c := range l.Versions {
			sr := c.New.(*v1alpha1.StopRequest)
			if !c.mayBeOperators() {
				continue
			}
			r.Checked++
			want := ""
			switch stopped := meta.FindStatusCondition(sr.Status.Conditions, v1alpha1.ConditionStopped); {
			case VerdictOf(sr) != "" && !IsAccepted(sr):
				want = VerdictOf(sr)
			case stopped != nil && stopped.Status == metav1.ConditionTrue:
				want = stopped.Reason
			case h.isLeftRunning(types.UID(sr.Spec.PipelineExecutionID), c.Position) && finishedReason(sr) == v1alpha1.ReasonWorkLeftRunning:
				want = v1alpha1.ReasonWorkLeftRunning
			}
			checkFinished(r, c, sr.Status.Conditions, want)
		}
	}
}

// checkFinished checks that the condition Finished is there and True with a reason, or is absent if the reason is empty.
func checkFinished(r *Result, c *Change, conditions []metav1.Condition, want string) {
	finished := meta.FindStatusCondition(conditions, v1alpha1.ConditionFinished)
	switch {
	case finished == nil && want == "":
	case finished == nil:
		r.violate(c.Position, ExecutionOf(c.New), "%s %q is %s and does not read Finished", c.Kind, c.Key.Name, want)
	case want == "":
		r.violate(c.Position, ExecutionOf(c.New), "%s %q reads Finished=%s (%s) and has not ended", c.Kind, c.Key.Name, finished.Status, finished.Reason)
	case finished.Status != metav1.ConditionTrue || finished.Reason != want:
		r.violate(c.Position, ExecutionOf(c.New), "%s %q is %s and reads Finished=%s (%s)", c.Kind, c.Key.Name, want, finished.Status, finished.Reason)
	}
	if c.Old != nil && finished == nil && c.Old.GetUID() == c.New.GetUID() && meta.IsStatusConditionTrue(conditionsOf(c.Old), v1alpha1.ConditionFinished) {
		r.violate(c.Position, ExecutionOf(c.New), "%s %q was finished and is not any more", c.Kind, c.Key.Name)
	}
}

func finishedReason(sr *v1alpha1.StopRequest) string {
	if c := meta.FindStatusCondition(sr.Status.Conditions, v1alpha1.ConditionFinished); c != nil {
		return c.Reason
	}
	return ""
}

// isLeftRunning reports whether an execution is gone and a Job or a pod of it is there that no execution and no Job controls.
func (h *History) isLeftRunning(execution types.UID, at uint64) bool {
	if l := h.Execution(execution); l != nil && l.ObjectAt(at) != nil {
		return false
	}
	for _, kind := range []simcluster.Kind{simcluster.Job, simcluster.Pod} {
		for _, l := range h.Lives(kind) {
			o := l.ObjectAt(at)
			if o != nil && o.GetLabels()[v1alpha1.LabelExecutionID] == string(execution) && controllerOf(o) == "" && !IsOrphan(o) {
				return true
			}
		}
	}
	return false
}

func conditionsOf(o any) []metav1.Condition {
	switch o := o.(type) {
	case *v1alpha1.PipelineExecution:
		return o.Status.Conditions
	case *v1alpha1.StopRequest:
		return o.Status.Conditions
	case *v1alpha1.ApprovalResult:
		return o.Status.Conditions
	}
	return nil
}
