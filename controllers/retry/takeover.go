// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package retry

import (
	"cmp"

	"haltline.dev/haltline/api/v1alpha1"
)

// Variables returns the variables that an execution was started with: those of a retry are the ones that it took over.
func Variables(execution *v1alpha1.PipelineExecution) []v1alpha1.Variable {
	if taken := execution.Status.RetryOf; taken != nil {
		return taken.Variables
	}
	return execution.Spec.Variables
}

// TakeOver sets in the status of a retry what it takes over from the original execution, all but the revision: the variables, and which
// actions have succeeded, with their outputs. The stages have to be there, all of them not started. One write of the status has all of it.
func TakeOver(status *v1alpha1.PipelineExecutionStatus, of *v1alpha1.RetryOf, original *v1alpha1.PipelineExecution, pipeline *v1alpha1.Pipeline) {
	status.RetryOf = &v1alpha1.RetryStatus{
		PipelineExecutionID: string(original.UID), Name: original.Name, StageExecutionID: lastKnownInStage(original, of.StageName, pipeline), Variables: Variables(original),
	}
	for i := range status.Stages {
		stage := &status.Stages[i]
		done := findStage(&original.Status, stage.Name)
		isRetried := stage.Name == of.StageName
		if done != nil && (!isRetried || of.RetryMode == v1alpha1.RetryModeFailedActions) {
			takeOverActions(stage, done, string(original.UID))
		}
		if isRetried {
			return
		}
		stage.State = v1alpha1.StageSucceeded
	}
}

// lastKnownInStage returns the id of the execution that had a stage last before a retry: as the Pipeline shows it, if that is the original one, which
// may have been given the stage and have ended before it entered.
func lastKnownInStage(original *v1alpha1.PipelineExecution, stageName string, pipeline *v1alpha1.Pipeline) string {
	if pipeline != nil && findStageOf(pipeline, stageName).LatestExecutionID == string(original.UID) {
		return string(original.UID)
	}
	return lastInStage(original, stageName)
}

// takeOverActions takes over the actions of a stage that have succeeded. The work that they did is another execution's: nothing of it is observed,
// ended or waited for, so its name is left out.
func takeOverActions(stage, done *v1alpha1.StageStatus, id string) {
	for i := range stage.Actions {
		action := &stage.Actions[i]
		for j := range done.Actions {
			was := &done.Actions[j]
			if was.Name != action.Name || was.State != v1alpha1.ActionSucceeded {
				continue
			}
			taken := *was.DeepCopy()
			taken.RunOrder, taken.Attempt, taken.Workload = action.RunOrder, 0, v1alpha1.WorkloadReference{}
			taken.TakenOverFrom = cmp.Or(was.TakenOverFrom, id)
			*action = taken
		}
	}
}
