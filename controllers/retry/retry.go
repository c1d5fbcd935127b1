// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

// Package retry decides whether an execution may retry another one, and what it takes over from it. Check applies the rules of
// RetryStageExecution to the live execution that is to be retried; TakeOver fills in the status of the retry. The package reads and
// writes nothing.
//
// One execution is retried by one other at most: before a retry takes anything over, its id is written into status.retriedBy of the
// execution that it retries, guarded by the version of that status.
package retry

import (
	"fmt"

	"haltline.dev/haltline/api/v1alpha1"
)

// Refusal is why an execution does not retry another one.
type Refusal struct {
	// Reason is an exception of RetryStageExecution, or RevisionLost.
	Reason string
	// Message names the field, what was found, and what to do next.
	Message string
}

// Input is all that Check depends on. Nothing of it is changed.
type Input struct {
	// Execution is the retry. It has spec.retryOf.
	Execution *v1alpha1.PipelineExecution
	// Original is the execution of the id in spec.retryOf as the API server has it, or nil if there is none.
	Original *v1alpha1.PipelineExecution
	// Rival is the execution that Original names in status.retriedBy, if that is not Execution; nil if there is none, or if it is gone.
	Rival *v1alpha1.PipelineExecution
	// Pipeline has the executionMode, and who has each stage.
	Pipeline *v1alpha1.Pipeline
}

// Check returns why the execution does not retry the original one, or nil if it does. The rules are in the order of what somebody has to
// know first: whether there is such an execution, whether it has ended, whether it has the stage, and whether it is the latest.
func Check(in Input) *Refusal {
	of := in.Execution.Spec.RetryOf
	if refusal := checkOriginal(in); refusal != nil {
		return refusal
	}
	stage := findStage(&in.Original.Status, of.StageName)
	if stage == nil {
		return refuse(v1alpha1.ReasonStageNotFound, "spec.retryOf.stageName: execution %q has no stage %q; name the stage that it ended in%s.",
			in.Original.Name, of.StageName, describeStage(&in.Original.Status))
	}
	if IsClaimedBy(in.Original, in.Execution) {
		return nil // It was the latest when it was claimed, and nothing takes that back.
	}
	if refusal := checkStage(in, stage); refusal != nil {
		return refusal
	}
	return checkLatest(in)
}

// checkOriginal checks that the execution is there, is one of the pipeline, and has ended in a way after which it can be retried.
func checkOriginal(in Input) *Refusal {
	of, pipelineName := in.Execution.Spec.RetryOf, in.Execution.Spec.PipelineName
	switch original := in.Original; {
	case original == nil || original.DeletionTimestamp != nil:
		return refuse(v1alpha1.ReasonPipelineExecutionNotFound, "spec.retryOf.pipelineExecutionId: no execution in this namespace has the id %q, "+
			"or it is being deleted; `kubectl get pipelineexecutions` shows the ids.", of.PipelineExecutionID)
	case original.Spec.PipelineName != pipelineName:
		return refuse(v1alpha1.ReasonPipelineExecutionNotFound, "spec.retryOf.pipelineExecutionId: execution %q is of the pipeline %q, and "+
			"spec.pipelineName is %q; name an execution of that pipeline.", original.Name, original.Spec.PipelineName, pipelineName)
	case original.IsRestoredCopy() || !original.Status.State.IsFinal():
		return refuse(v1alpha1.ReasonStageNotRetryable, "spec.retryOf.pipelineExecutionId: execution %q has not ended; stop it or wait for its end, and "+
			"create another retry.", original.Name)
	case original.Status.State != v1alpha1.ExecutionFailed && original.Status.State != v1alpha1.ExecutionStopped:
		return refuse(v1alpha1.ReasonStageNotRetryable, "spec.retryOf.pipelineExecutionId: execution %q is %s, and only one that is Failed or Stopped can be "+
			"retried; start another execution.", original.Name, original.Status.State)
	}
	return nil
}

// checkStage checks that the stage failed or was stopped, and that there is something of it to run.
func checkStage(in Input, stage *v1alpha1.StageStatus) *Refusal {
	of := in.Execution.Spec.RetryOf
	if !isRetryable(in.Original, stage) {
		return refuse(v1alpha1.ReasonStageNotRetryable, "spec.retryOf.stageName: stage %q of execution %q is %s, and only one that failed or was stopped can be "+
			"retried; name the stage that the execution ended in%s.", stage.Name, in.Original.Name, stage.State, describeStage(&in.Original.Status))
	}
	if of.RetryMode == v1alpha1.RetryModeFailedActions && !hasActionToRun(stage) {
		return refuse(v1alpha1.ReasonStageNotRetryable, "spec.retryOf.retryMode: every action of stage %q of execution %q succeeded, so FAILED_ACTIONS has nothing "+
			"to run; use ALL_ACTIONS, or start another execution.", stage.Name, in.Original.Name)
	}
	return nil
}

// isRetryable reports whether an execution ended in a stage. A retry that was stopped or failed before it came to run anything has not entered the
// stage that it was to run again; that one can be retried as well, since the execution that it retries cannot.
func isRetryable(original *v1alpha1.PipelineExecution, stage *v1alpha1.StageStatus) bool {
	switch stage.State {
	case v1alpha1.StageFailed, v1alpha1.StageStopped:
		return true
	case v1alpha1.StageNotStarted:
		return original.Status.RetryOf != nil && original.Spec.RetryOf != nil && original.Spec.RetryOf.StageName == stage.Name
	default:
		return false
	}
}

// checkLatest checks that no later execution took the place of the original one: none that retries it, in whatever mode, and in one in
// which a stage holds one execution at a time, none that had the stage after it or, if newer ones supersede older ones, waits for it.
func checkLatest(in Input) *Refusal {
	of, original := in.Execution.Spec.RetryOf, in.Original
	if by := original.Status.RetriedBy; by != nil && !isVoid(in.Rival) {
		return refuse(v1alpha1.ReasonNotLatestPipelineExecution, "spec.retryOf.pipelineExecutionId: execution %q was retried by execution %q; retry that one, or "+
			"start another execution.", original.Name, by.Name)
	}
	if !in.Pipeline.Spec.ExecutionMode.IsSerial() {
		return nil
	}
	present := findStageOf(in.Pipeline, of.StageName)
	latest := present.LatestExecutionID
	if latest != "" && latest != string(original.UID) && latest != lastInStage(original, of.StageName) {
		return refuse(v1alpha1.ReasonNotLatestPipelineExecution, "spec.retryOf.pipelineExecutionId: execution %q is not the latest of stage %q, which execution %s had "+
			"after it; retry that one, or start another execution.", original.Name, of.StageName, latest)
	}
	if in.Pipeline.Spec.ExecutionMode == v1alpha1.ExecutionModeSuperseded && len(present.Waiting) > 0 {
		return refuse(v1alpha1.ReasonNotLatestPipelineExecution, "spec.retryOf.pipelineExecutionId: execution %q waits before stage %q and supersedes execution %q; let "+
			"it enter, or stop it and create another retry.", present.Waiting[0].Name, of.StageName, original.Name)
	}
	return nil
}

// lastInStage returns the id of the execution that was last in a stage, of the original one and those that it took over from.
func lastInStage(original *v1alpha1.PipelineExecution, stageName string) string {
	stage, taken := findStage(&original.Status, stageName), original.Status.RetryOf
	if taken != nil && stage != nil && stage.State == v1alpha1.StageNotStarted {
		return taken.StageExecutionID
	}
	return string(original.UID)
}

// isVoid reports whether a retry has ended without having taken over anything, such as because it was stopped before. That stays so.
func isVoid(rival *v1alpha1.PipelineExecution) bool {
	return rival != nil && !rival.IsRestoredCopy() && rival.Status.State.IsFinal() && rival.Status.RetryOf == nil
}

// IsClaimedBy reports whether an execution names another one as its retry.
func IsClaimedBy(original, execution *v1alpha1.PipelineExecution) bool {
	by := original.Status.RetriedBy
	return by != nil && by.PipelineExecutionID == string(execution.UID)
}

// NewClaim returns what the original execution gets to name its retry.
func NewClaim(execution *v1alpha1.PipelineExecution) *v1alpha1.RetriedBy {
	return &v1alpha1.RetriedBy{PipelineExecutionID: string(execution.UID), Name: execution.Name}
}

// RefuseLostRevision returns that what the original execution ran is not known any more.
func RefuseLostRevision(original *v1alpha1.PipelineExecution) *Refusal {
	return refuse(v1alpha1.ReasonRevisionLost, "spec.retryOf.pipelineExecutionId: the ControllerRevision %q, which pins what execution %q ran, is gone, or somebody "+
		"else put another in its place; start another execution.", original.Status.PipelineRevision, original.Name)
}

func refuse(reason, format string, args ...any) *Refusal {
	return &Refusal{Reason: reason, Message: fmt.Sprintf(format, args...)}
}

// describeStage returns which stage an execution ended in, for the end of a sentence; empty if it entered none.
func describeStage(status *v1alpha1.PipelineExecutionStatus) string {
	if status.CurrentStage == "" {
		return ""
	}
	return fmt.Sprintf(", %q", status.CurrentStage)
}

func findStage(status *v1alpha1.PipelineExecutionStatus, name string) *v1alpha1.StageStatus {
	for i := range status.Stages {
		if status.Stages[i].Name == name {
			return &status.Stages[i]
		}
	}
	return nil
}

func findStageOf(pipeline *v1alpha1.Pipeline, name string) v1alpha1.PipelineStageStatus {
	for _, s := range pipeline.Status.Stages {
		if s.Name == name {
			return s
		}
	}
	return v1alpha1.PipelineStageStatus{Name: name}
}

func hasActionToRun(stage *v1alpha1.StageStatus) bool {
	for _, a := range stage.Actions {
		if a.State != v1alpha1.ActionSucceeded {
			return true
		}
	}
	return false
}
