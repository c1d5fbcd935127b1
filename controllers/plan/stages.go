// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import "haltline.dev/haltline/api/v1alpha1"

// settleStages derives the state of every stage from its actions and from the state of the execution.
func settleStages(status *v1alpha1.PipelineExecutionStatus) {
	for s := range status.Stages {
		status.Stages[s].State = stageState(&status.Stages[s], status)
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
	case everyOf(stage, succeeded):
		return v1alpha1.StageSucceeded
	case status.State == v1alpha1.ExecutionFailed:
		return v1alpha1.StageFailed
	default:
		return v1alpha1.StageInProgress
	}
}

func succeeded(a *v1alpha1.ActionStatus) bool {
	return a.State == v1alpha1.ActionSucceeded
}
