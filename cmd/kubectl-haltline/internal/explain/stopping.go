// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/cmd/kubectl-haltline/internal/view"
)

// openRequests returns the stop requests that have no verdict.
func (w *writer) openRequests() []*v1alpha1.StopRequest {
	var open []*v1alpha1.StopRequest
	for i := range w.in.StopRequests {
		sr := &w.in.StopRequests[i]
		if meta.FindStatusCondition(sr.Status.Conditions, v1alpha1.ConditionAccepted) == nil && !w.isRecorded(sr) {
			open = append(open, sr)
		}
	}
	return open
}

// isRecorded reports whether the execution has accepted a request, whose verdict is about to follow.
func (w *writer) isRecorded(sr *v1alpha1.StopRequest) bool {
	stop := w.in.Execution.Status.Stop
	if stop == nil {
		return false
	}
	for _, r := range stop.Requests {
		if r.UID == string(sr.UID) {
			return true
		}
	}
	return false
}

// explainOpenRequests adds which stop requests wait for their verdict, and what keeps it.
func (w *writer) explainOpenRequests() {
	for _, sr := range w.openRequests() {
		if w.isUnanswered(sr) {
			continue // It is what shows that no operator runs.
		}
		asked := fmt.Sprintf("StopRequest %q", sr.Name)
		if sr.Spec.RequestedBy != "" {
			asked += fmt.Sprintf(" of %q", sr.Spec.RequestedBy)
		}
		w.say("%s, created %s ago, has no verdict yet%s", asked, view.Ago(sr.CreationTimestamp, w.in.Now), whyNoVerdict(sr))
		w.command("see what keeps it", "kubectl describe stoprequest %s", sr.Name)
	}
}

// whyNoVerdict returns what keeps a request from its verdict, for the end of a sentence; nothing if that is not known.
func whyNoVerdict(sr *v1alpha1.StopRequest) string {
	c := meta.FindStatusCondition(sr.Status.Conditions, v1alpha1.ConditionReconciling)
	if c == nil || c.Status != metav1.ConditionTrue {
		return ""
	}
	return fmt.Sprintf(" (%s): %s", c.Reason, c.Message)
}

// explainFencing explains an execution whose stop is recorded and not published.
func (w *writer) explainFencing() {
	w.sayWhoStopped()
	w.say("The stop is accepted when it is sure that nothing more starts: the operator reserves the name of each Job whose start is not confirmed")
	isAdvised := false
	for key, a := range view.Actions(w.in.Execution) {
		if !view.IsUnconfirmed(a) {
			continue
		}
		w.say("%s may have started or not. %s", key, a.Message)
		if a.Message != "" && !isAdvised {
			w.advise(key, a, adviceForUnfenced(a.Message))
			isAdvised = true
		}
	}
	w.plugin("follow it", "watch %s", w.in.Execution.Name)
}

// sayWhoStopped adds who asked to stop the execution, when and why.
func (w *writer) sayWhoStopped() {
	stop := w.in.Execution.Status.Stop
	if stop == nil || len(stop.Requests) == 0 {
		w.say("%s is stopping", w.name())
		return
	}
	last := stop.Requests[len(stop.Requests)-1]
	w.say("%s is stopping: StopRequest %q%s asked %s ago to stop and %s%s", w.name(), last.Name, nameAsker(&last), view.Ago(last.AcceptedTime, w.in.Now),
		strings.ToLower(string(last.Mode)), quoteReason(&last))
	if last.EscalatedTime != nil {
		w.say("It escalated to abandon %s ago", view.Ago(*last.EscalatedTime, w.in.Now))
	}
}

// nameAsker returns who made a request, for the middle of a sentence; nothing if that is not known.
func nameAsker(r *v1alpha1.AcceptedStopRequest) string {
	if r.RequestedBy == "" {
		return ""
	}
	return fmt.Sprintf(" of %q", r.RequestedBy)
}

// quoteReason returns why somebody made a request, for the end of a sentence; nothing if they did not tell.
func quoteReason(r *v1alpha1.AcceptedStopRequest) string {
	if r.Reason == "" {
		return ""
	}
	return fmt.Sprintf(" (%q)", r.Reason)
}

// explainStopping explains an execution that stops: what it waits for, and how it ends sooner.
func (w *writer) explainStopping() {
	e := w.in.Execution
	stop := e.Status.Stop
	w.sayWhoStopped()
	kept := w.explainKept()
	w.explainWaitedApprovals()
	running := w.listRunning()
	abandons := stop != nil && stop.Mode == v1alpha1.StopModeAbandon
	if len(running) > 0 {
		w.say("%s", describeAwaited(running, abandons))
	}
	if at := escalationTime(stop); at != nil && w.in.Now.Before(at.Time) {
		w.say("It escalates to abandon in %s", view.Duration(at.Sub(w.in.Now)))
	}
	if len(running) > 0 || kept == 0 {
		w.plugin("follow it", "watch %s", e.Name)
	}
	if !abandons {
		w.plugin("do not wait: end what runs", "stop %s --abandon", e.Name)
	}
}

// explainWaitedApprovals adds which approvals a stop waits for. Whatever the answer is, nothing further starts.
func (w *writer) explainWaitedApprovals() {
	for key, a := range view.Actions(w.in.Execution) {
		if view.IsWaitingForApproval(a) {
			w.say("It waits until somebody approves or rejects %s, or until its time is up in %s; nothing further starts whatever the answer is",
				key, view.Duration(max(a.Approval.ExpirationTime.Sub(w.in.Now), 0)))
			w.plugin("decide it", "reject %s %s", w.in.Execution.Name, key)
		}
	}
}

// describeAwaited returns what the actions have to do that a stop waits for.
func describeAwaited(all []running, abandons bool) string {
	var names []string
	for _, r := range all {
		names = append(names, r.key.String())
	}
	verb := "to finish by itself"
	switch {
	case abandons:
		verb = "to end: the pods were told to, and have their grace period"
	case len(names) > 1:
		verb = "to finish by themselves"
	}
	return fmt.Sprintf("It waits for %s %s", joinFew(names), verb)
}
