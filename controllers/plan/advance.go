// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"

	"haltline.dev/haltline/api/v1alpha1"
)

// advance goes on with an execution that nobody asked to stop: when no action is in progress it records the intent to
// start the next group, or the final state. It returns why the execution failed before anything ran, if it did.
func advance(status *v1alpha1.PipelineExecutionStatus, in Input) *Problem {
	if status.PipelineRevision == "" || anyAction(status, working) || in.Execution.DeletionTimestamp != nil {
		return nil
	}
	if anyAction(status, failed) {
		finish(status, v1alpha1.ExecutionFailed, in.Now)
		return nil
	}
	stage, group := nextGroup(status)
	if stage == nil {
		finish(status, v1alpha1.ExecutionSucceeded, in.Now)
		return nil
	}
	if problem := cannotStart(status, in); problem != nil {
		finish(status, v1alpha1.ExecutionFailed, in.Now)
		return problem
	}
	for _, a := range group {
		a.State = v1alpha1.ActionInProgress
		a.StartTime = &in.Now
		a.JobName = JobName(in.Execution, Key{stage.Name, a.Name})
	}
	status.CurrentStage = stage.Name
	if status.StartTime == nil {
		status.StartTime = &in.Now
	}
	return nil
}

// cannotStart returns why nothing more of the execution can be started, or nil.
func cannotStart(status *v1alpha1.PipelineExecutionStatus, in Input) *Problem {
	if in.Problem != nil {
		return in.Problem
	}
	if in.Pipeline == nil {
		return &Problem{v1alpha1.ReasonRevisionLost, fmt.Sprintf("The ControllerRevision %q, which pins what the execution "+
			"runs, is gone or is not the execution's; start another execution.", status.PipelineRevision)}
	}
	return nil
}

// nextGroup returns the actions of the smallest runOrder that have not started, in the first stage that has such, and
// that stage; nil where every action has started. "Equal values in a stage run in parallel; a smaller one goes first."
func nextGroup(status *v1alpha1.PipelineExecutionStatus) (*v1alpha1.StageStatus, []*v1alpha1.ActionStatus) {
	for s := range status.Stages {
		var group []*v1alpha1.ActionStatus
		for a := range status.Stages[s].Actions {
			action := &status.Stages[s].Actions[a]
			if action.State != v1alpha1.ActionNotStarted {
				continue
			}
			if len(group) > 0 && action.RunOrder < group[0].RunOrder {
				group = nil
			}
			if len(group) == 0 || action.RunOrder == group[0].RunOrder {
				group = append(group, action)
			}
		}
		if len(group) > 0 {
			return &status.Stages[s], group
		}
	}
	return nil, nil
}

func failed(a *v1alpha1.ActionStatus) bool {
	return a.State == v1alpha1.ActionFailed
}

func anyAction(status *v1alpha1.PipelineExecutionStatus, is func(*v1alpha1.ActionStatus) bool) bool {
	for s := range status.Stages {
		if anyOf(&status.Stages[s], is) {
			return true
		}
	}
	return false
}

func anyOf(stage *v1alpha1.StageStatus, is func(*v1alpha1.ActionStatus) bool) bool {
	for a := range stage.Actions {
		if is(&stage.Actions[a]) {
			return true
		}
	}
	return false
}

func everyOf(stage *v1alpha1.StageStatus, is func(*v1alpha1.ActionStatus) bool) bool {
	return !anyOf(stage, func(a *v1alpha1.ActionStatus) bool { return !is(a) })
}
