// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/cmd/kubectl-haltline/internal/view"
)

const (
	// seenAfter is how long the operator may take until it has looked at an object, also while it has much to do or is restarted.
	seenAfter = 20 * time.Second
	// lateAfter is how much later than it should be something may happen that depends on the time: clocks differ.
	lateAfter = time.Minute
)

// explainPending explains an execution that no operator has looked at.
func (w *writer) explainPending() {
	e := w.in.Execution
	age := w.in.Now.Sub(e.CreationTimestamp.Time)
	what := "was created"
	if e.IsRestoredCopy() {
		w.say("%s is a copy that a restore made of another execution, whose status it still has: it will not be run again", w.name())
		what = "was restored"
	}
	if age < seenAfter {
		w.say("%s %s %s ago, and the operator has not looked at it yet", w.name(), what, view.Duration(age))
		w.plugin("follow it", "watch %s", e.Name)
		return
	}
	w.say("%s %s %s ago, and no operator has looked at it: no operator runs, or it does not watch the namespace %q", w.name(), what, view.Duration(age), e.Namespace)
	w.say("Nothing of the execution has started")
	w.suggestOperator()
}

// suggestOperator adds the commands that look at the operator.
func (w *writer) suggestOperator() {
	w.addCommand(Command{"kubectl get pods -A -l app.kubernetes.io/name=haltline", "does an operator run?"})
	w.addCommand(Command{"kubectl -n haltline-system logs deployment/haltline-manager", "what does it do?"})
}

// explainDeletion adds that somebody deletes the execution.
func (w *writer) explainDeletion() {
	e := w.in.Execution
	if e.DeletionTimestamp == nil {
		return
	}
	w.say("%s was deleted %s ago, and is there until what it ran has gone: nothing more of it starts, and its Jobs go with it", w.name(),
		view.Ago(*e.DeletionTimestamp, w.in.Now))
	if len(e.Finalizers) > 0 {
		w.say("Its finalizers keep it: %s", joinQuoted(e.Finalizers))
		w.command("see what keeps it", "kubectl get pipelineexecution %s -o jsonpath='{.metadata.finalizers}'", e.Name)
	}
}

// explainLateOperator adds that the operator does not seem to run, if something is overdue that it alone does.
func (w *writer) explainLateOperator() {
	overdue := w.findOverdue()
	if overdue == "" {
		return
	}
	w.isLate = true
	w.say("%s. So no operator seems to run, or none that watches the namespace %q", overdue, w.in.Execution.Namespace)
	w.suggestOperator()
}

// findOverdue returns what the operator should have done some time ago, or nothing.
func (w *writer) findOverdue() string {
	status := &w.in.Execution.Status
	for _, sr := range w.openRequests() {
		if w.isUnanswered(sr) {
			return fmt.Sprintf("StopRequest %q for execution %q has had no answer for %s", sr.Name, w.in.Execution.Name, view.Ago(sr.CreationTimestamp, w.in.Now))
		}
	}
	if status.Stop == nil && status.TimedOutTime == nil && w.isOverdue(status.DeadlineTime, lateAfter) {
		return fmt.Sprintf("The time limit of execution %q ended %s ago, and it has not failed", w.in.Execution.Name, view.Ago(*status.DeadlineTime, w.in.Now))
	}
	if at := escalationTime(status.Stop); w.isOverdue(at, lateAfter) {
		return fmt.Sprintf("The stop of execution %q should have escalated %s ago", w.in.Execution.Name, view.Ago(*at, w.in.Now))
	}
	for key, a := range view.Actions(w.in.Execution) {
		switch {
		case view.IsWaitingForApproval(a) && w.isOverdue(&a.Approval.ExpirationTime, lateAfter):
			return fmt.Sprintf("The time to approve %s of execution %q ended %s ago", key, w.in.Execution.Name, view.Ago(a.Approval.ExpirationTime, w.in.Now))
		case view.IsUnconfirmed(a) && a.Message == "" && w.isOverdue(a.StartTime, lateAfter):
			return fmt.Sprintf("%s of execution %q was to start %s ago, and nothing tells whether it has", key, w.in.Execution.Name, view.Ago(*a.StartTime, w.in.Now))
		}
	}
	return ""
}

// isOverdue reports whether a moment is longer ago than something may take; false if there is none.
func (w *writer) isOverdue(t *metav1.Time, grace time.Duration) bool {
	return t != nil && !t.IsZero() && w.in.Now.Sub(t.Time) > grace
}

// isUnanswered reports whether the operator should have looked at a request some time ago, and has not.
func (w *writer) isUnanswered(sr *v1alpha1.StopRequest) bool {
	return w.isOverdue(&sr.CreationTimestamp, seenAfter) && len(sr.Status.Conditions) == 0
}

// escalationTime returns when a stop that waits is to abandon, or nil if it is not, or has done so.
func escalationTime(stop *v1alpha1.StopStatus) *metav1.Time {
	if stop == nil || stop.Mode != v1alpha1.StopModeWait {
		return nil
	}
	for i := range stop.Requests {
		if r := &stop.Requests[i]; r.EscalationTime != nil && r.EscalatedTime == nil {
			return r.EscalationTime
		}
	}
	return nil
}
