// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package invariants

import (
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/simcluster"
)

// CheckFinishedDeleted is the name of the check of what the operator deletes of executions and requests.
const CheckFinishedDeleted = "I10 of executions and requests, only what has finished is deleted"

// minAge is how long an object is kept after it has finished.
const minAge = time.Minute

// isDeletion reports whether a change removed an object, or had it removed once nothing keeps it.
func (c *Change) isDeletion() bool {
	return c.New == nil || c.Old != nil && c.Old.GetDeletionTimestamp() == nil && c.New.GetDeletionTimestamp() != nil
}

// checkFinishedDeleted is I10: of executions and stop requests, the operator deletes only what has finished, a minute ago at least, and
// no execution that an accepted request still waits on.
func checkFinishedDeleted(h *History, r *Result) {
	for i := range h.Changes {
		c := &h.Changes[i]
		if c.Writer != WriterOperator || c.Old == nil || !c.isDeletion() {
			continue
		}
		switch o := c.Old.(type) {
		case *v1alpha1.PipelineExecution:
			r.Checked++
			h.checkExecutionDeleted(r, c, o)
		case *v1alpha1.StopRequest:
			r.Checked++
			checkRequestDeleted(r, c, o, o.Spec.TTLSecondsAfterFinished)
		case *v1alpha1.ApprovalResult:
			r.Checked++
			checkRequestDeleted(r, c, o, o.Spec.TTLSecondsAfterFinished)
		}
	}
}

func (h *History) checkExecutionDeleted(r *Result, c *Change, execution *v1alpha1.PipelineExecution) {
	if !execution.Status.State.IsFinal() {
		r.violate(c.Position, execution.UID, "the operator deletes execution %q, which is %q", execution.Name, execution.Status.State)
		return
	}
	if isYoung(c, execution.Status.CompletionTime) {
		r.violate(c.Position, execution.UID, "the operator deletes execution %q, which ended at %s, at %s", execution.Name, execution.Status.CompletionTime, c.Time)
	}
	for _, accepted := range AcceptedRequests(execution) {
		l := h.findLife(simcluster.StopRequest, types.UID(accepted.UID))
		if l == nil {
			continue
		}
		if sr, there := l.ObjectAt(c.After).(*v1alpha1.StopRequest); there && !isFinished(sr) {
			r.violate(c.Position, execution.UID, "the operator deletes execution %q, and StopRequest %q waits on it", execution.Name, sr.Name)
		}
	}
}

func checkRequestDeleted(r *Result, c *Change, request client.Object, ttl *int32) {
	finished := meta.FindStatusCondition(conditionsOf(request), v1alpha1.ConditionFinished)
	switch {
	case finished == nil || finished.Status != metav1.ConditionTrue:
		r.violate(c.Position, ExecutionOf(request), "the operator deletes %s %q, which is not finished", c.Kind, request.GetName())
	case ttl == nil:
		r.violate(c.Position, ExecutionOf(request), "the operator deletes %s %q, which has no TTL", c.Kind, request.GetName())
	case isYoung(c, &finished.LastTransitionTime):
		r.violate(c.Position, ExecutionOf(request), "the operator deletes %s %q, which finished at %s, at %s", c.Kind, request.GetName(), finished.LastTransitionTime, c.Time)
	}
}

func isFinished(sr *v1alpha1.StopRequest) bool {
	return meta.IsStatusConditionTrue(sr.Status.Conditions, v1alpha1.ConditionFinished)
}

// isYoung reports whether an object had ended less than minAge before a change. It does not judge a clock that was set back.
func isYoung(c *Change, ended *metav1.Time) bool {
	if ended == nil || c.Time.IsZero() {
		return ended == nil
	}
	age := c.Time.Sub(ended.Time)
	return age >= 0 && age < minAge
}

// isRetention reports whether a change is the deletion of a finished object, by the reconciler that does that if it is known.
func (c *Change) isRetention() bool {
	deletable := c.Kind == simcluster.Execution || c.Kind == simcluster.StopRequest || c.Kind == simcluster.ApprovalResult
	if !deletable || !c.isDeletion() {
		return false
	}
	by := c.Request
	return by == nil || by.Reconciliation == nil || slices.Contains([]string{"retention", "requestretention", "approvalresultretention"}, by.Reconciliation.Controller)
}
