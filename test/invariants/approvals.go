// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package invariants

import (
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/simcluster"
)

func verdictIn(conditions []metav1.Condition) string {
	if c := meta.FindStatusCondition(conditions, v1alpha1.ConditionAccepted); c != nil {
		return c.Reason
	}
	return ""
}

// VerdictOfResult returns the reason of the verdict on an approval result, or nothing.
func VerdictOfResult(ar *v1alpha1.ApprovalResult) string { return verdictIn(ar.Status.Conditions) }

// HasVerdict reports whether an approval result has its verdict.
func HasVerdict(ar *v1alpha1.ApprovalResult) bool { return verdictIn(ar.Status.Conditions) != "" }

// checkOneVerdictOnResult is I1 for approval results, and that a result is finished exactly when it has a verdict.
func checkOneVerdictOnResult(h *History, r *Result) {
	for _, l := range h.Lives(simcluster.ApprovalResult) {
		r.Checked++
		var given *metav1.Condition
		for _, c := range l.Versions {
			ar := c.New.(*v1alpha1.ApprovalResult)
			verdict := meta.FindStatusCondition(ar.Status.Conditions, v1alpha1.ConditionAccepted)
			if given != nil && !equality.Semantic.DeepEqual(given, verdict) {
				r.violate(c.Position, ExecutionOf(ar), "the verdict on ApprovalResult %q was %s and is %s", ar.Name, formatVerdict(given), formatVerdict(verdict))
			}
			if finished := meta.IsStatusConditionTrue(ar.Status.Conditions, v1alpha1.ConditionFinished); finished != (verdict != nil) {
				r.violate(c.Position, ExecutionOf(ar), "ApprovalResult %q has the verdict %s, and finished is %t", ar.Name, formatVerdict(verdict), finished)
			}
			given = verdict
		}
	}
}

// approvals iterates over the actions of an execution that are approvals and that it did not take over, by the names of their stages.
func approvals(execution *v1alpha1.PipelineExecution, yield func(stage string, a *v1alpha1.ActionStatus)) {
	for i := range execution.Status.Stages {
		stage := &execution.Status.Stages[i]
		for j := range stage.Actions {
			if stage.Actions[j].Approval != nil && stage.Actions[j].TakenOverFrom == "" {
				yield(stage.Name, &stage.Actions[j])
			}
		}
	}
}

func findApproval(execution *v1alpha1.PipelineExecution, stage, action string) *v1alpha1.ActionStatus {
	var found *v1alpha1.ActionStatus
	approvals(execution, func(s string, a *v1alpha1.ActionStatus) {
		if s == stage && a.Name == action {
			found = a
		}
	})
	return found
}

// checkDecisions checks each write of an execution: a decision is never changed; it is that of a result that names the action, was there
// and submitted, came in time, is not from who started the execution if that is forbidden, and had not been rejected; and the action
// waited until then. An approval ends as it was decided, and not before its time is up if nobody did.
func checkDecisions(h *History, r *Result) {
	for _, l := range h.Lives(simcluster.Execution) {
		for _, c := range l.Versions {
			old, existed := c.Old.(*v1alpha1.PipelineExecution)
			execution := c.New.(*v1alpha1.PipelineExecution)
			if !c.mayBeOperators() || !existed || h.isWiped(execution.UID, c.Position, partStages|partStop|partState) {
				continue
			}
			approvals(execution, func(stage string, a *v1alpha1.ActionStatus) {
				r.Checked++
				h.checkDecision(r, l, c, old, stage, a)
				checkEndOfApproval(r, c, stage, a)
			})
		}
	}
}

func (h *History) checkDecision(r *Result, l *Life, c *Change, old *v1alpha1.PipelineExecution, stage string, a *v1alpha1.ActionStatus) {
	id := c.New.GetUID()
	before := findApproval(old, stage, a.Name)
	switch {
	case before != nil && before.Approval.Result != nil:
		if !equality.Semantic.DeepEqual(before.Approval.Result, a.Approval.Result) {
			r.violate(c.Position, id, "the decision on action %q changed", a.Name)
		}
		return
	case a.Approval.Result == nil:
		return
	case before == nil || before.State != v1alpha1.ActionInProgress:
		r.violateUnlessLost(h, l, c.Position, id, "action %q was decided and did not wait before", a.Name)
		return
	case a.State == v1alpha1.ActionAbandoned || IsAbandoning(old):
		r.violate(c.Position, id, "action %q was decided after an abandon", a.Name)
		return
	}
	h.checkDecidedBy(r, c, stage, a)
}

// IsAbandoning reports whether the execution was asked to stop and abandon.
func IsAbandoning(execution *v1alpha1.PipelineExecution) bool {
	return execution.Status.Stop != nil && execution.Status.Stop.Mode == v1alpha1.StopModeAbandon
}

// checkDecidedBy checks that the result that an execution takes is one that it may take.
func (h *History) checkDecidedBy(r *Result, c *Change, stage string, a *v1alpha1.ActionStatus) {
	execution, result := c.New.(*v1alpha1.PipelineExecution), a.Approval.Result
	l, ar := h.findResult(result.UID, c.Position)
	if ar == nil {
		r.violate(c.Position, execution.UID, "action %q was decided by ApprovalResult %q, which was not there", a.Name, result.Name)
		return
	}
	submitted := l.FindFirst(func(o client.Object) bool { return o.(*v1alpha1.ApprovalResult).Status.SubmittedTime != nil })
	started := h.Execution(execution.UID).FindFirst(func(o client.Object) bool {
		return findApproval(o.(*v1alpha1.PipelineExecution), stage, a.Name) != nil
	})
	switch {
	case !isAbout(ar, execution, stage, a):
		r.violate(c.Position, execution.UID, "action %q was decided by ApprovalResult %q, which is about something else", a.Name, ar.Name)
	case submitted == nil || submitted.Position > c.Position || submitted.Position < started.Position:
		r.violateUnlessLost(h, l, c.Position, execution.UID, "action %q was decided by ApprovalResult %q, which was not submitted while it waited", a.Name, ar.Name)
	case !ar.CreationTimestamp.Before(&a.Approval.ExpirationTime):
		r.violate(c.Position, execution.UID, "action %q was decided by ApprovalResult %q after its time was up", a.Name, ar.Name)
	case verdictIn(ar.Status.Conditions) != "":
		r.violate(c.Position, execution.UID, "action %q was decided by ApprovalResult %q, whose verdict is %s", a.Name, ar.Name, verdictIn(ar.Status.Conditions))
	case a.Approval.ForbidStarter && result.Status == v1alpha1.ApprovalApproved && (result.DecidedBy == "" || result.DecidedBy == execution.Spec.StartedBy):
		r.violate(c.Position, execution.UID, "action %q was approved by %q, who started the execution", a.Name, result.DecidedBy)
	}
}

// findResult returns the life of an ApprovalResult, and how it was at a position; nil if it was not there.
func (h *History) findResult(uid string, position uint64) (*Life, *v1alpha1.ApprovalResult) {
	for _, l := range h.Lives(simcluster.ApprovalResult) {
		if string(l.UID) != uid {
			continue
		}
		if version := l.versionAt(position); version != nil {
			return l, version.New.(*v1alpha1.ApprovalResult)
		}
	}
	return nil, nil
}

// isAbout reports whether a result is about an action of an execution, and says what was taken from it.
func isAbout(ar *v1alpha1.ApprovalResult, execution *v1alpha1.PipelineExecution, stage string, a *v1alpha1.ActionStatus) bool {
	spec, result := &ar.Spec, a.Approval.Result
	return spec.PipelineName == execution.Spec.PipelineName && spec.PipelineExecutionID == string(execution.UID) &&
		spec.StageName == stage && spec.ActionName == a.Name &&
		spec.Status == result.Status && spec.Summary == result.Summary && spec.DecidedBy == result.DecidedBy
}

func checkEndOfApproval(r *Result, c *Change, stage string, a *v1alpha1.ActionStatus) {
	want := v1alpha1.ActionInProgress
	switch result := a.Approval.Result; {
	case a.Workload != (v1alpha1.WorkloadReference{}):
		r.violate(c.Position, c.New.GetUID(), "approval %s/%s has a workload", stage, a.Name)
	case result != nil && result.Status == v1alpha1.ApprovalApproved:
		want = v1alpha1.ActionSucceeded
	case result != nil:
		want = v1alpha1.ActionFailed
	case a.State == v1alpha1.ActionAbandoned && ShowsStop(c.New.(*v1alpha1.PipelineExecution)):
		want = v1alpha1.ActionAbandoned
	case a.CompletionTime != nil && !a.CompletionTime.Before(&a.Approval.ExpirationTime),
		a.Reason == v1alpha1.ReasonExecutionTimedOut && c.New.(*v1alpha1.PipelineExecution).Status.TimedOutTime != nil:
		want = v1alpha1.ActionFailed
	}
	if a.State != want || (want == v1alpha1.ActionInProgress) != (a.CompletionTime == nil) {
		r.violate(c.Position, c.New.GetUID(), "approval %s/%s is %s, ended at %s; want %s", stage, a.Name, a.State, a.CompletionTime, want)
	}
}

// checkTrueVerdictsOnResults checks that a result reads Accepted exactly if its execution recorded it.
func checkTrueVerdictsOnResults(h *History, r *Result) {
	for _, l := range h.Lives(simcluster.ApprovalResult) {
		c := l.FindFirst(func(o client.Object) bool { return verdictIn(o.(*v1alpha1.ApprovalResult).Status.Conditions) != "" })
		if c == nil {
			continue
		}
		ar := c.New.(*v1alpha1.ApprovalResult)
		execution := h.Execution(ExecutionOf(ar))
		if h.isWiped(ExecutionOf(ar), h.end(), partStages|partStop|partState) {
			continue
		}
		r.Checked++
		var recorded *Change
		if execution != nil {
			recorded = execution.FindFirst(func(o client.Object) bool {
				a := findApproval(o.(*v1alpha1.PipelineExecution), ar.Spec.StageName, ar.Spec.ActionName)
				return a != nil && a.Approval.Result != nil && a.Approval.Result.UID == string(ar.UID)
			})
		}
		accepted := verdictIn(ar.Status.Conditions) == v1alpha1.ReasonAccepted
		switch {
		case accepted && (recorded == nil || recorded.Position > c.Position):
			r.violateUnlessLost(h, execution, c.Position, ExecutionOf(ar), "ApprovalResult %q reads Accepted, and its execution has no record of it", ar.Name)
		case !accepted && recorded != nil && !execution.mayBeGone(c.Position):
			r.violate(c.Position, ExecutionOf(ar), "ApprovalResult %q reads %s, and its execution has taken it", ar.Name, verdictIn(ar.Status.Conditions))
		}
	}
}

// checkResultsConverge is I8 for approval results: each has its verdict at the end.
func (h *History) checkResultsConverge(r *Result, at uint64) {
	for _, l := range h.Lives(simcluster.ApprovalResult) {
		ar, there := l.ObjectAt(at).(*v1alpha1.ApprovalResult)
		if !there {
			continue
		}
		r.Checked++
		if verdictIn(ar.Status.Conditions) == "" {
			r.violateUnlessLost(h, l, at, ExecutionOf(ar), "ApprovalResult %q has no verdict", l.Key.Name)
		}
	}
}
