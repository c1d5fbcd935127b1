// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/cmd/kubectl-haltline/internal/view"
)

// isKept reports whether something keeps the work of an action from starting, from running or from ending. That an approval waits is not such a
// thing.
func isKept(a *v1alpha1.ActionStatus) bool {
	return view.IsActive(a) && a.Approval == nil && (a.Reason != "" || view.IsUnconfirmed(a) && a.Message != "")
}

// maxKept is how many of the actions that something keeps are explained.
const maxKept = 3

// explainKept adds for the first of the actions that something keeps what that is, what to do about it, and a command. It returns how many
// there are.
func (w *writer) explainKept() int {
	count := 0
	for key, a := range view.Actions(w.in.Execution) {
		if !isKept(a) {
			continue
		}
		count++
		if count <= maxKept {
			w.explainKeptAction(key, a)
		}
	}
	w.explainPipelineOfKept(count)
	if count > maxKept {
		w.say("%d more actions do not go on either", count-maxKept)
		w.plugin("see all of them", "tree %s", w.in.Execution.Name)
	}
	return count
}

// explainPipelineOfKept adds that the API server would refuse Jobs of the Pipeline as it is now, if something keeps actions.
func (w *writer) explainPipelineOfKept(count int) {
	p := w.pipeline()
	if count == 0 || p == nil {
		return
	}
	if c := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionReady); c != nil && c.Status == metav1.ConditionFalse {
		w.say("Pipeline %q is not Ready (%s): %s", p.Name, c.Reason, c.Message)
	}
}

func (w *writer) explainKeptAction(key view.ActionKey, a *v1alpha1.ActionStatus) {
	took := view.Duration(view.ActionTook(a, w.in.Now))
	switch {
	case a.Reason == "":
		w.say("%s of execution %q was to start %s ago, and the API server does not let it: %s", key, w.in.Execution.Name, took, strings.TrimPrefix(a.Message, "Trying again: "))
		w.advise(key, a, adviceForBlocked)
	case a.State == v1alpha1.ActionAbandoned:
		w.say("%s of execution %q was abandoned and has not ended (%s): %s", key, w.in.Execution.Name, a.Reason, a.Message)
		w.advise(key, a, adviceFor(a.Reason))
	default:
		w.say("%s of execution %q, started %s ago, does not go on (%s): %s", key, w.in.Execution.Name, took, a.Reason, a.Message)
		w.advise(key, a, adviceFor(a.Reason))
	}
	if at := a.StartDeadlineTime; at != nil && w.in.Now.Before(at.Time) {
		w.say("It fails in %s if no pod of it has run by then (startTimeoutSeconds)", view.Duration(at.Sub(w.in.Now)))
	}
}

// advise adds what to do about an action, and the command for it.
func (w *writer) advise(key view.ActionKey, a *v1alpha1.ActionStatus, advice advice) {
	w.say("%s", advice.text)
	job := a.Workload.Name
	switch advice.look {
	case lookAtPods:
		w.command("look at its pods", "kubectl describe pods -l batch.kubernetes.io/job-name=%s", job)
	case lookAtJob:
		w.command("look at its Job", "kubectl describe job %s", job)
	case lookAtLogs:
		w.plugin("read what it wrote", "logs %s %s", w.in.Execution.Name, key)
	case lookAtNodes:
		w.command("see on which node its pods are", "kubectl get pods -o wide -l batch.kubernetes.io/job-name=%s", job)
		w.addCommand(Command{"kubectl get nodes", "see how the nodes are"})
	case lookAtQuotas:
		w.command("see the quotas of the namespace", "kubectl describe resourcequotas")
	case lookNowhere:
	}
}
