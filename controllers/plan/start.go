// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/gate"
)

// startNextGroup goes on with an execution that nobody asked to stop: when no action is in progress it records the intent
// to start the next group, or the final state. It returns why the execution failed before anything ran, or nil.
func startNextGroup(status *v1alpha1.PipelineExecutionStatus, in Input) *Problem {
	if status.PipelineRevision == "" && in.Refused != nil {
		setFinalState(status, v1alpha1.ExecutionFailed, in.Now)
		return in.Refused
	}
	if status.PipelineRevision == "" || anyAction(status, isActive) || in.Execution.DeletionTimestamp != nil {
		return nil
	}
	if anyAction(status, hasFailed) || status.TimedOutTime != nil {
		setFinalState(status, v1alpha1.ExecutionFailed, in.Now)
		return nil
	}
	if status.SupersededBy != "" {
		setFinalState(status, v1alpha1.ExecutionSuperseded, in.Now)
		return nil
	}
	stage, group := nextGroup(status)
	if stage == nil {
		setFinalState(status, v1alpha1.ExecutionSucceeded, in.Now)
		return nil
	}
	if problem := startProblem(status, in); problem != nil {
		setFinalState(status, v1alpha1.ExecutionFailed, in.Now)
		return problem
	}
	if !hasEntered(status, stage) {
		if entry := gate.CheckEntry(in.Pipeline, in.Execution, stage.Name); !entry.IsOpen {
			setWaitingForStage(status, stage.Name, entry, in)
			return nil
		}
	}
	status.WaitingForStage = nil
	recordWorkspace(status, stage.Name, group, in)
	for _, a := range group {
		recordIntent(a, ActionKey{stage.Name, a.Name}, in)
	}
	status.CurrentStage = stage.Name
	if status.StartTime == nil {
		status.StartTime = &in.Now
		status.DeadlineTime = deadlineAfter(in.Now, status.TimeoutSeconds)
	}
	return nil
}

// recordIntent records that the action is to be started, and the name of what will do its work. An approval has started with that.
func recordIntent(a *v1alpha1.ActionStatus, key ActionKey, in Input) {
	a.State = v1alpha1.ActionInProgress
	a.StartTime = &in.Now
	a.Attempt++
	if approval := findDefinition(in.Definition, key).Approval; approval != nil {
		startApproval(a, key, approval, in)
		return
	}
	kind := in.WorkloadKinds[key]
	a.StartDeadlineTime = deadlineAfter(in.Now, findDefinition(in.Definition, key).StartTimeoutSeconds)
	a.Workload = v1alpha1.WorkloadReference{
		APIVersion: kind.APIVersion, Kind: kind.Kind, Name: WorkloadName(in.Execution, key, a.Attempt, in.Nonce),
	}
}

// startProblem returns why nothing more of the execution can be started, or nil.
func startProblem(status *v1alpha1.PipelineExecutionStatus, in Input) *Problem {
	if in.Problem != nil {
		return in.Problem
	}
	if in.Definition == nil {
		return &Problem{v1alpha1.ReasonRevisionLost, fmt.Sprintf("The ControllerRevision %q, which pins what the execution "+
			"runs, is gone, or somebody else put another in its place; start another execution.", status.PipelineRevision)}
	}
	return nil
}

// nextGroup returns the actions of the smallest runOrder that have not started, in the first stage that has such, and
// that stage; nil if every action has started. "Equal values in a stage run in parallel; a smaller one goes first."
func nextGroup(status *v1alpha1.PipelineExecutionStatus) (*v1alpha1.StageStatus, []*v1alpha1.ActionStatus) {
	for i := range status.Stages {
		if group := nextGroupOfStage(&status.Stages[i]); len(group) > 0 {
			return &status.Stages[i], group
		}
	}
	return nil, nil
}

func nextGroupOfStage(stage *v1alpha1.StageStatus) []*v1alpha1.ActionStatus {
	var group []*v1alpha1.ActionStatus
	for i := range stage.Actions {
		action := &stage.Actions[i]
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
	return group
}
