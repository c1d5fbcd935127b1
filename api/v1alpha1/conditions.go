// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// Condition types. Ready, Reconciling and Stalled have the meaning that kstatus gives them
// (https://github.com/kubernetes-sigs/cli-utils/blob/master/pkg/kstatus/README.md). Reconciling, Stalled, Stopping,
// Stopped and Finished are present only while they are True.
const (
	// ConditionReady is True when an object is what it was asked to be: a Pipeline can be run, an execution Succeeded, a
	// StopRequest was accepted and its execution is Stopped, an ApprovalResult was accepted. An execution that somebody stopped is not
	// what was asked for.
	ConditionReady = "Ready"
	// ConditionReconciling is True while the operator works on the object.
	ConditionReconciling = "Reconciling"
	// ConditionStalled is True when the operator cannot go on without a person.
	ConditionStalled = "Stalled"
	// ConditionSucceeded is True for an execution whose every action succeeded, and False for one that ended otherwise.
	ConditionSucceeded = "Succeeded"
	// ConditionStopping is True for an execution that was asked to stop and has not stopped.
	ConditionStopping = "Stopping"
	// ConditionStopped is True for an execution, and for the StopRequests it accepted, when all of its work has ended.
	ConditionStopped = "Stopped"
	// ConditionWarnings is True for a Pipeline about whose Jobs the API server warns, such as by pod security. Its message has the
	// words of the API server.
	ConditionWarnings = "Warnings"
	// ConditionAccepted is the verdict on a StopRequest or an ApprovalResult. It is written once.
	ConditionAccepted = "Accepted"
	// ConditionFinished is True when nothing about the object changes any more, whatever the end was. Its reason is the
	// end: the final state of an execution; for a StopRequest the reason of Stopped, or that of its rejection; for an
	// ApprovalResult Approved or ApprovalRejected, or the reason of its own rejection.
	ConditionFinished = "Finished"
)
