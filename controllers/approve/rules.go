// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package approve

import (
	"haltline.dev/haltline/api/v1alpha1"
)

// ruling is what the rules say about a result, given what the execution has recorded so far.
type ruling int

const (
	// recorded: the execution accepted this very result, whatever happened since.
	recorded ruling = iota
	// stageNotFound: "The stage was specified in an invalid format or cannot be found."
	stageNotFound
	// actionNotFound: "The specified action cannot be found."
	actionNotFound
	// notStarted: the action does not wait yet, or never will.
	notStarted
	// noApproval: the action runs a workload.
	noApproval
	// alreadyCompleted: "The approval action has already been approved or rejected."
	alreadyCompleted
	// ended: nobody decided the approval before its time was up or a stop abandoned it.
	ended
	// late: the result was created when the time was up already.
	late
	// notAllowed: the approver may not be who started the execution.
	notAllowed
	// acceptable: the action waits for a result.
	acceptable
)

// applyRules applies the rules in their order; the first that holds is the ruling. It returns the action that the result names, or
// nil if there is none.
func applyRules(status *v1alpha1.PipelineExecutionStatus, startedBy string, ar *v1alpha1.ApprovalResult) (ruling, *v1alpha1.ActionStatus) {
	a, missing := findAction(status, ar)
	switch {
	case a == nil:
		return missing, nil
	case isRecorded(a, ar):
		return recorded, a
	case a.State == v1alpha1.ActionNotStarted:
		return notStarted, a
	case a.Approval == nil:
		return noApproval, a
	case a.Approval.Result != nil:
		return alreadyCompleted, a
	case a.State != v1alpha1.ActionInProgress || status.State.IsFinal():
		return ended, a
	case !ar.CreationTimestamp.Before(&a.Approval.ExpirationTime):
		return late, a
	case ar.Spec.Status == v1alpha1.ApprovalApproved && a.Approval.ForbidStarter && mayBeStarter(ar, startedBy):
		return notAllowed, a
	default:
		return acceptable, a
	}
}

// mayBeStarter reports whether a result can be from the user who started the execution. It can be if either of them is not known.
func mayBeStarter(ar *v1alpha1.ApprovalResult, startedBy string) bool {
	return startedBy == "" || ar.Spec.DecidedBy == "" || ar.Spec.DecidedBy == startedBy
}

// findAction returns the action that a result names, or what is missing. An execution that is not bound to a Pipeline has no stages:
// nothing of it has started.
func findAction(status *v1alpha1.PipelineExecutionStatus, ar *v1alpha1.ApprovalResult) (*v1alpha1.ActionStatus, ruling) {
	missing := stageNotFound
	if len(status.Stages) == 0 {
		missing = notStarted
	}
	for i := range status.Stages {
		if status.Stages[i].Name != ar.Spec.StageName {
			continue
		}
		missing = actionNotFound
		for j := range status.Stages[i].Actions {
			if status.Stages[i].Actions[j].Name == ar.Spec.ActionName {
				return &status.Stages[i].Actions[j], 0
			}
		}
	}
	return nil, missing
}

func isRecorded(a *v1alpha1.ActionStatus, ar *v1alpha1.ApprovalResult) bool {
	return a.Approval != nil && a.Approval.Result != nil && a.Approval.Result.UID == string(ar.UID)
}

// ConcernsExecution reports whether the result is for the execution: it names its id and its pipeline.
func ConcernsExecution(ar *v1alpha1.ApprovalResult, execution *v1alpha1.PipelineExecution) bool {
	return ar.Spec.PipelineExecutionID == string(execution.UID) && ar.Spec.PipelineName == execution.Spec.PipelineName
}
