// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// StopMode is how an execution is stopped.
// +kubebuilder:validation:Enum=Wait;Abandon
type StopMode string

const (
	// StopModeWait stops "by completing in-progress actions without starting subsequent actions".
	StopModeWait StopMode = "Wait"
	// StopModeAbandon stops "by abandoning in-progress actions".
	StopModeAbandon StopMode = "Abandon"
)

// StopRequestSpec is the request of StopPipelineExecution. It is immutable, except for how long the request is kept.
// +kubebuilder:validation:XValidation:rule="self.pipelineName == oldSelf.pipelineName",message="pipelineName is immutable; create another StopRequest instead",fieldPath=".pipelineName"
// +kubebuilder:validation:XValidation:rule="self.pipelineExecutionId == oldSelf.pipelineExecutionId",message="pipelineExecutionId is immutable; create another StopRequest instead",fieldPath=".pipelineExecutionId"
// +kubebuilder:validation:XValidation:rule="self.?abandon.orValue(false) == oldSelf.?abandon.orValue(false)",message="abandon is immutable; to escalate a stop that waits, create another StopRequest with abandon: true",fieldPath=".abandon"
// +kubebuilder:validation:XValidation:rule="has(self.reason) == has(oldSelf.reason) && (!has(self.reason) || self.reason == oldSelf.reason)",message="reason is immutable; create another StopRequest instead",fieldPath=".reason"
// +kubebuilder:validation:XValidation:rule="has(self.escalateAfterSeconds) == has(oldSelf.escalateAfterSeconds) && (!has(self.escalateAfterSeconds) || self.escalateAfterSeconds == oldSelf.escalateAfterSeconds)",message="escalateAfterSeconds is immutable; to escalate now, create another StopRequest with abandon: true",fieldPath=".escalateAfterSeconds"
// +kubebuilder:validation:XValidation:rule="has(self.gracePeriodSeconds) == has(oldSelf.gracePeriodSeconds) && (!has(self.gracePeriodSeconds) || self.gracePeriodSeconds == oldSelf.gracePeriodSeconds)",message="gracePeriodSeconds is immutable; create another StopRequest instead",fieldPath=".gracePeriodSeconds"
// +kubebuilder:validation:XValidation:rule="has(self.requestedBy) == has(oldSelf.requestedBy) && (!has(self.requestedBy) || self.requestedBy == oldSelf.requestedBy)",message="requestedBy is immutable",fieldPath=".requestedBy"
// +kubebuilder:validation:XValidation:rule="!has(self.escalateAfterSeconds) || !self.?abandon.orValue(false)",message="escalateAfterSeconds goes with a stop that waits; leave out either it or abandon: true",fieldPath=".escalateAfterSeconds"
// +kubebuilder:validation:XValidation:rule="!has(self.gracePeriodSeconds) || self.?abandon.orValue(false) || has(self.escalateAfterSeconds)",message="gracePeriodSeconds goes with a stop that ends pods; set abandon: true or escalateAfterSeconds as well, or leave it out",fieldPath=".gracePeriodSeconds"
type StopRequestSpec struct {
	// pipelineName is the name of the pipeline to stop: 1 to 100 letters, digits and . @ - _ characters.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=100
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9.@\-_]+$`
	PipelineName string `json:"pipelineName"`

	// pipelineExecutionId is the id of the execution to stop: the metadata.uid of a PipelineExecution of this namespace,
	// which `kubectl get pipelineexecutions` shows. Lower case.
	// +required
	// +kubebuilder:validation:MaxLength=36
	// +kubebuilder:validation:XValidation:rule="self.matches('^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$')",message="must be the id of an execution in lower case, such as da00266a-8249-4d44-9f90-7bda19d6098b, and not its name; `kubectl get pipelineexecutions` shows the ids"
	PipelineExecutionID string `json:"pipelineExecutionId"`

	// abandon stops the execution by abandoning, rather than finishing, in-progress actions. This option can lead to
	// failed or out-of-sequence tasks.
	// +optional
	Abandon bool `json:"abandon,omitempty"`

	// escalateAfterSeconds turns a stop that waits into one that abandons, when the execution is still Stopping that many
	// seconds after the request was accepted. From 1 to 604800 (a week); it never does if this is absent.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=604800
	EscalateAfterSeconds *int64 `json:"escalateAfterSeconds,omitempty"`

	// gracePeriodSeconds shortens, in seconds, the grace period of the pods that the stop ends, once it abandons: from 0, as soon
	// as the node can, to 86400 (a day). It never lengthens one: a pod whose own grace period is shorter keeps that. If it is
	// absent, every pod has its own. It goes with abandon: true or escalateAfterSeconds.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=86400
	GracePeriodSeconds *int64 `json:"gracePeriodSeconds,omitempty"`

	// requestedBy is the name of the user who created the request. An admission policy of the cluster sets it if it
	// is left out, and refuses the name of somebody else, except from users who may restore. Longer names are cut to 256 characters, and a control character
	// is a space.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:XValidation:rule=`!self.matches('[\\x00-\\x1f\\x7f-\\x{9f}\\x{61c}\\x{200e}\\x{200f}\\x{2028}-\\x{202e}\\x{2066}-\\x{2069}]')`,message="must have no newline, tab, escape or other control character, and none that changes the direction of text"
	RequestedBy string `json:"requestedBy,omitempty"`

	// reason is a comment, such as why the pipeline was stopped. At most 200 characters, without newlines and other control
	// characters, since it is shown in terminals.
	// +optional
	// +kubebuilder:validation:MaxLength=200
	// +kubebuilder:validation:XValidation:rule=`!self.matches('[\\x00-\\x1f\\x7f-\\x{9f}\\x{61c}\\x{200e}\\x{200f}\\x{2028}-\\x{202e}\\x{2066}-\\x{2069}]')`,message="must have no newline, tab, escape or other control character, and none that changes the direction of text"
	Reason string `json:"reason,omitempty"`

	// ttlSecondsAfterFinished is after how many seconds the request is deleted once its condition Finished is True: from 0 to 31536000
	// (a year), and never sooner than a minute after that. It never is if this is absent. It may be changed.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=31536000
	TTLSecondsAfterFinished *int32 `json:"ttlSecondsAfterFinished,omitempty"`
}

// StopRequestStatus is the answer of StopPipelineExecution, and how the stop goes on.
type StopRequestStatus struct {
	// observedGeneration is the metadata.generation that the conditions are about; -1 before the verdict.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// version rises with each write of the status, and never comes again. A write tests it, so that a status is never derived
	// from one that is older than the one which it replaces.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Version int64 `json:"version,omitempty"`

	// uid is the metadata.uid of the request that the status is about. A status with another one came with a restore, and is replaced.
	// +optional
	// +kubebuilder:validation:MaxLength=36
	UID string `json:"uid,omitempty"`

	// pipelineExecutionId is the id of the execution that is being stopped, or was. Only an accepted request has it.
	// +optional
	// +kubebuilder:validation:MaxLength=36
	// +kubebuilder:validation:Pattern=`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`
	PipelineExecutionID string `json:"pipelineExecutionId,omitempty"`

	// mode is what was asked for: Wait, or Abandon for a request with abandon: true.
	// +optional
	Mode StopMode `json:"mode,omitempty"`

	// state is the state of the execution. On a rejected request it stays as it was when the request was rejected.
	// +optional
	State ExecutionState `json:"state,omitempty"`

	// conditions are Accepted, the verdict; Stopped, when all work of the execution has ended; Finished, when nothing
	// about the request changes any more; and Ready, Reconciling and Stalled.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// StopRequest stops an execution of a pipeline. "You choose to either stop the pipeline execution by completing
// in-progress actions without starting subsequent actions, or by abandoning in-progress actions." Deleting a
// StopRequest does not undo the stop; nothing does.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=sr,categories=haltline
// +kubebuilder:selectablefield:JSONPath=.spec.pipelineName
// +kubebuilder:selectablefield:JSONPath=.spec.pipelineExecutionId
// +kubebuilder:printcolumn:name="Pipeline",type=string,JSONPath=".spec.pipelineName"
// +kubebuilder:printcolumn:name="Execution",type=string,JSONPath=".spec.pipelineExecutionId"
// +kubebuilder:printcolumn:name="Mode",type=string,JSONPath=".status.mode"
// +kubebuilder:printcolumn:name="Verdict",type=string,JSONPath=".status.conditions[?(@.type=='Accepted')].reason"
// +kubebuilder:printcolumn:name="State",type=string,JSONPath=".status.state"
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=".metadata.creationTimestamp"
// +kubebuilder:printcolumn:name="Requested-By",type=string,priority=1,JSONPath=".spec.requestedBy"
// +kubebuilder:printcolumn:name="Reason",type=string,priority=1,JSONPath=".spec.reason"
type StopRequest struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitzero"`

	// spec is the request.
	// +required
	Spec StopRequestSpec `json:"spec"`

	// status is the answer.
	// +optional
	// +kubebuilder:default={observedGeneration:-1}
	Status StopRequestStatus `json:"status,omitzero"`
}

// Mode returns what the request asks for.
func (r *StopRequest) Mode() StopMode {
	if r.Spec.Abandon {
		return StopModeAbandon
	}
	return StopModeWait
}

// IsRestoredCopy reports whether a restore gave the object the status of another one, whose answer is not about this request.
func (r *StopRequest) IsRestoredCopy() bool {
	return r.Status.UID != "" && r.Status.UID != string(r.UID)
}

// StopRequestList is a list of StopRequests.
// +kubebuilder:object:root=true
type StopRequestList struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ListMeta `json:"metadata,omitzero"`
	Items           []StopRequest `json:"items"`
}
