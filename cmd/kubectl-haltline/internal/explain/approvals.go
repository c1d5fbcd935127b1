// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"fmt"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/cmd/kubectl-haltline/internal/view"
)

// explainApprovals adds which approvals the execution waits for, and who may give them. It returns how many those are.
func (w *writer) explainApprovals() int {
	count := 0
	for key, a := range view.Actions(w.in.Execution) {
		if view.IsWaitingForApproval(a) {
			count++
			w.explainApproval(key, a)
		}
	}
	return count
}

func (w *writer) explainApproval(key view.ActionKey, a *v1alpha1.ActionStatus) {
	e := w.in.Execution
	w.say("%s of execution %q has waited for %s until somebody approves or rejects it%s%s", key, e.Name,
		view.Duration(view.ActionTook(a, w.in.Now)), w.timeLeft(a), question(a))
	w.say("%s", w.describeApprovers(a))
	mayDecide := w.in.MayApprove == nil || *w.in.MayApprove
	switch {
	case !mayDecide:
		w.command("see what you may do", "kubectl auth can-i --list")
		w.suggestStop()
		return
	case !a.Approval.ForbidStarter || e.Spec.StartedBy != "" && e.Spec.StartedBy != w.in.User:
		w.plugin("approve it", "approve %s %s", e.Name, key)
	}
	w.plugin("or reject it", "reject %s %s", e.Name, key)
}

// timeLeft returns how long an approval still waits, for the end of a sentence; nothing if its time is up.
func (w *writer) timeLeft(a *v1alpha1.ActionStatus) string {
	left := a.Approval.ExpirationTime.Sub(w.in.Now)
	if left <= 0 {
		return ""
	}
	return ", and fails if nobody does in " + view.Duration(left)
}

// question returns what an approval asks, for the end of a sentence.
func question(a *v1alpha1.ActionStatus) string {
	if asked := view.Question(a); asked != "" {
		return ". It asks: " + asked
	}
	return ""
}

// describeApprovers returns who may approve, and whether the one who asks may.
func (w *writer) describeApprovers(a *v1alpha1.ActionStatus) string {
	e := w.in.Execution
	who := fmt.Sprintf("Whoever has the verb \"approve\" on pipelineexecutions in namespace %q may approve", e.Namespace)
	forbidden := a.Approval.ForbidStarter
	starter := e.Spec.StartedBy
	switch {
	case forbidden && starter == "":
		return "It may not be approved by who started the execution, and nobody knows who did, so nobody may approve it; it can be rejected"
	case forbidden:
		who += fmt.Sprintf(", except %q, who started the execution and may only reject it", starter)
	}
	return who + "; " + w.describeOwnRight(forbidden && starter == w.in.User && starter != "")
}

// describeOwnRight returns whether the one who asks may approve.
func (w *writer) describeOwnRight(isStarter bool) string {
	switch {
	case w.in.MayApprove == nil:
		return "the roles admin and haltline-approver have it"
	case !*w.in.MayApprove:
		return "you may not: ask somebody with the role admin or haltline-approver"
	case isStarter:
		return "that is you, so you may not approve it"
	default:
		return "you may"
	}
}
