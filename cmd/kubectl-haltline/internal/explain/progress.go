// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/cmd/kubectl-haltline/internal/view"
)

// explainProgress explains an execution that nobody stopped.
func (w *writer) explainProgress() {
	e := w.in.Execution
	status := &e.Status
	switch {
	case status.PipelineRevision == "":
		w.explainStart()
	case status.WaitingForStage != nil:
		w.explainStage(status.WaitingForStage)
	case view.Reason(e) == v1alpha1.ReasonFailing:
		w.explainFailing()
	default:
		w.explainActions()
	}
}

// explainStart explains an execution that has not begun: it waits for its Pipeline, or for the API server.
func (w *writer) explainStart() {
	e := w.in.Execution
	if view.Reason(e) == v1alpha1.ReasonStartBlocked {
		w.say("%s has not begun: the API server refuses what it needs for that. %s", w.name(), view.Message(e))
		w.say("It begins by itself when that is mended")
		w.suggestStop()
		return
	}
	w.say("%s has waited for its Pipeline for %s", w.name(), view.Ago(e.CreationTimestamp, w.in.Now))
	if p := w.pipeline(); p != nil {
		w.say("Pipeline %q has the pipelineName %q now, so the execution is about to begin", p.Name, e.Spec.PipelineName)
		w.plugin("follow it", "watch %s", e.Name)
		return
	}
	w.say("No Pipeline of namespace %q has the pipelineName %q. It begins when one has", e.Namespace, e.Spec.PipelineName)
	for i := range w.in.Pipelines {
		w.explainRefusedPipeline(&w.in.Pipelines[i])
	}
	w.command("see which pipelines there are", "kubectl get pipelines")
	w.suggestStop()
}

// explainRefusedPipeline adds that a Pipeline has the pipelineName in its spec and does not get it.
func (w *writer) explainRefusedPipeline(p *v1alpha1.Pipeline) {
	c := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionReady)
	if c == nil {
		return
	}
	w.say("Pipeline %q asks for that name, and was refused (%s): %s", p.Name, c.Reason, c.Message)
	w.command("see why it was refused", "kubectl describe pipeline %s", p.Name)
}

// readyReason returns the reason of the condition Ready of a Pipeline; empty if there is none.
func readyReason(p *v1alpha1.Pipeline) string {
	if c := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionReady); c != nil {
		return c.Reason
	}
	return ""
}

// explainFailing explains an execution that fails as soon as what still runs has ended.
func (w *writer) explainFailing() {
	e := w.in.Execution
	w.say("%s is failing. %s", w.name(), view.Message(e))
	w.suggestFailedLogs()
	w.explainKept()
	if e.Status.TimedOutTime != nil {
		w.plugin("follow it", "watch %s", e.Name)
		return
	}
	w.suggestReject()
	w.plugin("do not wait for what still runs", "stop %s --abandon", e.Name)
}

// suggestReject adds the commands that end the approvals which a failing execution still waits for, if who asks may reject them.
func (w *writer) suggestReject() {
	if w.in.MayApprove != nil && !*w.in.MayApprove {
		return
	}
	for key, a := range view.Actions(w.in.Execution) {
		if view.IsWaitingForApproval(a) {
			w.plugin("do not wait for the approval", "reject %s %s", w.in.Execution.Name, key)
		}
	}
}

// explainActions explains an execution that has begun: what keeps its actions, which approvals it waits for, and what runs.
func (w *writer) explainActions() {
	e := w.in.Execution
	kept := w.explainKept()
	approvals := w.explainApprovals()
	running := w.listRunning()
	switch {
	case len(running) > 0 && kept+approvals == 0:
		w.say("%s is in stage %q%s: it goes on when %s", w.name(), e.Status.CurrentStage, w.nothingKeepsIt(), describeRunning(running, w.in))
		w.plugin("follow it", "watch %s", e.Name)
		w.plugin("read what it writes", "logs %s -f", e.Name)
	case len(running) > 0:
		w.say("Meanwhile %s", describeMeanwhile(running))
	case kept+approvals == 0:
		w.say("%s is between two actions: the next ones are about to start", w.name())
		w.plugin("follow it", "watch %s", e.Name)
	}
	if at := e.Status.DeadlineTime; at != nil && w.in.Now.Before(at.Time) {
		w.say("It fails in %s if it has not ended by then (timeoutSeconds)", view.Duration(at.Sub(w.in.Now)))
	}
	if kept > 0 {
		w.suggestStop()
	}
}

// nothingKeepsIt returns that nothing keeps the execution, if that is so.
func (w *writer) nothingKeepsIt() string {
	if w.isLate {
		return ""
	}
	return ", and nothing keeps it"
}

// listRunning returns the actions that run and that nothing keeps.
func (w *writer) listRunning() []running {
	var all []running
	for key, a := range view.Actions(w.in.Execution) {
		if view.IsActive(a) && !isKept(a) && a.Approval == nil {
			all = append(all, running{key, a})
		}
	}
	return all
}

type running struct {
	key    view.ActionKey
	action *v1alpha1.ActionStatus
}

// describeRunning returns which actions have to finish, each with how long it has been going on.
func describeRunning(all []running, in Input) string {
	var names []string
	for _, r := range all {
		names = append(names, fmt.Sprintf("%s (for %s)", r.key, view.Duration(view.ActionTook(r.action, in.Now))))
	}
	verb := "has finished"
	if len(names) > 1 {
		verb = "have finished"
	}
	return joinFew(names) + " " + verb
}

// describeMeanwhile returns which actions run.
func describeMeanwhile(all []running) string {
	var names []string
	for _, r := range all {
		names = append(names, r.key.String())
	}
	if len(names) == 1 {
		return names[0] + " runs"
	}
	return joinFew(names) + " run"
}
