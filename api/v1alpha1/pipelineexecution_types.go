// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ExecutionState is the state of an execution.
// +kubebuilder:validation:Enum=InProgress;Stopping;Stopped;Succeeded;Failed;Superseded
type ExecutionState string

const (
	// ExecutionInProgress is an execution that runs, or waits for its Pipeline.
	ExecutionInProgress ExecutionState = "InProgress"
	// ExecutionStopping is a state of the contract: "While completing or abandoning in-progress actions, the
	// pipeline execution is in a Stopping state."
	ExecutionStopping ExecutionState = "Stopping"
	// ExecutionStopped is a state of the contract: "After all in-progress actions are completed or abandoned,
	// the pipeline execution is in a Stopped state." It is final.
	ExecutionStopped ExecutionState = "Stopped"
	// ExecutionSucceeded is an execution whose every action succeeded. It is final.
	ExecutionSucceeded ExecutionState = "Succeeded"
	// ExecutionFailed is an execution with a failed action, or one that could not start. It is final.
	ExecutionFailed ExecutionState = "Failed"
	// ExecutionSuperseded is an execution that waited before a stage when a newer one of its pipeline came to wait there. It is final.
	ExecutionSuperseded ExecutionState = "Superseded"
)

// ExecutionStates returns every state.
func ExecutionStates() []ExecutionState {
	return []ExecutionState{
		ExecutionInProgress, ExecutionStopping, ExecutionStopped, ExecutionSucceeded, ExecutionFailed, ExecutionSuperseded,
	}
}

// IsFinal reports whether the state never changes again.
func (s ExecutionState) IsFinal() bool {
	return s == ExecutionStopped || s == ExecutionSucceeded || s == ExecutionFailed || s == ExecutionSuperseded
}

// StageState is the state of a stage of an execution.
// +kubebuilder:validation:Enum=NotStarted;InProgress;Stopping;Stopped;Succeeded;Failed
type StageState string

const (
	// StageNotStarted is a stage that the execution has not entered.
	StageNotStarted StageState = "NotStarted"
	// StageInProgress is the stage that the execution is in.
	StageInProgress StageState = "InProgress"
	// StageStopping is the stage that the execution was in when it was asked to stop.
	StageStopping StageState = "Stopping"
	// StageStopped is the stage that the execution was stopped in, even if every action of it succeeded or one failed.
	StageStopped StageState = "Stopped"
	// StageSucceeded is a stage whose every action succeeded.
	StageSucceeded StageState = "Succeeded"
	// StageFailed is a stage with a failed action.
	StageFailed StageState = "Failed"
)

// ActionState is the state of an action of an execution.
// +kubebuilder:validation:Enum=NotStarted;InProgress;Succeeded;Failed;Abandoned
type ActionState string

const (
	// ActionNotStarted is an action that did not run, or not yet.
	ActionNotStarted ActionState = "NotStarted"
	// ActionInProgress is an action that the execution has decided to run. Its workload
	// exists once workload.uid is set. An approval that is in progress waits for its result.
	ActionInProgress ActionState = "InProgress"
	// ActionSucceeded is an action whose Job completed, or that was approved.
	ActionSucceeded ActionState = "Succeeded"
	// ActionFailed is an action whose Job failed, was refused or was lost, or that was rejected or not approved in time.
	ActionFailed ActionState = "Failed"
	// ActionAbandoned is an action that was in progress when its execution was abandoned. Its work has ended, or was left
	// running on purpose, once completionTime is set.
	ActionAbandoned ActionState = "Abandoned"
)

// PipelineExecutionSpec is what to run. It is immutable, except for how long the execution is kept.
// +kubebuilder:validation:XValidation:rule="self.pipelineName == oldSelf.pipelineName",message="pipelineName is immutable; create another PipelineExecution instead",fieldPath=".pipelineName"
// +kubebuilder:validation:XValidation:rule="has(self.startedBy) == has(oldSelf.startedBy) && (!has(self.startedBy) || self.startedBy == oldSelf.startedBy)",message="startedBy is immutable",fieldPath=".startedBy"
// +kubebuilder:validation:XValidation:rule="has(self.variables) == has(oldSelf.variables)",message="variables are immutable; create another PipelineExecution instead",fieldPath=".variables"
// +kubebuilder:validation:XValidation:rule="has(self.timeoutSeconds) == has(oldSelf.timeoutSeconds) && (!has(self.timeoutSeconds) || self.timeoutSeconds == oldSelf.timeoutSeconds)",message="timeoutSeconds is immutable; to end the execution sooner, create a StopRequest",fieldPath=".timeoutSeconds"
// +kubebuilder:validation:XValidation:rule="has(self.retryOf) == has(oldSelf.retryOf) && (!has(self.retryOf) || self.retryOf == oldSelf.retryOf)",message="retryOf is immutable; create another PipelineExecution instead",fieldPath=".retryOf"
// +kubebuilder:validation:XValidation:rule="!has(self.retryOf) || !has(self.variables)",message="a retry takes over the variables of the execution that it retries; leave them out, or start another execution without retryOf",fieldPath=".variables"
type PipelineExecutionSpec struct {
	// pipelineName is the name of the Pipeline to run, in the namespace of the execution: 1 to 100 letters, digits and
	// . @ - _ characters. The execution waits for a Pipeline that is not there yet.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=100
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9.@\-_]+$`
	PipelineName string `json:"pipelineName"`

	// variables are the values of variables that the Pipeline declares.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=50
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="variables are immutable; create another PipelineExecution instead"
	Variables []Variable `json:"variables,omitempty"`

	// retryOf makes the execution run a stage of an earlier one again, and the stages after it. It takes over what that one had pinned, its
	// variables, and what it had finished.
	// +optional
	RetryOf *RetryOf `json:"retryOf,omitempty"`

	// startedBy is the name of the user who created the execution. An admission policy of the cluster sets it if it
	// is left out, and refuses the name of somebody else, except from users who may restore. Longer names are cut to 256 characters, and a control character
	// is a space.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:XValidation:rule=`!self.matches('[\\x00-\\x1f\\x7f-\\x{9f}\\x{61c}\\x{200e}\\x{200f}\\x{2028}-\\x{202e}\\x{2066}-\\x{2069}]')`,message="must have no newline, tab, escape or other control character, and none that changes the direction of text"
	StartedBy string `json:"startedBy,omitempty"`

	// timeoutSeconds is after how many seconds the execution fails if it is still in progress, counted from the start of its first
	// action: from 1 to 31536000 (a year). If it is absent, that of the Pipeline holds.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=31536000
	TimeoutSeconds *int64 `json:"timeoutSeconds,omitempty"`

	// ttlSecondsAfterFinished is after how many seconds the execution is deleted once it has finished, with its Jobs, pods and logs:
	// from 0 to 31536000 (a year), and never sooner than a minute after its end. If it is absent, that of the Pipeline holds. It
	// may be changed.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=31536000
	TTLSecondsAfterFinished *int32 `json:"ttlSecondsAfterFinished,omitempty"`
}

// RetryMode is which actions of a stage a retry runs again.
// +kubebuilder:validation:Enum=FAILED_ACTIONS;ALL_ACTIONS
type RetryMode string

const (
	// RetryModeFailedActions runs the actions that have not succeeded: that failed, were abandoned, or did not start.
	RetryModeFailedActions RetryMode = "FAILED_ACTIONS"
	// RetryModeAllActions runs all actions of the stage.
	RetryModeAllActions RetryMode = "ALL_ACTIONS"
)

// RetryOf is what to run again: the request of RetryStageExecution.
type RetryOf struct {
	// pipelineExecutionId is the id of the execution to retry, of the same pipelineName and in the same namespace: the metadata.uid of a
	// PipelineExecution that is Failed or Stopped, which `kubectl get pipelineexecutions` shows. Lower case.
	// +required
	// +kubebuilder:validation:MaxLength=36
	// +kubebuilder:validation:XValidation:rule="self.matches('^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$')",message="must be the id of an execution in lower case, such as da00266a-8249-4d44-9f90-7bda19d6098b, and not its name; `kubectl get pipelineexecutions` shows the ids"
	PipelineExecutionID string `json:"pipelineExecutionId"`

	// stageName is the name of the stage to run again: the one that the execution failed or was stopped in. 1 to 100 letters, digits and
	// . @ - _ characters.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=100
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9.@\-_]+$`
	StageName string `json:"stageName"`

	// retryMode is FAILED_ACTIONS, to run only the actions of the stage that have not succeeded, or ALL_ACTIONS.
	// +required
	RetryMode RetryMode `json:"retryMode"`
}

// Variable is the value of a variable in an execution.
type Variable struct {
	// name of a variable that the Pipeline declares, or of an output that an action declares.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:Pattern=`^[A-Za-z_][A-Za-z0-9_]*$`
	Name string `json:"name"`

	// value of the variable. At most 1000 characters.
	// +required
	// +kubebuilder:validation:MinLength=0
	// +kubebuilder:validation:MaxLength=1000
	Value string `json:"value"`
}

// PipelineExecutionStatus is how far an execution is.
type PipelineExecutionStatus struct {
	// observedGeneration is the metadata.generation that the status is about; -1 before the first look.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// version rises with each write of the status, and never comes again. A write tests it, so that a status is never derived
	// from one that is older than the one which it replaces.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Version int64 `json:"version,omitempty"`

	// pipelineExecutionId is the id of the execution that the status is about: its metadata.uid. A status that a restore
	// brought from another object is not believed.
	// +optional
	// +kubebuilder:validation:MaxLength=36
	PipelineExecutionID string `json:"pipelineExecutionId,omitempty"`

	// state of the execution.
	// +optional
	State ExecutionState `json:"state,omitempty"`

	// pipelineRevision is the name of the ControllerRevision that pins what the execution runs.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	PipelineRevision string `json:"pipelineRevision,omitempty"`

	// executionMode is that of the Pipeline when the execution was pinned. It holds when the Pipeline is gone.
	// +optional
	ExecutionMode ExecutionMode `json:"executionMode,omitempty"`

	// workspace is the PersistentVolumeClaim that the actions of the execution share, once one was to mount it.
	// +optional
	Workspace *WorkspaceStatus `json:"workspace,omitempty"`

	// waitingForStage is there while the execution waits before a stage: for another execution to leave it, or for its transition. Nothing
	// of the execution runs, and it has left the stage before.
	// +optional
	WaitingForStage *StageWait `json:"waitingForStage,omitempty"`

	// supersededBy is the name of the newer execution that overtook this one, if that is how it ended.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	SupersededBy string `json:"supersededBy,omitempty"`

	// retryOf is what a retry took over, since it is bound. A retry that was refused has none.
	// +optional
	RetryOf *RetryStatus `json:"retryOf,omitempty"`

	// retriedBy is the execution that retries this one. It is all that is ever added to a final status, and is written before the retry
	// runs anything. It stays unless that one ended without having taken over anything.
	// +optional
	RetriedBy *RetriedBy `json:"retriedBy,omitempty"`

	// currentStage is the name of the stage that the execution is in, or the last one that it was in.
	// +optional
	// +kubebuilder:validation:MaxLength=100
	CurrentStage string `json:"currentStage,omitempty"`

	// startTime is when the first action was started.
	// +optional
	StartTime *metav1.Time `json:"startTime,omitempty"`

	// timeoutSeconds is the time limit of the execution: its own, or that of the Pipeline when it was pinned.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=31536000
	TimeoutSeconds *int64 `json:"timeoutSeconds,omitempty"`

	// deadlineTime is when the execution fails if it is still in progress: timeoutSeconds after startTime.
	// +optional
	DeadlineTime *metav1.Time `json:"deadlineTime,omitempty"`

	// timedOutTime is when the execution was seen to be in progress after deadlineTime. What it ran is ended from then on.
	// +optional
	TimedOutTime *metav1.Time `json:"timedOutTime,omitempty"`

	// completionTime is when the state became final.
	// +optional
	CompletionTime *metav1.Time `json:"completionTime,omitempty"`

	// stages of the pinned Pipeline, in their order.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=50
	Stages []StageStatus `json:"stages,omitempty"`

	// stop is set when a stop is recorded, before its verdict, and never removed.
	// +optional
	Stop *StopStatus `json:"stop,omitempty"`

	// conditions are Ready, Reconciling, Stalled, Succeeded, Stopping, Stopped and Finished.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// RetryStatus is what a retry took over, besides the revision, the stages and the outputs.
type RetryStatus struct {
	// pipelineExecutionId of the execution that is retried.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=36
	PipelineExecutionID string `json:"pipelineExecutionId"`

	// name of the execution that is retried.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`

	// stageExecutionId is the id of the execution that was in the stage before: the one that is retried, or, if that one is a retry that never
	// entered its stage, the one that it took over from.
	// +optional
	// +kubebuilder:validation:MaxLength=36
	StageExecutionID string `json:"stageExecutionId,omitempty"`

	// variables that the execution that is retried was started with.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=50
	Variables []Variable `json:"variables,omitempty"`
}

// RetriedBy names the execution that retries another.
type RetriedBy struct {
	// pipelineExecutionId of the retry.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=36
	PipelineExecutionID string `json:"pipelineExecutionId"`

	// name of the retry.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`
}

// StageWait is that an execution waits before a stage.
type StageWait struct {
	// stage that the execution is to enter next.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=100
	Stage string `json:"stage"`

	// since is when the execution began to wait before it; before its first stage, when it was created.
	// +required
	Since metav1.Time `json:"since"`
}

// StageStatus is how far a stage is.
type StageStatus struct {
	// name of the stage.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=100
	Name string `json:"name"`

	// state of the stage.
	// +required
	State StageState `json:"state"`

	// actions of the stage, in the order of the Pipeline.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=50
	Actions []ActionStatus `json:"actions,omitempty"`
}

// ActionStatus is how far an action is.
// +kubebuilder:validation:XValidation:rule="self.state == 'NotStarted' || has(self.workload) || has(self.approval) || has(self.takenOverFrom)",message="workload or approval must be set once the action has been started",fieldPath=".workload"
// +kubebuilder:validation:XValidation:rule="!has(self.workload) || !has(self.approval)",message="an approval has no workload",fieldPath=".workload"
// +kubebuilder:validation:XValidation:rule="!has(self.takenOverFrom) || self.state == 'Succeeded' && !has(self.workload)",message="only an action that succeeded is taken over, without its workload",fieldPath=".takenOverFrom"
type ActionStatus struct {
	// name of the action.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=100
	Name string `json:"name"`

	// state of the action.
	// +required
	State ActionState `json:"state"`

	// runOrder of the action.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=999
	RunOrder int32 `json:"runOrder,omitempty"`

	// attempt counts how often the action was started in this execution: 1 for the first time, 0 while it has not been.
	// It is part of the name of the workload.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Attempt int32 `json:"attempt,omitempty"`

	// workload is the object that does the work of the action. Its name is set before it is created, its uid when it is
	// known to have been created.
	// +optional
	Workload WorkloadReference `json:"workload,omitzero"` //nolint:kubeapilinter // It is left out as a whole while the action has not started.

	// takenOverFrom is the pipelineExecutionId of the execution that ran the action, if a retry took over its result and outputs. The action
	// has no workload in the retry.
	// +optional
	// +kubebuilder:validation:MaxLength=36
	TakenOverFrom string `json:"takenOverFrom,omitempty"`

	// approval is how far the action is if it is an approval. It is set when the action starts to wait.
	// +optional
	Approval *ApprovalStatus `json:"approval,omitempty"`

	// startTime is when the execution decided to start the action.
	// +optional
	StartTime *metav1.Time `json:"startTime,omitempty"`

	// startDeadlineTime is when the action fails if no pod of it has run. It is removed when one has.
	// +optional
	StartDeadlineTime *metav1.Time `json:"startDeadlineTime,omitempty"`

	// timedOut is set when the action exceeded a time limit. Its work is ended then, and after that the action is Failed.
	// +optional
	TimedOut *ActionTimeout `json:"timedOut,omitempty"`

	// completionTime is when the work of the action was seen to have ended, or was left running on purpose.
	// +optional
	CompletionTime *metav1.Time `json:"completionTime,omitempty"`

	// reason is a word for why the action is in its state, if that needs explaining.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	Reason string `json:"reason,omitempty"`

	// message is a sentence about the same. At most 1024 characters.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Message string `json:"message,omitempty"`

	// outputs are the values of the action's outputVariables, in the order of their declaration, once it has succeeded. Those of all
	// actions of an execution have at most 64 KiB of JSON, with their names.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=15
	Outputs []Variable `json:"outputs,omitempty"`
}

// ActionTimeout is a time limit that an action exceeded.
type ActionTimeout struct {
	// reason is StartTimedOut or ExecutionTimedOut.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	Reason string `json:"reason"`

	// time is when it was seen to be exceeded.
	// +required
	Time metav1.Time `json:"time"`
}

// WorkloadReference names the object that does the work of an action, in the namespace of the execution.
type WorkloadReference struct {
	// apiVersion of the object, such as batch/v1.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=317
	APIVersion string `json:"apiVersion"`

	// kind of the object, such as Job.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Kind string `json:"kind"`

	// name of the object, set before it is created.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`

	// uid is the metadata.uid of the object, set when it is known to have been created. While it is empty, nobody can tell
	// whether the object exists: the start of the action is unconfirmed.
	// +optional
	// +kubebuilder:validation:MaxLength=36
	UID string `json:"uid,omitempty"`
}

// StopStatus is what was asked of an execution, and what its stop still waits for.
type StopStatus struct {
	// mode in force. Wait can become Abandon; nothing else changes it.
	// +required
	Mode StopMode `json:"mode"`

	// requests that were accepted, in that order: at most a wait, and an abandon that escalated it.
	// +required
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=2
	Requests []AcceptedStopRequest `json:"requests"`

	// waitingFor names the actions that have not ended. Empty when the execution is Stopped.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=50
	WaitingFor []PendingAction `json:"waitingFor,omitempty"`
}

// AcceptedStopRequest is the record of a StopRequest that was accepted. It outlives the StopRequest.
type AcceptedStopRequest struct {
	// uid of the StopRequest.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=36
	UID string `json:"uid"`

	// name of the StopRequest.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`

	// mode that was asked for.
	// +required
	Mode StopMode `json:"mode"`

	// requestedBy is the user who asked, if the cluster's admission policies stamp it.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	RequestedBy string `json:"requestedBy,omitempty"`

	// reason that was given.
	// +optional
	// +kubebuilder:validation:MaxLength=200
	Reason string `json:"reason,omitempty"`

	// acceptedTime is when the stop was recorded. The verdict follows when it is sure that nothing more starts.
	// +required
	AcceptedTime metav1.Time `json:"acceptedTime"`

	// escalationTime is when a stop that waits turns into one that abandons, if that was asked for.
	// +optional
	EscalationTime *metav1.Time `json:"escalationTime,omitempty"`

	// gracePeriodSeconds is what the grace period of the pods that the request ends is shortened to, in seconds, if that was asked for.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=86400
	GracePeriodSeconds *int64 `json:"gracePeriodSeconds,omitempty"`

	// escalatedTime is when it did: the execution was still Stopping at escalationTime.
	// +optional
	EscalatedTime *metav1.Time `json:"escalatedTime,omitempty"`
}

// PendingAction is an action that a stop waits for.
type PendingAction struct {
	// stage of the action.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=100
	Stage string `json:"stage"`

	// action that has not ended.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=100
	Action string `json:"action"`

	// attempt of the action, as in its status.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Attempt int32 `json:"attempt,omitempty"`

	// workload is the object that does its work. An approval has none.
	// +optional
	Workload WorkloadReference `json:"workload,omitzero"` //nolint:kubeapilinter // It is left out as a whole for an approval.

	// reason is a word for why it has not, if it takes long: such as ImagePullBackOff or PodNotEnding.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	Reason string `json:"reason,omitempty"`

	// message is what must happen: the Job has to finish, or what it runs has to end.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Message string `json:"message,omitempty"`
}

// PipelineExecution is one run of a Pipeline. Creating it starts it. Its pipelineExecutionId is its metadata.uid.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=pe,categories=haltline
// +kubebuilder:selectablefield:JSONPath=.spec.pipelineName
// +kubebuilder:selectablefield:JSONPath=.status.state
// +kubebuilder:selectablefield:JSONPath=.status.pipelineRevision
// +kubebuilder:selectablefield:JSONPath=.status.pipelineExecutionId
// +kubebuilder:printcolumn:name="Pipeline",type=string,JSONPath=".spec.pipelineName"
// +kubebuilder:printcolumn:name="Id",type=string,JSONPath=".metadata.uid",description="The pipelineExecutionId"
// +kubebuilder:printcolumn:name="State",type=string,JSONPath=".status.state"
// +kubebuilder:printcolumn:name="Stage",type=string,JSONPath=".status.currentStage"
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=".metadata.creationTimestamp"
// +kubebuilder:printcolumn:name="Message",type=string,priority=1,JSONPath=".status.conditions[?(@.type=='Ready')].message"
// +kubebuilder:printcolumn:name="Started-By",type=string,priority=1,JSONPath=".spec.startedBy"
// +kubebuilder:printcolumn:name="Retry-Of",type=string,priority=1,JSONPath=".status.retryOf.name"
// +kubebuilder:printcolumn:name="Retried-By",type=string,priority=1,JSONPath=".status.retriedBy.name"
type PipelineExecution struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// spec is what to run.
	// +required
	Spec PipelineExecutionSpec `json:"spec"`

	// status is how far it is.
	// +optional
	// +kubebuilder:default={observedGeneration:-1}
	Status PipelineExecutionStatus `json:"status,omitzero"`
}

// IsRestoredCopy reports whether a restore made the object from another one, with the status of that one or with the mark that
// it had, under whatever name and in whatever namespace. Once the status is about the object itself, the mark says nothing more:
// anybody who may label the object can change it.
func (e *PipelineExecution) IsRestoredCopy() bool {
	if id := e.Status.PipelineExecutionID; id != "" {
		return id != string(e.UID)
	}
	id, marked := e.Labels[LabelExecutionID]
	return marked && id != string(e.UID)
}

// PipelineExecutionList is a list of PipelineExecutions.
// +kubebuilder:object:root=true
type PipelineExecutionList struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ListMeta `json:"metadata,omitzero"`
	Items           []PipelineExecution `json:"items"`
}
