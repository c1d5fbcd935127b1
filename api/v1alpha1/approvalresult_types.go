// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ApprovalDecision is what an approver decides.
// +kubebuilder:validation:Enum=Approved;Rejected
type ApprovalDecision string

const (
	// ApprovalApproved lets the execution go on. The action is Succeeded.
	ApprovalApproved ApprovalDecision = "Approved"
	// ApprovalRejected ends the execution. The action is Failed.
	ApprovalRejected ApprovalDecision = "Rejected"
)

// ApprovalResultSpec is the request of PutApprovalResult. It is immutable, except for how long the result is kept.
// +kubebuilder:validation:XValidation:rule="self.pipelineName == oldSelf.pipelineName",message="pipelineName is immutable; create another ApprovalResult instead",fieldPath=".pipelineName"
// +kubebuilder:validation:XValidation:rule="self.pipelineExecutionId == oldSelf.pipelineExecutionId",message="pipelineExecutionId is immutable; create another ApprovalResult instead",fieldPath=".pipelineExecutionId"
// +kubebuilder:validation:XValidation:rule="self.stageName == oldSelf.stageName",message="stageName is immutable; create another ApprovalResult instead",fieldPath=".stageName"
// +kubebuilder:validation:XValidation:rule="self.actionName == oldSelf.actionName",message="actionName is immutable; create another ApprovalResult instead",fieldPath=".actionName"
// +kubebuilder:validation:XValidation:rule="self.status == oldSelf.status",message="status is immutable; what was decided cannot be taken back",fieldPath=".status"
// +kubebuilder:validation:XValidation:rule="has(self.summary) == has(oldSelf.summary) && (!has(self.summary) || self.summary == oldSelf.summary)",message="summary is immutable; create another ApprovalResult instead",fieldPath=".summary"
// +kubebuilder:validation:XValidation:rule="has(self.decidedBy) == has(oldSelf.decidedBy) && (!has(self.decidedBy) || self.decidedBy == oldSelf.decidedBy)",message="decidedBy is immutable",fieldPath=".decidedBy"
type ApprovalResultSpec struct {
	// pipelineName is the name of the pipeline: 1 to 100 letters, digits and . @ - _ characters.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=100
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9.@\-_]+$`
	PipelineName string `json:"pipelineName"`

	// pipelineExecutionId is the id of the execution that waits for approval: the metadata.uid of a PipelineExecution of this
	// namespace, which `kubectl get pipelineexecutions` shows. Lower case.
	// +required
	// +kubebuilder:validation:MaxLength=36
	// +kubebuilder:validation:XValidation:rule="self.matches('^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$')",message="must be the id of an execution in lower case, such as da00266a-8249-4d44-9f90-7bda19d6098b, and not its name; `kubectl get pipelineexecutions` shows the ids"
	PipelineExecutionID string `json:"pipelineExecutionId"`

	// stageName is the name of the stage that the approval is in: 1 to 100 letters, digits and . @ - _ characters.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=100
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9.@\-_]+$`
	StageName string `json:"stageName"`

	// actionName is the name of the action that waits for approval: 1 to 100 letters, digits and . @ - _ characters.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=100
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9.@\-_]+$`
	ActionName string `json:"actionName"`

	// status is what is decided: Approved lets the execution go on, Rejected fails it.
	// +required
	Status ApprovalDecision `json:"status"`

	// summary is a comment, such as why. At most 512 characters, without newlines and other control characters, since it is shown in
	// terminals.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule=`!self.matches('[\\x00-\\x1f\\x7f-\\x{9f}\\x{61c}\\x{200e}\\x{200f}\\x{2028}-\\x{202e}\\x{2066}-\\x{2069}]')`,message="must have no newline, tab, escape or other control character, and none that changes the direction of text"
	Summary string `json:"summary,omitempty"`

	// decidedBy is the name of the user who created the result. An admission policy of the cluster sets it if it is left out, and
	// refuses the name of somebody else, except from users who may restore. Longer names are cut to 256 characters, and a control
	// character is a space.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:XValidation:rule=`!self.matches('[\\x00-\\x1f\\x7f-\\x{9f}\\x{61c}\\x{200e}\\x{200f}\\x{2028}-\\x{202e}\\x{2066}-\\x{2069}]')`,message="must have no newline, tab, escape or other control character, and none that changes the direction of text"
	DecidedBy string `json:"decidedBy,omitempty"`

	// ttlSecondsAfterFinished is after how many seconds the result is deleted once its condition Finished is True: from 0 to 31536000
	// (a year), and never sooner than a minute after that. It never is if this is absent. It may be changed.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=31536000
	TTLSecondsAfterFinished *int32 `json:"ttlSecondsAfterFinished,omitempty"`
}

// ApprovalResultStatus is the answer of PutApprovalResult.
type ApprovalResultStatus struct {
	// observedGeneration is the metadata.generation that the conditions are about; -1 before the verdict.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// version rises with each write of the status, and never comes again. A write tests it, so that a status is never derived
	// from one that is older than the one which it replaces.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Version int64 `json:"version,omitempty"`

	// uid is the metadata.uid of the result that the status is about. A status with another one came with a restore, and is replaced.
	// +optional
	// +kubebuilder:validation:MaxLength=36
	UID string `json:"uid,omitempty"`

	// submittedTime is when the operator saw that the action had been started, and passed the result on to its execution. An
	// execution takes only a result that has it, so a result that came too early never decides anything later.
	// +optional
	SubmittedTime *metav1.Time `json:"submittedTime,omitempty"`

	// conditions are Accepted, the verdict; Finished, when nothing about the result changes any more; and Ready, Reconciling and
	// Stalled.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// ApprovalResult approves or rejects an action of an execution that waits for approval. The first one decides. Deleting an
// ApprovalResult does not take back what it decided; nothing does.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=ar,categories=haltline
// +kubebuilder:selectablefield:JSONPath=.spec.pipelineName
// +kubebuilder:selectablefield:JSONPath=.spec.pipelineExecutionId
// +kubebuilder:printcolumn:name="Pipeline",type=string,JSONPath=".spec.pipelineName"
// +kubebuilder:printcolumn:name="Execution",type=string,JSONPath=".spec.pipelineExecutionId"
// +kubebuilder:printcolumn:name="Action",type=string,JSONPath=".spec.actionName"
// +kubebuilder:printcolumn:name="Status",type=string,JSONPath=".spec.status"
// +kubebuilder:printcolumn:name="Verdict",type=string,JSONPath=".status.conditions[?(@.type=='Accepted')].reason"
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=".metadata.creationTimestamp"
// +kubebuilder:printcolumn:name="Stage",type=string,priority=1,JSONPath=".spec.stageName"
// +kubebuilder:printcolumn:name="Decided-By",type=string,priority=1,JSONPath=".spec.decidedBy"
// +kubebuilder:printcolumn:name="Summary",type=string,priority=1,JSONPath=".spec.summary"
type ApprovalResult struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// spec is the request.
	// +required
	Spec ApprovalResultSpec `json:"spec"`

	// status is the answer.
	// +optional
	// +kubebuilder:default={observedGeneration:-1}
	Status ApprovalResultStatus `json:"status,omitzero"`
}

// IsRestoredCopy reports whether a restore gave the object the status of another one, whose answer is not about this result.
func (r *ApprovalResult) IsRestoredCopy() bool {
	return r.Status.UID != "" && r.Status.UID != string(r.UID)
}

// ApprovalResultList is a list of ApprovalResults.
// +kubebuilder:object:root=true
type ApprovalResultList struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ListMeta `json:"metadata,omitzero"`
	Items           []ApprovalResult `json:"items"`
}
