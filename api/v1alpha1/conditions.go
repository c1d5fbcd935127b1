// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// Condition types. Ready, Reconciling and Stalled have the meaning that kstatus gives them
// (https://github.com/kubernetes-sigs/cli-utils/blob/master/pkg/kstatus/README.md); Reconciling, Stalled and
// Stopping are present only while they are True.
const (
	// ConditionReady is True when an object is what it was asked to be: a Pipeline can be run, an execution Succeeded
	// or was Stopped on request, a StopRequest was accepted and its execution is Stopped.
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
	// ConditionAccepted is the verdict on a StopRequest. It is written once.
	ConditionAccepted = "Accepted"
)

// Reasons of the verdict on a StopRequest: the condition Accepted.
const (
	// ReasonAccepted says that the execution is stopping, or has stopped, because of this request.
	ReasonAccepted = "Accepted"
	// ReasonDuplicatedStopRequest quotes the contract: "The pipeline execution is already in a Stopping state."
	ReasonDuplicatedStopRequest = "DuplicatedStopRequestException"
	// ReasonNotStoppable quotes the contract: "Unable to stop the pipeline execution. The execution might already be in a Stopped state, or
	// it might no longer be in progress."
	ReasonNotStoppable = "PipelineExecutionNotStoppableException"
	// ReasonPipelineNotFound quotes the contract: "The pipeline was specified in an invalid format or cannot be found."
	ReasonPipelineNotFound = "PipelineNotFoundException"
	// ReasonExecutionDeleted is the reason of Stopped on a StopRequest whose execution was deleted while it stopped.
	ReasonExecutionDeleted = "ExecutionDeleted"
)

// Reasons of the conditions of a Pipeline.
const (
	// ReasonValid says that the Pipeline can be run.
	ReasonValid = "Valid"
	// ReasonPipelineNameTaken says that an older Pipeline of the namespace has the same pipelineName.
	ReasonPipelineNameTaken = "PipelineNameTaken"
	// ReasonInvalidJobTemplate says that the Job template of an action is not one that the API server accepts. It is
	// also the reason of an execution that failed for it.
	ReasonInvalidJobTemplate = "InvalidJobTemplate"
)

// Reasons of the conditions of a PipelineExecution. The names of states are reasons as well.
const (
	// ReasonWaitingForPipeline says that no Pipeline of the execution's pipelineName exists in its namespace yet.
	ReasonWaitingForPipeline = "WaitingForPipeline"
	// ReasonInvalidVariables says that the execution sets a variable which its Pipeline does not declare, or leaves out one
	// that has no default.
	ReasonInvalidVariables = "InvalidVariables"
	// ReasonActionFailed says that an action failed.
	ReasonActionFailed = "ActionFailed"
	// ReasonRevisionLost says that the ControllerRevision which pins what the execution runs is gone or is not ours.
	ReasonRevisionLost = "RevisionLost"
	// ReasonFencing says that a stop was accepted and that the operator is making sure that nothing more can start.
	ReasonFencing = "Fencing"
	// ReasonStartBlocked says that the API server keeps refusing to create a Job for a cause that can pass, such as a quota.
	ReasonStartBlocked = "StartBlocked"
)

// Reasons of an action that is Failed. An action whose Job failed has the reason of the Job's Failed condition.
const (
	// ReasonJobRefused says that the API server refused the Job as invalid.
	ReasonJobRefused = "JobRefused"
	// ReasonJobNameTaken says that a Job which is not the execution's has the name of the action's Job.
	ReasonJobNameTaken = "JobNameTaken"
	// ReasonJobLost says that the action's Job was deleted by another while it ran. It is not run again.
	ReasonJobLost = "JobLost"
)
