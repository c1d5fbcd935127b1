// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"iter"

	"haltline.dev/haltline/api/v1alpha1"
)

// ActionKey names an action of an execution.
type ActionKey struct {
	Stage, Action string
}

// WorkloadKind is the kind of object that does the work of an action.
type WorkloadKind struct {
	APIVersion, Kind string
}

// actions iterates over the actions of all stages, in their order. What it yields can be changed.
func actions(status *v1alpha1.PipelineExecutionStatus) iter.Seq2[ActionKey, *v1alpha1.ActionStatus] {
	return func(yield func(ActionKey, *v1alpha1.ActionStatus) bool) {
		for s := range status.Stages {
			stage := &status.Stages[s]
			for a := range stage.Actions {
				if !yield(ActionKey{stage.Name, stage.Actions[a].Name}, &stage.Actions[a]) {
					return
				}
			}
		}
	}
}

func anyAction(status *v1alpha1.PipelineExecutionStatus, is func(*v1alpha1.ActionStatus) bool) bool {
	for _, a := range actions(status) {
		if is(a) {
			return true
		}
	}
	return false
}

func everyActionOf(stage *v1alpha1.StageStatus, is func(*v1alpha1.ActionStatus) bool) bool {
	for i := range stage.Actions {
		if !is(&stage.Actions[i]) {
			return false
		}
	}
	return true
}

// DefinedActions iterates over the actions of a definition, in their order. What it yields must not be changed.
func DefinedActions(definition *v1alpha1.PipelineDefinition) iter.Seq2[ActionKey, *v1alpha1.Action] {
	return func(yield func(ActionKey, *v1alpha1.Action) bool) {
		if definition == nil {
			return
		}
		for s := range definition.Stages {
			stage := &definition.Stages[s]
			for a := range stage.Actions {
				if !yield(ActionKey{stage.Name, stage.Actions[a].Name}, &stage.Actions[a]) {
					return
				}
			}
		}
	}
}

// findDefinition returns what the action runs, or an empty definition if it is not known.
func findDefinition(definition *v1alpha1.PipelineDefinition, key ActionKey) v1alpha1.Action {
	for k, a := range DefinedActions(definition) {
		if k == key {
			return *a
		}
	}
	return v1alpha1.Action{}
}

// isUnconfirmed reports whether the action was decided to start and it is not known whether it has.
func isUnconfirmed(a *v1alpha1.ActionStatus) bool {
	return a.State == v1alpha1.ActionInProgress && a.Workload.UID == "" && !isApproval(a)
}

// isActive reports whether the work of the action may still go on.
func isActive(a *v1alpha1.ActionStatus) bool {
	return a.State != v1alpha1.ActionNotStarted && a.CompletionTime == nil
}

// hasEnded reports whether nothing more can happen to the action.
func hasEnded(a *v1alpha1.ActionStatus) bool {
	return a.State != v1alpha1.ActionNotStarted && a.CompletionTime != nil
}

// isHeldUp reports whether the work of an action may still go on, and something keeps it from running or from ending. That an approval
// waits is not such a thing.
func isHeldUp(a *v1alpha1.ActionStatus) bool {
	return hasActiveWorkload(a) && a.Reason != ""
}

func hasSucceeded(a *v1alpha1.ActionStatus) bool {
	return a.State == v1alpha1.ActionSucceeded
}

func hasFailed(a *v1alpha1.ActionStatus) bool {
	return a.State == v1alpha1.ActionFailed
}
