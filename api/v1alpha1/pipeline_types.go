// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// ExecutionMode is what happens when a pipeline is started while an execution of it is in progress.
// +kubebuilder:validation:Enum=PARALLEL;QUEUED;SUPERSEDED
type ExecutionMode string

const (
	// ExecutionModeParallel runs executions at the same time and independently of each other.
	ExecutionModeParallel ExecutionMode = "PARALLEL"
	// ExecutionModeQueued lets one execution at a time into a stage, in the order in which they began to wait for it.
	ExecutionModeQueued ExecutionMode = "QUEUED"
	// ExecutionModeSuperseded lets one execution at a time into a stage. One that waits before a stage ends Superseded when a newer
	// one waits before the same stage.
	ExecutionModeSuperseded ExecutionMode = "SUPERSEDED"
)

// OnStop is what a stop that waits does with an action in progress.
// +kubebuilder:validation:Enum=Finish;Abandon
type OnStop string

const (
	// OnStopFinish lets the action finish.
	OnStopFinish OnStop = "Finish"
	// OnStopAbandon abandons the action at once: for work that is not worth waiting for.
	OnStopAbandon OnStop = "Abandon"
)

// OnAbandon is what abandoning an action does with its work.
// +kubebuilder:validation:Enum=Terminate;Orphan
type OnAbandon string

const (
	// OnAbandonTerminate ends the pods of the Job, with their grace period.
	OnAbandonTerminate OnAbandon = "Terminate"
	// OnAbandonOrphan lets the Job go on, outside the execution, as CodePipeline does with the work of a provider.
	OnAbandonOrphan OnAbandon = "Orphan"
)

// PipelineSpec is what a pipeline runs. An execution runs the spec as it was when the execution started.
// +kubebuilder:validation:XValidation:rule="has(self.pipelineName) == has(oldSelf.pipelineName)",message="pipelineName is immutable; create another Pipeline instead",fieldPath=".pipelineName"
// +kubebuilder:validation:XValidation:rule="self.stages.map(s, size(s.actions)).sum() <= 500",message="a pipeline has at most 500 actions in all its stages",fieldPath=".stages"
// +kubebuilder:validation:XValidation:rule="self.stages.map(s, size(s.actions.filter(a, has(a.approval)))).sum() <= 50",message="a pipeline has at most 50 approvals in all its stages",fieldPath=".stages"
type PipelineSpec struct {
	// pipelineName is the name by which executions and stop requests refer to the pipeline: 1 to 100 letters, digits
	// and . @ - _ characters. It is immutable, and defaults to the name of the object, which must then have at most 100
	// characters.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=100
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9.@\-_]+$`
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="pipelineName is immutable; create another Pipeline instead"
	PipelineName string `json:"pipelineName,omitempty"`

	// executionMode is what happens when the pipeline is started while an execution of it is in progress. With
	// PARALLEL, the default, executions run independently of each other. With QUEUED and SUPERSEDED a stage holds one execution at a
	// time, and the others wait before it: with QUEUED the first one enters next, with SUPERSEDED the newest, and those that it overtakes
	// end Superseded. A change holds for executions that run as well.
	// +optional
	// +kubebuilder:default=PARALLEL
	ExecutionMode ExecutionMode `json:"executionMode,omitempty"`

	// variables are what an execution may set. Each reaches every container of the pipeline as an environment variable.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=50
	Variables []VariableDeclaration `json:"variables,omitempty"`

	// workspace is a volume that the actions of an execution share. There is none if it is absent. An execution that retries another
	// one gets a claim of its own, which is empty.
	// +optional
	Workspace *Workspace `json:"workspace,omitempty"`

	// stages run one after the other, in this order.
	// +required
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=50
	Stages []Stage `json:"stages"`

	// history is how many finished executions of the pipeline are kept. Older ones are deleted, with their Jobs, pods and logs.
	// +optional
	History *ExecutionHistory `json:"history,omitempty"`

	// timeoutSeconds is after how many seconds an execution of the pipeline fails that is still in progress, counted from the start of
	// its first action: from 1 to 31536000 (a year). It never does if this is absent. It is read when an execution pins what it
	// runs, and an execution may set another one.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=31536000
	TimeoutSeconds *int64 `json:"timeoutSeconds,omitempty"`

	// ttlSecondsAfterFinished is after how many seconds a finished execution of the pipeline is deleted, with its Jobs, pods and
	// logs: from 0 to 31536000 (a year), and never sooner than a minute after its end. It never is if this is absent, except because
	// of history. An execution may set another one.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=31536000
	TTLSecondsAfterFinished *int32 `json:"ttlSecondsAfterFinished,omitempty"`
}

// ExecutionHistory is how many finished executions are kept. None is deleted in the first minute after its end, while a StopRequest
// for it waits, or while it has the annotation pipelines.haltline.dev/keep.
type ExecutionHistory struct {
	// succeeded is how many Succeeded executions are kept: from 0 to 100000, and 100 if it is absent.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100000
	Succeeded *int32 `json:"succeeded,omitempty"`

	// failed is how many Failed executions are kept: from 0 to 100000, and 100 if it is absent.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100000
	Failed *int32 `json:"failed,omitempty"`

	// stopped is how many Stopped executions are kept: from 0 to 100000, and 100 if it is absent.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100000
	Stopped *int32 `json:"stopped,omitempty"`

	// superseded is how many Superseded executions are kept: from 0 to 100000, and 100 if it is absent.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100000
	Superseded *int32 `json:"superseded,omitempty"`
}

// PipelineDefinition is what an execution pins when it starts, in a ControllerRevision. What governs the pipeline as a
// whole, such as its executionMode and the transitions of its stages, is not part of it.
// +kubebuilder:object:generate=true
type PipelineDefinition struct {
	// variables are what an execution may set.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=50
	Variables []VariableDeclaration `json:"variables,omitempty"`

	// workspace is a volume that the actions of an execution share.
	// +optional
	Workspace *Workspace `json:"workspace,omitempty"`

	// stages run one after the other, in this order.
	// +required
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=50
	Stages []Stage `json:"stages"`
}

// Definition returns what an execution of the pipeline pins: without the transitions of the stages, which hold for executions that run
// as well. It shares memory with the spec.
func (s *PipelineSpec) Definition() *PipelineDefinition {
	stages := slices.Clone(s.Stages)
	for i := range stages {
		stages[i].Transition = nil
	}
	return &PipelineDefinition{Variables: s.Variables, Workspace: s.Workspace, Stages: stages}
}

// VariableDeclaration declares a variable of a pipeline.
type VariableDeclaration struct {
	// name of the variable and of the environment variable: a letter or _, then letters, digits and _. Names that
	// begin with HALTLINE_ are reserved.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:Pattern=`^[A-Za-z_][A-Za-z0-9_]*$`
	// +kubebuilder:validation:XValidation:rule="!self.startsWith('HALTLINE_')",message="names that begin with HALTLINE_ are reserved"
	Name string `json:"name"`

	// defaultValue is the value in an execution that does not set the variable. Without it an execution must set it.
	// +optional
	// +kubebuilder:validation:MaxLength=1000
	DefaultValue *string `json:"defaultValue,omitempty"`

	// description of what the variable is for.
	// +optional
	// +kubebuilder:validation:MaxLength=200
	Description string `json:"description,omitempty"`
}

// Stage is a group of actions. The next stage starts when all of them have succeeded.
type Stage struct {
	// name of the stage, unique in the pipeline: 1 to 100 letters, digits and . @ - _ characters.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=100
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9.@\-_]+$`
	Name string `json:"name"`

	// transition leads into the stage. It is enabled if this is absent. It is not pinned: a change holds for executions that run as well.
	// +optional
	Transition *StageTransition `json:"transition,omitempty"`

	// actions of the stage, ordered by their runOrder.
	// +required
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=50
	Actions []Action `json:"actions"`
}

// StageTransition is whether executions may enter a stage.
// +kubebuilder:validation:XValidation:rule="!self.?disabled.orValue(false) || has(self.reason)",message="a transition that is disabled needs a reason, which executions that wait before it show",fieldPath=".reason"
type StageTransition struct {
	// disabled keeps every execution from entering the stage. One that is in the stage goes on; the others wait before it, and can be
	// stopped there.
	// +optional
	Disabled bool `json:"disabled,omitempty"`

	// reason why the transition is disabled: 1 to 300 letters, digits, spaces and ! @ ( ) . * ? - characters.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=300
	// +kubebuilder:validation:Pattern=`^[a-zA-Z0-9!@ \(\)\.\*\?\-]+$`
	Reason string `json:"reason,omitempty"`
}

// Action is one task of a stage.
// +kubebuilder:validation:ExactlyOneOf=job;approval
// +kubebuilder:validation:XValidation:rule="!has(self.approval) || !has(self.timeoutSeconds)",message="timeoutSeconds is for a job; an approval has approval.timeoutSeconds",fieldPath=".timeoutSeconds"
// +kubebuilder:validation:XValidation:rule="!has(self.approval) || !has(self.startTimeoutSeconds)",message="startTimeoutSeconds is for a job; an approval has approval.timeoutSeconds",fieldPath=".startTimeoutSeconds"
// +kubebuilder:validation:XValidation:rule="!has(self.approval) || !has(self.outputVariables)",message="outputVariables are for a job; an approval runs nothing that writes them",fieldPath=".outputVariables"
// +kubebuilder:validation:XValidation:rule="!has(self.approval) || !has(self.workspace)",message="workspace is for a job; an approval runs nothing that mounts it",fieldPath=".workspace"
// +kubebuilder:validation:XValidation:rule="!has(self.approval) || !has(self.onAbandon) || self.onAbandon == 'Terminate'",message="onAbandon has no effect on an approval, which runs nothing; leave it out",fieldPath=".onAbandon"
// +kubebuilder:validation:XValidation:rule="!has(self.orphanTTLSecondsAfterFinished) || has(self.onAbandon) && self.onAbandon == 'Orphan'",message="orphanTTLSecondsAfterFinished has an effect only with onAbandon: Orphan; set that as well, or leave it out",fieldPath=".orphanTTLSecondsAfterFinished"
// +kubebuilder:validation:XValidation:rule="has(self.namespace) == (has(self.outputVariables) && size(self.outputVariables) > 0)",message="outputVariables need a namespace, and a namespace is for outputVariables; set both or neither",fieldPath=".namespace"
type Action struct {
	// name of the action, unique in its stage: 1 to 100 letters, digits and . @ - _ characters.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=100
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9.@\-_]+$`
	Name string `json:"name"`

	// runOrder is when the action runs within its stage: a smaller one first, equal ones in parallel. From 1 to 999,
	// gaps allowed; 1 by default.
	// +optional
	// +kubebuilder:default=1
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=999
	RunOrder int32 `json:"runOrder,omitempty"`

	// timeoutSeconds fails the action when it has run for that many seconds, retries included. It becomes the
	// activeDeadlineSeconds of the Job, whose own value is used if this is absent. At most 86400 (a day).
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=86400
	TimeoutSeconds *int64 `json:"timeoutSeconds,omitempty"`

	// startTimeoutSeconds fails the action if none of its pods runs that many seconds after it was started, such as while it waits in
	// a queue, for a node or for an image: from 1 to 604800 (a week). A pod runs once it is ready, or has ended. The action may wait
	// for as long as it takes if this is absent.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=604800
	StartTimeoutSeconds *int64 `json:"startTimeoutSeconds,omitempty"`

	// onStop is what a stop that waits does with the action while it is in progress: Finish, the default, lets it
	// end; Abandon abandons it at once.
	// +optional
	// +kubebuilder:default=Finish
	OnStop OnStop `json:"onStop,omitempty"`

	// onAbandon is what abandoning the action does with its Job: Terminate, the default, ends its pods and
	// Stopped waits for that; Orphan lets the Job go on outside the execution.
	// +optional
	// +kubebuilder:default=Terminate
	OnAbandon OnAbandon `json:"onAbandon,omitempty"`

	// orphanTTLSecondsAfterFinished is after how many seconds the Job of the action is deleted, with its pods and logs, once it has
	// finished after a stop left it running: from 60 to 31536000 (a year). It is kept if this is absent. Only an action with
	// onAbandon: Orphan can have it.
	// +optional
	// +kubebuilder:validation:Minimum=60
	// +kubebuilder:validation:Maximum=31536000
	OrphanTTLSecondsAfterFinished *int32 `json:"orphanTTLSecondsAfterFinished,omitempty"`

	// namespace is put before the names of the action's outputs: a later container has the output TAG of the namespace BUILD as the
	// environment variable BUILD_TAG. A letter or _, then letters, digits and _, at most 100 characters, and unique in the pipeline. An
	// action with outputVariables needs it, and no other action may have it. HALTLINE is reserved.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=100
	// +kubebuilder:validation:Pattern=`^[A-Za-z_][A-Za-z0-9_]*$`
	// +kubebuilder:validation:XValidation:rule="self != 'HALTLINE' && !self.startsWith('HALTLINE_')",message="HALTLINE, and what begins with HALTLINE_, is reserved"
	Namespace string `json:"namespace,omitempty"`

	// outputVariables are the names of what the action puts out, at most 15: its first container writes a line NAME=value for each into
	// its termination message. If one of them is missing or malformed, the action fails. Each reaches the containers of later actions as
	// the environment variable NAMESPACE_NAME.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=15
	OutputVariables []OutputName `json:"outputVariables,omitempty"`

	// workspace is whether the containers of the action have the workspace of the pipeline: Mount, the default, or None.
	// +optional
	Workspace WorkspaceUse `json:"workspace,omitempty"`

	// job is the Job that the action runs.
	// +optional
	Job *JobTemplate `json:"job,omitempty"`

	// approval makes the action wait for a person instead: until somebody approves or rejects it with an ApprovalResult.
	// +optional
	Approval *Approval `json:"approval,omitempty"`
}

// OutputName is the name of an output of an action: a letter or _, then letters, digits and _.
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=128
// +kubebuilder:validation:Pattern=`^[A-Za-z_][A-Za-z0-9_]*$`
type OutputName string

// JobTemplate is a JobTemplateSpec of batch/v1.
type JobTemplate struct {
	// metadata holds the labels and annotations of the Job.
	// +optional
	Metadata JobTemplateMetadata `json:"metadata,omitzero"`

	// spec is the JobSpec of batch/v1. The API server checks it when the Job is created, and the
	// conditions of the Pipeline show beforehand if the API server would refuse it. An admission policy refuses a template without a container or
	// with another restartPolicy than Never and OnFailure. ttlSecondsAfterFinished must not be set: Jobs live as long as their execution.
	// +required
	// +kubebuilder:pruning:PreserveUnknownFields
	Spec runtime.RawExtension `json:"spec"`
}

// JobTemplateMetadata is the metadata of a Job.
type JobTemplateMetadata struct {
	// labels of the Job. Those under pipelines.haltline.dev/ are set by the operator.
	// +optional
	Labels map[string]string `json:"labels,omitempty"`

	// annotations of the Job. Those under pipelines.haltline.dev/ are set by the operator.
	// +optional
	Annotations map[string]string `json:"annotations,omitempty"`
}

// PipelineStatus is what the operator found about a Pipeline.
type PipelineStatus struct {
	// observedGeneration is the metadata.generation that the conditions are about; -1 before the first look.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// version rises with each write of the status, and never comes again. A write tests it, so that a status is never derived
	// from one that is older than the one which it replaces.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Version int64 `json:"version,omitempty"`

	// pipelineName is the name in force: that of the spec, or that of the object.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	PipelineName string `json:"pipelineName,omitempty"`

	// checkedDefinition is a hash of the variables and the stages that the condition Ready is about, if the Pipeline can be run. A change
	// of anything else is not checked again.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	CheckedDefinition string `json:"checkedDefinition,omitempty"`

	// executionMode is the one that stages is about.
	// +optional
	ExecutionMode ExecutionMode `json:"executionMode,omitempty"`

	// stages are who is in each stage and who waits before it, if the executionMode is QUEUED or SUPERSEDED; else those whose transition
	// is disabled. After the stages of the spec come those that only executions have which were started before the spec changed.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=60
	Stages []PipelineStageStatus `json:"stages,omitempty"`

	// stageSummary is the same in a line, for people.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	StageSummary string `json:"stageSummary,omitempty"`

	// conditions are Ready, Stalled if something must be changed, Reconciling while the check goes on, and Warnings.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// Pipeline is a sequence of stages, whose actions are Jobs and approvals. Creating a PipelineExecution runs it.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:selectablefield:JSONPath=.spec.pipelineName
// +kubebuilder:resource:shortName=pl,categories=haltline
// +kubebuilder:printcolumn:name="Pipeline",type=string,JSONPath=".status.pipelineName",description="The name by which executions and stop requests refer to it"
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=".status.conditions[?(@.type=='Ready')].status"
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=".status.conditions[?(@.type=='Ready')].reason"
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=".metadata.creationTimestamp"
// +kubebuilder:printcolumn:name="Message",type=string,priority=1,JSONPath=".status.conditions[?(@.type=='Ready')].message"
// +kubebuilder:printcolumn:name="Mode",type=string,priority=1,JSONPath=".spec.executionMode"
// +kubebuilder:printcolumn:name="Stages",type=string,priority=1,JSONPath=".status.stageSummary",description="Who is in each stage, and how many wait before it"
// +kubebuilder:validation:XValidation:rule="has(self.spec.pipelineName) || size(self.metadata.name) <= 100",message="metadata.name has more than 100 characters, so spec.pipelineName must be set",fieldPath=".spec"
type Pipeline struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// spec is what the pipeline runs.
	// +required
	Spec PipelineSpec `json:"spec"`

	// status is what the operator found.
	// +optional
	// +kubebuilder:default={observedGeneration:-1}
	Status PipelineStatus `json:"status,omitzero"`
}

// EffectiveName returns the name by which executions and stop requests refer to the pipeline: spec.pipelineName, or
// the name of the object if that is empty.
func (p *Pipeline) EffectiveName() string {
	if p.Spec.PipelineName != "" {
		return p.Spec.PipelineName
	}
	return p.Name
}

// PipelineList is a list of Pipelines.
// +kubebuilder:object:root=true
type PipelineList struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ListMeta `json:"metadata,omitzero"`
	Items           []Pipeline `json:"items"`
}
