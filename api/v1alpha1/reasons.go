// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// Reasons of the verdict on a StopRequest: the condition Accepted. Those of a rejection are exceptions of the contract.
const (
	// ReasonAccepted: the execution is stopping, or has stopped, because of this request.
	ReasonAccepted = "Accepted"
	// ReasonDuplicatedStopRequest: "The pipeline execution is already in a Stopping state."
	ReasonDuplicatedStopRequest = "DuplicatedStopRequestException"
	// ReasonNotStoppable: "Unable to stop the pipeline execution. The execution might already be in a Stopped state, or it
	// might no longer be in progress."
	ReasonNotStoppable = "PipelineExecutionNotStoppableException"
	// ReasonPipelineNotFound: "The pipeline was specified in an invalid format or cannot be found."
	ReasonPipelineNotFound = "PipelineNotFoundException"
	// ReasonStopBlocked is the reason of Reconciling on a StopRequest without a verdict: the API server refuses the status of the
	// execution that would record the stop. The message has its words.
	ReasonStopBlocked = "StopBlocked"
	// ReasonExecutionDeleted is the reason of Stopped on a StopRequest whose execution was deleted while it stopped, and of
	// Reconciling until what it ran has ended.
	ReasonExecutionDeleted = "ExecutionDeleted"
	// ReasonWorkLeftRunning is the reason of Finished on a StopRequest whose execution was deleted while it stopped, by
	// somebody who left what it ran running. It is not Stopped.
	ReasonWorkLeftRunning = "WorkLeftRunning"
)

// Reasons of the verdict on an ApprovalResult: the condition Accepted. One that is accepted has ReasonAccepted.
const (
	// ReasonApprovalAlreadyCompleted: "The approval action has already been approved or rejected."
	ReasonApprovalAlreadyCompleted = "ApprovalAlreadyCompletedException"
	// ReasonPipelineExecutionNotFound: "The pipeline execution was specified in an invalid format or cannot be found, or an
	// execution ID does not belong to the specified pipeline."
	ReasonPipelineExecutionNotFound = "PipelineExecutionNotFoundException"
	// ReasonStageNotFound: "The stage was specified in an invalid format or cannot be found."
	ReasonStageNotFound = "StageNotFoundException"
	// ReasonActionNotFound: "The specified action cannot be found."
	ReasonActionNotFound = "ActionNotFoundException"
	// ReasonApprovalNotPending: the action does not wait for approval: it has not started, it is no approval, its time is up, or a stop
	// abandoned it.
	ReasonApprovalNotPending = "ApprovalNotPending"
	// ReasonApproverNotAllowed: the approval may not be given by the user who started the execution, and it was, or nobody knows.
	ReasonApproverNotAllowed = "ApproverNotAllowed"
	// ReasonSubmitted is the reason of Reconciling on an ApprovalResult without a verdict: its execution has yet to take it.
	ReasonSubmitted = "Submitted"
	// ReasonApproved is the reason of Finished on an accepted ApprovalResult that approves.
	ReasonApproved = "Approved"
)

// Reasons of a retry that was refused: an execution with spec.retryOf that is Failed before it ran anything. ReasonPipelineExecutionNotFound,
// ReasonStageNotFound and ReasonRevisionLost are such reasons as well.
const (
	// ReasonStageNotRetryable: "Unable to retry. The pipeline structure or stage state might have changed while actions awaited retry, or
	// the stage contains no failed actions."
	ReasonStageNotRetryable = "StageNotRetryableException"
	// ReasonNotLatestPipelineExecution: "The stage has failed in a later run of the pipeline and the pipelineExecutionId associated with the
	// request is out of date." It is also the reason if the execution was retried before.
	ReasonNotLatestPipelineExecution = "NotLatestPipelineExecutionException"
)

// Reasons of an action that is an approval.
const (
	// ReasonWaitingForApproval: the action waits until somebody approves or rejects it. It is also the reason of the conditions of an
	// execution that waits for nothing else.
	ReasonWaitingForApproval = "WaitingForApproval"
	// ReasonApprovalRejected: somebody rejected the action. It is also the reason of Finished on the ApprovalResult that did.
	ReasonApprovalRejected = "ApprovalRejected"
	// ReasonApprovalTimedOut: nobody approved or rejected the action in time.
	ReasonApprovalTimedOut = "ApprovalTimedOut"
)

// Reasons of the conditions of a Pipeline.
const (
	// ReasonValid: the Pipeline can be run.
	ReasonValid = "Valid"
	// ReasonPipelineNameTaken: another Pipeline of the namespace has the pipelineName, or had it when this one was refused. It does
	// not take the name over without a change of its own.
	ReasonPipelineNameTaken = "PipelineNameTaken"
	// ReasonInvalidJobTemplate: the Job template of an action is not one that the API server accepts. It is also the reason
	// of an execution that failed because of it.
	ReasonInvalidJobTemplate = "InvalidJobTemplate"
	// ReasonInvalidWorkspace: the volumeClaimTemplate of the Pipeline is not one that the API server accepts. It is also the reason of
	// an execution that failed because of it.
	ReasonInvalidWorkspace = "InvalidWorkspace"
	// ReasonInvalidOutputs: the outputVariables of the Pipeline clash with each other or with its variables. It is also the reason of an
	// execution that failed because of it.
	ReasonInvalidOutputs = "InvalidOutputs"
	// ReasonDefinitionTooLarge: the variables and stages of the Pipeline have more than 768 KiB together, so that the objects that hold them
	// would not fit into etcd. It is also the reason of an execution that failed because of it.
	ReasonDefinitionTooLarge = "DefinitionTooLarge"
	// ReasonCheckPending: it is not known yet whether the Pipeline can be run: the API server is being asked about its Jobs, or cannot
	// answer, such as for a webhook that is down. Executions start nevertheless.
	ReasonCheckPending = "CheckPending"
	// ReasonJobWarnings is the reason of Warnings: the API server would create the Jobs of the Pipeline, and warns about them.
	ReasonJobWarnings = "JobWarnings"
)

// Reasons of the conditions of a PipelineExecution. The names of states are reasons as well.
const (
	// ReasonWaitingForPipeline: no Pipeline of the execution's pipelineName exists in its namespace yet.
	ReasonWaitingForPipeline = "WaitingForPipeline"
	// ReasonWaitingForStage: another execution of the pipeline has the stage that this one is to enter, or others wait before this one.
	ReasonWaitingForStage = "WaitingForStage"
	// ReasonTransitionDisabled: the transition into the stage that the execution is to enter is disabled.
	ReasonTransitionDisabled = "TransitionDisabled"
	// ReasonInvalidVariables: the execution sets a variable which its Pipeline does not declare, or leaves out one that has
	// no default.
	ReasonInvalidVariables = "InvalidVariables"
	// ReasonInvalidImage: an image that refers to variables or outputs is no valid reference with their values, or refers to one
	// that nothing declares. It is also the reason of an action and of a Pipeline.
	ReasonInvalidImage = "InvalidImage"
	// ReasonActionFailed: an action failed.
	ReasonActionFailed = "ActionFailed"
	// ReasonFailing: an action failed, and others beside it still run. Nothing further starts, and the execution is Failed when they
	// have finished.
	ReasonFailing = "Failing"
	// ReasonExecutionTimedOut: the execution was still in progress at its deadline. It is also the reason of an action that was in
	// progress then.
	ReasonExecutionTimedOut = "ExecutionTimedOut"
	// ReasonRevisionLost: the ControllerRevision which pins what the execution runs is gone or is not ours.
	ReasonRevisionLost = "RevisionLost"
	// ReasonRestoredCopy: the execution is a copy that a restore made from another one. It is not run again.
	ReasonRestoredCopy = "RestoredCopy"
	// ReasonFencing: a stop is recorded, and is accepted as soon as it is sure that nothing more can start.
	ReasonFencing = "Fencing"
	// ReasonStartBlocked: the API server keeps refusing to create a workload for a cause that can pass, such as a quota.
	ReasonStartBlocked = "StartBlocked"
)

// Reasons of an action that is Failed. An action whose Job failed has the reason of the Job's Failed condition.
const (
	// ReasonWorkloadLost: somebody else deleted the workload of the action while it ran. It is not run again.
	ReasonWorkloadLost = "WorkloadLost"
	// ReasonOutputMissing: the action's container ended without writing an output that the action declares.
	ReasonOutputMissing = "OutputMissing"
	// ReasonOutputInvalid: what the action's container wrote for an output is malformed or too long, or may have been cut.
	ReasonOutputInvalid = "OutputInvalid"
	// ReasonOutputsTooLarge: the outputs of all actions of the execution would be larger than they may be.
	ReasonOutputsTooLarge = "OutputsTooLarge"
	// ReasonOutputsLost: the Job of the action completed, and no pod of it is left that shows its outputs.
	ReasonOutputsLost = "OutputsLost"
	// ReasonWorkspaceNotFound: the PersistentVolumeClaim that spec.workspace.claimName names is not there, or is being deleted.
	ReasonWorkspaceNotFound = "WorkspaceNotFound"
	// ReasonWorkspaceRefused: the API server refused the PersistentVolumeClaim of the execution as invalid.
	ReasonWorkspaceRefused = "WorkspaceRefused"
	// ReasonWorkspaceNameTaken: a PersistentVolumeClaim which is not the execution's has the name of its claim.
	ReasonWorkspaceNameTaken = "WorkspaceNameTaken"
	// ReasonWorkspaceLost: somebody else deleted the PersistentVolumeClaim of the execution, or put another in its place, before the
	// action was started. The action is not started with an empty one.
	ReasonWorkspaceLost = "WorkspaceLost"
	// ReasonStartTimedOut: no pod of the action ran within its startTimeoutSeconds.
	ReasonStartTimedOut = "StartTimedOut"
	// ReasonJobRefused: the API server refused the Job as invalid.
	ReasonJobRefused = "JobRefused"
	// ReasonJobNameTaken: a Job which is not the execution's has the name of the action's Job.
	ReasonJobNameTaken = "JobNameTaken"
	// ReasonJobNotBelieved: a Job has the name of the action's Job and the execution as its controller, but it is not one that the
	// operator creates.
	ReasonJobNotBelieved = "JobNotBelieved"
)

// Reasons why an action does not run or does not end. A pod that cannot be scheduled or whose container cannot start has the reason
// that Kubernetes gives, such as Unschedulable or ImagePullBackOff.
const (
	// ReasonInGracePeriod: the work was asked to end, and has not used up the time that it has for that.
	ReasonInGracePeriod = "InGracePeriod"
	// ReasonPodNotEnding: a pod is past its grace period and has not ended.
	ReasonPodNotEnding = "PodNotEnding"
	// ReasonPodFinalizer: a pod is past its grace period and has a finalizer of somebody else.
	ReasonPodFinalizer = "PodFinalizer"
	// ReasonNodeNotReady: the node of a pod is not ready or is gone.
	ReasonNodeNotReady = "NodeNotReady"
	// ReasonInitContainerRunning: an init container of a pod runs, and the other containers wait for it.
	ReasonInitContainerRunning = "InitContainerRunning"
	// ReasonSidecarNotStarted: a sidecar of a pod runs and is not started, and the other containers wait for it.
	ReasonSidecarNotStarted = "SidecarNotStarted"
	// ReasonContainerRunsOn: a container of a pod has ended, and another runs on.
	ReasonContainerRunsOn = "ContainerRunsOn"
	// ReasonRetrying: the pods of a Job failed, and it waits before its next try.
	ReasonRetrying = "Retrying"
	// ReasonNoPod: a Job that runs has no pod.
	ReasonNoPod = "NoPod"
	// ReasonJobSuspended: the Job is suspended, by its template or by somebody else.
	ReasonJobSuspended = "JobSuspended"
	// ReasonKeptFromStarting: the Job had never run when the execution was stopped, and is kept from starting. The action is NotStarted.
	ReasonKeptFromStarting = "KeptFromStarting"
	// ReasonJobDeleting: somebody else deletes the Job.
	ReasonJobDeleting = "JobDeleting"
	// ReasonJobFinalizer: somebody else deletes the Job, and a finalizer keeps it.
	ReasonJobFinalizer = "JobFinalizer"
	// ReasonJobTakenOver: the execution does not control the Job any more.
	ReasonJobTakenOver = "JobTakenOver"
	// ReasonSuspendRefused: the API server refuses to suspend the Job.
	ReasonSuspendRefused = "SuspendRefused"
)
