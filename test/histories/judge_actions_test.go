// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package histories

import (
	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/histories/model"
)

// actionStates returns the states of the actions of an execution that were started.
func actionStates(status *v1alpha1.PipelineExecutionStatus) map[model.Key]v1alpha1.ActionState {
	states := map[model.Key]v1alpha1.ActionState{}
	for _, s := range status.Stages {
		for _, a := range s.Actions {
			if a.State != v1alpha1.ActionNotStarted {
				states[model.Key{Stage: s.Name, Action: a.Name}] = a.State
			}
		}
	}
	return states
}

// judgeActions judges every action whose state a write changes.
func (j *judge) judgeActions(execution *executionRecord, before *v1alpha1.PipelineExecutionStatus, by string) {
	was, is := actionStates(before), actionStates(&execution.Status)
	for _, a := range execution.definition.model {
		k := a.Key
		if was[k] == is[k] {
			continue
		}
		if was[k] != "" && was[k] != v1alpha1.ActionInProgress {
			j.addFinding("action %q of execution %q was %s and is %q", k.Action, execution.Name, was[k], is[k])
		}
		if was[k] != "" || execution.retry.takenOver[k] == "" {
			j.judgeAction(execution, k, is, by)
		}
		j.judgeOutputs(execution, k)
	}
	if shown := execution.Status.State; shown == v1alpha1.ExecutionStopping || shown == v1alpha1.ExecutionStopped {
		j.judgeLeft(execution, is)
	}
}

// judgeAction judges the state that a write gives an action.
func (j *judge) judgeAction(execution *executionRecord, k model.Key, is map[model.Key]v1alpha1.ActionState, by string) {
	switch is[k] {
	case v1alpha1.ActionInProgress:
		j.judgeStart(execution, k, is)
	case v1alpha1.ActionAbandoned:
		j.judgeAbandoned(execution, k)
	case "":
		mayEnd := execution.state.IsStopping() || execution.Status.TimedOutTime != nil
		if ran := execution.ran[k]; ran != nil && !ran.isUnrecorded || !mayEnd {
			j.addFinding("action %q of execution %q was in progress and is NotStarted", k.Action, execution.Name)
		}
	default:
		switch {
		case execution.definition.actions[k].Approval != nil:
			j.judgeEndOfApproval(execution, k, is[k])
		case is[k] == v1alpha1.ActionFailed && j.hasNoWorkspace(execution, k, by):
		default:
			j.judgeOutcome(execution, k, is[k])
		}
	}
}

// judgeLeft judges which actions are in progress while an execution reads Stopping: only those that the stop waits for.
func (j *judge) judgeLeft(execution *executionRecord, is map[model.Key]v1alpha1.ActionState) {
	for _, a := range execution.definition.model {
		waitedFor := execution.state == model.StoppingByWait && execution.Status.State == v1alpha1.ExecutionStopping &&
			execution.definition.actions[a.Key].OnStop == v1alpha1.OnStopFinish
		if is[a.Key] == v1alpha1.ActionInProgress && !waitedFor {
			j.addFinding("action %q of execution %q is in progress, and the execution is %s and reads %s", a.Action, execution.Name, execution.state, execution.Status.State)
		}
	}
}

// judgeStart judges the start of an action: no stop is in force, and everything before it has succeeded.
func (j *judge) judgeStart(execution *executionRecord, k model.Key, is map[model.Key]v1alpha1.ActionState) {
	if execution.state != model.InProgress {
		j.addFinding("action %q of execution %q starts, and the execution is %s", k.Action, execution.Name, execution.state)
	}
	may := execution.definition.model.MayStart(k, func(other model.Key) (model.Outcome, bool) {
		return model.Succeeds, is[other] == v1alpha1.ActionSucceeded
	})
	if !may {
		j.addFinding("action %q of execution %q starts before its turn", k.Action, execution.Name)
	}
}

// judgeAbandoned judges an action that is abandoned: the stop abandons, or the action asks for it.
func (j *judge) judgeAbandoned(execution *executionRecord, k model.Key) {
	asksForIt := execution.state == model.StoppingByWait && execution.definition.actions[k].OnStop == v1alpha1.OnStopAbandon
	if execution.state != model.StoppingByAbandon && !asksForIt {
		j.addFinding("action %q of execution %q is Abandoned, and the execution is %s", k.Action, execution.Name, execution.state)
	}
}

// judgeOutcome judges the end of an action: it is that of its Job, or Failed if the Job was lost.
func (j *judge) judgeOutcome(execution *executionRecord, k model.Key, state v1alpha1.ActionState) {
	want := map[model.Outcome]v1alpha1.ActionState{
		model.Succeeds: v1alpha1.ActionSucceeded, model.Fails: v1alpha1.ActionFailed,
	}[execution.ended[k]]
	excused := state == v1alpha1.ActionFailed && (execution.lost[k] || execution.timedOut[k])
	if execution.timedOut[k] && state != v1alpha1.ActionFailed {
		j.addFinding("action %q of execution %q exceeded a time limit and is %s", k.Action, execution.Name, state)
	}
	if state != want && !excused {
		j.addFinding("action %q of execution %q is %s, and its Job has ended so: %q", k.Action, execution.Name, state, execution.ended[k])
	}
}
