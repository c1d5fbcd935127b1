// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

// Package transition describes what changed when a status was written. The packages plan and stop derive transitions;
// the reconcilers report them as events, log lines and metrics.
package transition

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"haltline.dev/haltline/api/v1alpha1"
)

// Type is a word in CamelCase. It is the reason of the event, a field of the log line and a label of the metric.
type Type string

// Transitions of an execution.
const (
	// Started: the first action was decided to start. Since is when the execution was created, and not set if it waited before its
	// first stage.
	Started Type = "Started"
	// ActionStarted: the start of an action was confirmed. Since is when it was decided.
	ActionStarted Type = "ActionStarted"
	// ActionWaiting: something keeps the work of an action from running. Since is when it was decided to start.
	ActionWaiting Type = "ActionWaiting"
	// ActionSucceeded: the work of an action ended well. Since is when it was decided to start.
	ActionSucceeded Type = "ActionSucceeded"
	// ActionFailed: the work of an action ended badly, was refused or was lost. Since is when it was decided to start.
	ActionFailed Type = "ActionFailed"
	// WaitingForApproval: an action waits for approval from now on.
	WaitingForApproval Type = v1alpha1.ReasonWaitingForApproval
	// ActionApproved: somebody approved an action. Since is when it began to wait.
	ActionApproved Type = "ActionApproved"
	// ActionAbandoned: a stop abandoned an action in progress. Since is when it was decided to start.
	ActionAbandoned Type = "ActionAbandoned"
	// WaitingForPipeline: no Pipeline of the execution's pipelineName exists yet.
	WaitingForPipeline Type = v1alpha1.ReasonWaitingForPipeline
	// WaitingForStage: another execution has the stage that the execution is to enter.
	WaitingForStage Type = v1alpha1.ReasonWaitingForStage
	// TransitionDisabled: the transition into the stage that the execution is to enter is disabled.
	TransitionDisabled Type = v1alpha1.ReasonTransitionDisabled
	// StartBlocked: the API server keeps refusing what the next start needs.
	StartBlocked Type = v1alpha1.ReasonStartBlocked
	// Failing: an action failed, and others beside it still run.
	Failing Type = v1alpha1.ReasonFailing
	// Fencing: a stop is recorded, and an unconfirmed start has to be fenced before it is published.
	Fencing Type = v1alpha1.ReasonFencing
	// StopBlocked: the API server refuses the status that would record a stop.
	StopBlocked Type = v1alpha1.ReasonStopBlocked
	// Stopping: a stop was published, and actions in progress have to end.
	Stopping Type = Type(v1alpha1.ExecutionStopping)
	// Escalated: a stop that waited abandons from now on.
	Escalated Type = "Escalated"
	// StopWaiting: a stop waits for an action for another reason than before.
	StopWaiting Type = "StopWaiting"
	// StopInGracePeriod: the same, and the work has only not used up the time that it has for ending.
	StopInGracePeriod Type = "StopInGracePeriod"
	// Stopped: the execution is Stopped. Since is when the first stop request was accepted.
	Stopped Type = Type(v1alpha1.ExecutionStopped)
	// Succeeded: the execution is Succeeded. Since is when the execution was created.
	Succeeded Type = Type(v1alpha1.ExecutionSucceeded)
	// Failed: the execution is Failed. Since is when the execution was created.
	Failed Type = Type(v1alpha1.ExecutionFailed)
	// Superseded: the execution is Superseded. Since is when the execution was created.
	Superseded Type = Type(v1alpha1.ExecutionSuperseded)
)

// Transitions of a request. Since is when the request was created, if it is set.
const (
	// Accepted: the request was accepted.
	Accepted Type = v1alpha1.ReasonAccepted
	// Rejected: the request was rejected; Verdict is the reason.
	Rejected Type = "Rejected"
	// RequestDone: what an accepted request asked for is done.
	RequestDone Type = "RequestDone"
)

// Transition is one change of an object that was written.
type Transition struct {
	// Type of the change.
	Type Type
	// Message is a sentence about it. It can be longer than an event takes.
	Message string
	// Stage and Action name the action that it is about; empty if it is about the object as a whole.
	Stage, Action string
	// Workload of that action.
	Workload v1alpha1.WorkloadReference
	// Mode of the stop that it is about; empty if there is none.
	Mode v1alpha1.StopMode
	// Verdict is the reason of the condition Accepted, on Accepted and Rejected.
	Verdict string
	// Since is when that began which the transition ends; nil if nothing did.
	Since *metav1.Time
}
