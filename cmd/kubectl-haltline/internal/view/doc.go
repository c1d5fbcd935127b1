// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

// Package view derives from an execution what people want to see first: how far it is, what it waits for, since when, and who started or
// stopped it. It reads nothing, and every time is compared with one that it is given.
package view

import (
	"iter"

	"haltline.dev/haltline/api/v1alpha1"
)

// ActionKey names an action of an execution.
type ActionKey struct {
	Stage, Action string
}

// String returns the name as commands take it: STAGE/ACTION.
func (k ActionKey) String() string { return k.Stage + "/" + k.Action }

// Actions iterates over the actions of all stages, in their order. What it yields must not be changed.
func Actions(execution *v1alpha1.PipelineExecution) iter.Seq2[ActionKey, *v1alpha1.ActionStatus] {
	return func(yield func(ActionKey, *v1alpha1.ActionStatus) bool) {
		for s := range execution.Status.Stages {
			stage := &execution.Status.Stages[s]
			for a := range stage.Actions {
				if !yield(ActionKey{stage.Name, stage.Actions[a].Name}, &stage.Actions[a]) {
					return
				}
			}
		}
	}
}

// IsActive reports whether the work of an action may still go on.
func IsActive(a *v1alpha1.ActionStatus) bool {
	return a.State != v1alpha1.ActionNotStarted && a.CompletionTime == nil
}

// IsUnconfirmed reports whether an action was decided to start, and it is not known whether its work exists.
func IsUnconfirmed(a *v1alpha1.ActionStatus) bool {
	return a.State == v1alpha1.ActionInProgress && a.Workload.UID == "" && a.Approval == nil
}

// IsWaitingForApproval reports whether an action waits for a person.
func IsWaitingForApproval(a *v1alpha1.ActionStatus) bool {
	return a.Approval != nil && a.Approval.Result == nil && a.State == v1alpha1.ActionInProgress && a.CompletionTime == nil
}

// IsSeen reports whether the operator has looked at the execution. The status that a restore copied from another execution is not about
// this one.
func IsSeen(execution *v1alpha1.PipelineExecution) bool {
	return execution.Status.State != "" && !execution.IsRestoredCopy()
}

// IsFinished reports whether nothing about the execution changes any more.
func IsFinished(execution *v1alpha1.PipelineExecution) bool {
	return IsSeen(execution) && execution.Status.State.IsFinal()
}
