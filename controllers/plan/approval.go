// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/approve"
	"haltline.dev/haltline/internal/deadline"
	"haltline.dev/haltline/internal/text"
)

// An approval runs nothing: the intent to start it is its start, so it is never unconfirmed, and no operation is done about it.

// isApproval reports whether the action has started as an approval.
func isApproval(a *v1alpha1.ActionStatus) bool {
	return a.Approval != nil
}

// isWaitingForApproval reports whether the action waits for a person.
func isWaitingForApproval(a *v1alpha1.ActionStatus) bool {
	return isApproval(a) && isActive(a)
}

// WaitsForApproval reports whether an action of the execution waits for a person.
func WaitsForApproval(status *v1alpha1.PipelineExecutionStatus) bool {
	return anyAction(status, isWaitingForApproval)
}

// hasActiveWorkload reports whether something that the action runs may still go on.
func hasActiveWorkload(a *v1alpha1.ActionStatus) bool {
	return isActive(a) && !isApproval(a)
}

// startApproval records that an action waits for approval from now on.
func startApproval(a *v1alpha1.ActionStatus, key ActionKey, definition *v1alpha1.Approval, in Input) {
	timeout := int64(v1alpha1.DefaultApprovalTimeoutSeconds)
	if definition.TimeoutSeconds != nil {
		timeout = *definition.TimeoutSeconds
	}
	expiration := deadline.After(in.Now, timeout)
	a.Approval = &v1alpha1.ApprovalStatus{ExpirationTime: expiration, ForbidStarter: definition.ForbidStarter}
	a.Reason = v1alpha1.ReasonWaitingForApproval
	a.Message = text.BoundMessage(describeQuestion(key, definition, in.Execution, expiration))
}

// maxQuestion is how much of what an approver is asked a status shows. The rest of its message has to have room for how to answer.
const maxQuestion = 300

// describeQuestion returns how to decide an approval, and what it asks.
func describeQuestion(key ActionKey, definition *v1alpha1.Approval, execution *v1alpha1.PipelineExecution, expiration metav1.Time) string {
	message := fmt.Sprintf("Approve or reject it by %s, with an ApprovalResult of pipelineName %q, pipelineExecutionId %q, stageName %q, actionName %q",
		formatTime(&expiration), execution.Spec.PipelineName, execution.UID, key.Stage, key.Action)
	if definition.Message != "" {
		message += fmt.Sprintf(": %q", text.Bound(definition.Message, maxQuestion))
	}
	if definition.URL != "" {
		message += fmt.Sprintf(" <%s>", text.Bound(definition.URL, maxQuestion))
	}
	return message
}

// recordApprovals ends the approvals that somebody decided, and then those whose time is up.
func recordApprovals(status *v1alpha1.PipelineExecutionStatus, in Input) {
	approve.Accept(status, in.Execution.Spec.StartedBy, in.Results, in.Now)
	for _, a := range actions(status) {
		if !isWaitingForApproval(a) {
			continue
		}
		switch result := a.Approval.Result; {
		case result != nil && result.Status == v1alpha1.ApprovalApproved:
			endApproval(a, v1alpha1.ActionSucceeded, "", "", in.Now)
		case result != nil:
			endApproval(a, v1alpha1.ActionFailed, v1alpha1.ReasonApprovalRejected, approve.DescribeResult(result), in.Now)
		case !in.Now.Before(&a.Approval.ExpirationTime):
			endApproval(a, v1alpha1.ActionFailed, v1alpha1.ReasonApprovalTimedOut, fmt.Sprintf(
				"nobody approved or rejected it by %s", formatTime(&a.Approval.ExpirationTime)), in.Now)
		}
	}
}

// endApproval gives an approval its end. Nothing of it goes on.
func endApproval(a *v1alpha1.ActionStatus, state v1alpha1.ActionState, reason, message string, now metav1.Time) {
	a.State, a.Reason, a.Message = state, reason, text.BoundMessage(message)
	a.CompletionTime = &now
}

// untilExpiration returns how long from now the first approval times out, or never if none waits. It is more than 0.
func untilExpiration(status *v1alpha1.PipelineExecutionStatus, now metav1.Time) time.Duration {
	next := never
	for _, a := range actions(status) {
		if isWaitingForApproval(a) {
			next = min(next, max(a.Approval.ExpirationTime.Sub(now.Time), time.Millisecond))
		}
	}
	return next
}

// describeWaitingApprovals returns which approval an execution waits for, the first of several, and what else it does.
func describeWaitingApprovals(status *v1alpha1.PipelineExecutionStatus) string {
	first, others := "", 0
	for key, a := range actions(status) {
		switch {
		case !isWaitingForApproval(a):
		case first == "":
			first = fmt.Sprintf("Action %q of stage %q waits for approval. %s.", key.Action, key.Stage, a.Message)
		default:
			others++
		}
	}
	if others > 0 {
		first += fmt.Sprintf(" %d more wait for approval as well.", others)
	}
	return first
}
