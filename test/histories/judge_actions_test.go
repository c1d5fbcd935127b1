// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package histories

import (
	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/histories/model"
)

// actionStates are the states of the actions of an execution. What is not there has not started.
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

// judgeActions judges what a write says of actions that the status before it did not.
func (j *judge) judgeActions(x *execution, before *v1alpha1.PipelineExecutionStatus) {
	was, is := actionStates(before), actionStates(&x.Status)
	for _, a := range x.definition.model {
		k := a.Key
		if was[k] == is[k] {
			continue
		}
		if was[k] != "" && was[k] != v1alpha1.ActionInProgress {
			j.violated("action %q of execution %q was %s and is %q", k.Action, x.Name, was[k], is[k])
		}
		switch is[k] {
		case v1alpha1.ActionInProgress:
			j.judgeStart(x, k, is)
		case v1alpha1.ActionAbandoned:
			j.judgeAbandoned(x, k)
		case "":
			if ran := x.ran[k]; ran != nil && !ran.unrecorded || !x.state.Stopping() {
				j.violated("action %q of execution %q was in progress and is NotStarted", k.Action, x.Name)
			}
		default:
			j.judgeOutcome(x, k, is[k])
		}
	}
	if shown := x.Status.State; shown == v1alpha1.ExecutionStopping || shown == v1alpha1.ExecutionStopped {
		j.judgeLeft(x, is)
	}
}

// judgeLeft judges which actions are in progress while an execution reads Stopping: those that the stop waits for. What an
// action asks for is not known any more where its Pipeline was deleted.
func (j *judge) judgeLeft(x *execution, is map[model.Key]v1alpha1.ActionState) {
	for _, a := range x.definition.model {
		waitedFor := x.state == model.StoppingByWait && x.Status.State == v1alpha1.ExecutionStopping &&
			(x.definition.actions[a.Key].OnStop == v1alpha1.OnStopFinish || x.lostPipeline)
		if is[a.Key] == v1alpha1.ActionInProgress && !waitedFor {
			j.violated("action %q of execution %q is in progress, and the execution is %s and reads %s", a.Action, x.Name, x.state, x.Status.State)
		}
	}
}

// judgeStart judges that an action starts: no stop is in force, and all that goes before it has succeeded.
func (j *judge) judgeStart(x *execution, k model.Key, is map[model.Key]v1alpha1.ActionState) {
	if x.state != model.InProgress {
		j.violated("action %q of execution %q starts, and the execution is %s", k.Action, x.Name, x.state)
	}
	may := x.definition.model.MayStart(k, func(other model.Key) (model.Outcome, bool) {
		return model.Succeeds, is[other] == v1alpha1.ActionSucceeded
	})
	if !may {
		j.violated("action %q of execution %q starts before its turn", k.Action, x.Name)
	}
}

// judgeAbandoned judges that an action is abandoned: the stop abandons, or the action asks for it.
func (j *judge) judgeAbandoned(x *execution, k model.Key) {
	asksForIt := x.state == model.StoppingByWait && x.definition.actions[k].OnStop == v1alpha1.OnStopAbandon
	if x.state != model.StoppingByAbandon && !asksForIt {
		j.violated("action %q of execution %q is Abandoned, and the execution is %s", k.Action, x.Name, x.state)
	}
}

// judgeOutcome judges that an action ends as its Job did, or failed where the Job was lost.
func (j *judge) judgeOutcome(x *execution, k model.Key, state v1alpha1.ActionState) {
	want := map[model.Outcome]v1alpha1.ActionState{
		model.Succeeds: v1alpha1.ActionSucceeded, model.Fails: v1alpha1.ActionFailed,
	}[x.ended[k]]
	excused := state == v1alpha1.ActionFailed && (x.lost[k] || x.lostPipeline)
	if state != want && !excused {
		j.violated("action %q of execution %q is %s, and its Job has ended so: %q", k.Action, x.Name, state, x.ended[k])
	}
}
