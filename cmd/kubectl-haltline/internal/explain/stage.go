// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"fmt"
	"slices"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/cmd/kubectl-haltline/internal/view"
)

// explainStage explains an execution that waits before a stage.
func (w *writer) explainStage(wait *v1alpha1.StageWait) {
	e := w.in.Execution
	p := w.pipeline()
	w.say("%s has waited before stage %q for %s. Nothing of it runs", w.name(), wait.Stage, view.Ago(wait.Since, w.in.Now))
	switch {
	case p == nil:
		w.explainStageOfNoPipeline(wait)
	case isDisabled(p, wait.Stage):
		w.explainTransition(p, wait)
	default:
		w.explainTurn(p, wait)
	}
	w.plugin("stop it instead, at once", "stop %s", e.Name)
}

func (w *writer) explainStageOfNoPipeline(wait *v1alpha1.StageWait) {
	e := w.in.Execution
	w.say("No Pipeline of namespace %q has the pipelineName %q any more, and it was %s when the execution began, so nobody gives out the stage %q. "+
		"Create the Pipeline again", e.Namespace, e.Spec.PipelineName, e.Status.ExecutionMode, wait.Stage)
	w.command("see which pipelines there are", "kubectl get pipelines")
}

// isDisabled reports whether the transition into a stage is disabled.
func isDisabled(p *v1alpha1.Pipeline, stage string) bool {
	i := slices.IndexFunc(p.Spec.Stages, func(s v1alpha1.Stage) bool { return s.Name == stage })
	return i >= 0 && p.Spec.Stages[i].Transition != nil && p.Spec.Stages[i].Transition.Disabled
}

func (w *writer) explainTransition(p *v1alpha1.Pipeline, wait *v1alpha1.StageWait) {
	reason, since := "", ""
	for _, s := range p.Spec.Stages {
		if s.Name == wait.Stage {
			reason = s.Transition.Reason
		}
	}
	if d := stageStatus(p, wait.Stage).DisabledTransition; d != nil {
		since = fmt.Sprintf(" %s ago", view.Ago(d.Since, w.in.Now))
	}
	w.say("Somebody disabled the transition into that stage%s: %q. It goes on when the stage is released", since, reason)
	if n := stageStatus(p, wait.Stage).WaitingCount; n > 1 {
		w.say("%d executions wait before it", n)
	}
	w.plugin("let executions into the stage again", "release %s %s", p.EffectiveName(), wait.Stage)
}

// explainTurn explains an execution that waits for its turn.
func (w *writer) explainTurn(p *v1alpha1.Pipeline, wait *v1alpha1.StageWait) {
	e := w.in.Execution
	stage := stageStatus(p, wait.Stage)
	holder := stage.Execution
	mode := p.Spec.ExecutionMode
	switch {
	case !mode.IsSerial(), holder != nil && holder.PipelineExecutionID == string(e.UID):
		w.say("Its turn has come, so it is about to enter")
		w.plugin("follow it", "watch %s", e.Name)
		return
	case holder != nil:
		w.say("Pipeline %q is %s, so one execution at a time is in a stage: %q has had this one for %s", p.EffectiveName(), mode, holder.Name,
			view.Ago(holder.Since, w.in.Now))
	default:
		w.say("Pipeline %q is %s, so one execution at a time is in a stage. Nobody is in this one", p.EffectiveName(), mode)
	}
	w.explainQueue(stage, mode)
	if holder != nil {
		w.plugin("see what the other one waits for", "explain %s", holder.Name)
	}
	w.command("see who is in each stage", "kubectl get pipeline %s -o wide", p.Name)
}

// explainQueue adds how many enter before the execution.
func (w *writer) explainQueue(stage v1alpha1.PipelineStageStatus, mode v1alpha1.ExecutionMode) {
	place := slices.IndexFunc(stage.Waiting, func(other v1alpha1.WaitingExecution) bool {
		return other.PipelineExecutionID == string(w.in.Execution.UID)
	})
	switch {
	case place >= 0 && stage.Waiting[place].SupersededBy != "":
		w.say("The newer execution %q came to wait there as well, so this one is about to end Superseded", stage.Waiting[place].SupersededBy)
	case mode == v1alpha1.ExecutionModeSuperseded:
		w.say("It enters next, unless a newer execution comes to wait there")
	case place == 0:
		w.say("It enters next")
	case place > 0:
		w.say("%d of the %d that wait enter before it", place, stage.WaitingCount)
	case stage.WaitingCount > 0:
		w.say("%d wait before that stage", stage.WaitingCount)
	}
}

// stageStatus returns who is in a stage and who waits before it.
func stageStatus(p *v1alpha1.Pipeline, stage string) v1alpha1.PipelineStageStatus {
	for _, s := range p.Status.Stages {
		if s.Name == stage {
			return s
		}
	}
	return v1alpha1.PipelineStageStatus{Name: stage}
}
