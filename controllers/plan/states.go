// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/retry"
)

// initStages fills in the stages when the definition is pinned, all of them not started.
func initStages(status *v1alpha1.PipelineExecutionStatus, in Input) {
	if status.PipelineRevision != "" || in.Revision == "" || in.Definition == nil {
		return
	}
	status.PipelineRevision = in.Revision
	if in.Pipeline != nil {
		status.ExecutionMode = in.Pipeline.Spec.ExecutionMode
	}
	status.TimeoutSeconds = timeoutOf(in)
	for _, s := range in.Definition.Stages {
		stage := v1alpha1.StageStatus{Name: s.Name, State: v1alpha1.StageNotStarted}
		for _, a := range s.Actions {
			stage.Actions = append(stage.Actions, v1alpha1.ActionStatus{
				Name: a.Name, State: v1alpha1.ActionNotStarted, RunOrder: max(a.RunOrder, 1),
			})
		}
		status.Stages = append(status.Stages, stage)
	}
	if in.Original != nil {
		retry.TakeOver(status, in.Execution.Spec.RetryOf, in.Original, in.Pipeline)
	}
}

// setFinalState gives the execution its final state.
func setFinalState(status *v1alpha1.PipelineExecutionStatus, state v1alpha1.ExecutionState, now metav1.Time) {
	status.State = state
	status.CompletionTime = &now
	status.WaitingForStage = nil
}

// setStageStates derives the state of every stage from its actions and from the state of the execution.
func setStageStates(status *v1alpha1.PipelineExecutionStatus) {
	for i := range status.Stages {
		status.Stages[i].State = stageState(&status.Stages[i], status)
	}
}

func stageState(stage *v1alpha1.StageStatus, status *v1alpha1.PipelineExecutionStatus) v1alpha1.StageState {
	entered := stage.State != v1alpha1.StageNotStarted || stage.Name == status.CurrentStage
	succeededBefore := stage.State == v1alpha1.StageSucceeded
	switch {
	case !entered:
		return v1alpha1.StageNotStarted
	case succeededBefore:
		return v1alpha1.StageSucceeded
	case status.State == v1alpha1.ExecutionStopping:
		return v1alpha1.StageStopping
	case status.State == v1alpha1.ExecutionStopped:
		return v1alpha1.StageStopped
	case everyActionOf(stage, hasSucceeded):
		return v1alpha1.StageSucceeded
	case status.State == v1alpha1.ExecutionFailed:
		return v1alpha1.StageFailed
	default:
		return v1alpha1.StageInProgress
	}
}
