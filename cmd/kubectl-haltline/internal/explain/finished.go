// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"fmt"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/cmd/kubectl-haltline/internal/view"
)

// explainFinished explains how an execution ended.
func (w *writer) explainFinished() {
	e := w.in.Execution
	ended := "ended " + string(e.Status.State)
	if at := e.Status.CompletionTime; at != nil {
		ended += fmt.Sprintf(" %s ago, %s after it was created", view.Ago(*at, w.in.Now), view.Duration(view.Took(e, w.in.Now)))
	}
	w.say("%s of pipeline %q %s: %s", w.name(), e.Spec.PipelineName, ended, view.Message(e))
	switch {
	case e.Status.State == v1alpha1.ExecutionSucceeded:
		w.plugin("run it again", "start %s", e.Spec.PipelineName)
	case e.Status.State == v1alpha1.ExecutionSuperseded:
		w.suggestNewer()
	case e.Status.State == v1alpha1.ExecutionStopped:
		w.explainStopped()
	case e.Status.RetriedBy != nil:
		w.explainRetried()
	default:
		w.explainFailed()
	}
}

func (w *writer) suggestNewer() {
	if by := w.in.Execution.Status.SupersededBy; by != "" {
		w.plugin("see the newer one", "explain %s", by)
	}
}

// explainStopped adds what became of what ran when an execution was stopped.
func (w *writer) explainStopped() {
	e := w.in.Execution
	w.explainLeft()
	if e.Status.RetriedBy != nil {
		w.explainRetried()
		return
	}
	w.suggestRetry()
	w.plugin("run it from the beginning", "start %s", e.Spec.PipelineName)
}

// explainLeft adds which actions a stop left running on purpose, or kept from starting.
func (w *writer) explainLeft() {
	for key, a := range view.Actions(w.in.Execution) {
		switch {
		case a.State == v1alpha1.ActionAbandoned && a.Message != "":
			w.say("%s: %s", key, a.Message)
		case a.Reason == v1alpha1.ReasonKeptFromStarting:
			w.say("%s did not start: %s", key, a.Message)
		}
	}
}

func (w *writer) explainRetried() {
	by := w.in.Execution.Status.RetriedBy.Name
	w.say("Execution %q retries it", by)
	w.plugin("see the retry", "explain %s", by)
	w.suggestFailedLogs()
}

// explainFailed adds what to do about an execution that failed.
func (w *writer) explainFailed() {
	e := w.in.Execution
	pipelineName := e.Spec.PipelineName
	switch reason := view.Reason(e); {
	case isRefusedRetry(e):
		w.say("It was to retry the stage %q of execution %s, and nothing of it ran", e.Spec.RetryOf.StageName, e.Spec.RetryOf.PipelineExecutionID)
		w.plugin("see which execution is the latest", "history %s", pipelineName)
		w.plugin("run the pipeline from the beginning instead", "start %s", pipelineName)
	case reason == v1alpha1.ReasonRestoredCopy:
		w.plugin("run the pipeline on purpose", "start %s", pipelineName)
	case reason == v1alpha1.ReasonActionFailed || reason == v1alpha1.ReasonExecutionTimedOut:
		w.suggestFailedLogs()
		w.suggestRetry()
		w.plugin("run it from the beginning", "start %s", pipelineName)
	case reason == v1alpha1.ReasonInvalidVariables:
		w.say("Nothing of it ran")
		w.plugin("start another one with the variables that the message names", "start %s --var NAME=VALUE", pipelineName)
	case isOfDefinition(reason):
		w.say("Nothing further of it can run")
		w.command("see what the pipeline runs", "kubectl describe pipeline %s", w.pipelineObject())
		w.plugin("run it again once the pipeline is mended", "start %s", pipelineName)
	default:
		w.plugin("run it again", "start %s", pipelineName)
	}
}

// isRefusedRetry reports whether an execution was to retry another one and was refused.
func isRefusedRetry(e *v1alpha1.PipelineExecution) bool {
	return e.Spec.RetryOf != nil && e.Status.RetryOf == nil && view.Reason(e) != v1alpha1.ReasonRestoredCopy
}

// isOfDefinition reports whether an execution failed because of what its pipeline runs, before an action of it could.
func isOfDefinition(reason string) bool {
	switch reason {
	case v1alpha1.ReasonInvalidJobTemplate, v1alpha1.ReasonInvalidWorkspace, v1alpha1.ReasonInvalidOutputs, v1alpha1.ReasonInvalidImage,
		v1alpha1.ReasonDefinitionTooLarge, v1alpha1.ReasonRevisionLost:
		return true
	default:
		return false
	}
}

// pipelineObject returns the name of the Pipeline object, or the pipelineName if there is none.
func (w *writer) pipelineObject() string {
	if p := w.pipeline(); p != nil {
		return p.Name
	}
	return w.in.Execution.Spec.PipelineName
}

// suggestFailedLogs adds the command that shows the logs of what failed, if a Job did.
func (w *writer) suggestFailedLogs() {
	for _, a := range view.Actions(w.in.Execution) {
		if a.State == v1alpha1.ActionFailed && a.Workload.Name != "" {
			w.plugin("read what failed", "logs %s --failed", w.in.Execution.Name)
			return
		}
	}
}

// suggestRetry adds the command that runs the last stage again, if the execution was in one.
func (w *writer) suggestRetry() {
	if stage := w.in.Execution.Status.CurrentStage; stage != "" {
		w.plugin(fmt.Sprintf("run the stage %q again", stage), "retry %s", w.in.Execution.Name)
	}
}
