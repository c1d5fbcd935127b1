// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Bounds of Pipeline.status.stages.
const (
	// MaxStageStatuses is how many stages it has: 50 of the spec, and some that only executions have.
	MaxStageStatuses = 60
	// MaxWaitingShown is how many of those that wait before a stage it lists.
	MaxWaitingShown = 5
)

// IsSerial reports whether a stage holds one execution at a time.
func (m ExecutionMode) IsSerial() bool {
	return m == ExecutionModeQueued || m == ExecutionModeSuperseded
}

// PipelineStageStatus is who is in a stage, and who waits before it.
type PipelineStageStatus struct {
	// name of the stage.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=100
	Name string `json:"name"`

	// disabledTransition is there if the transition into the stage is disabled.
	// +optional
	DisabledTransition *DisabledTransition `json:"disabledTransition,omitempty"`

	// execution is the one that has the stage: it is in the stage, or may enter it. It has the stage until it enters another one, waits
	// before another one, or ends.
	// +optional
	Execution *StageExecution `json:"execution,omitempty"`

	// latestExecutionId is the id of the execution that had the stage last, whether or not it still has it. Only that one can be retried from the
	// stage.
	// +optional
	// +kubebuilder:validation:MaxLength=36
	LatestExecutionID string `json:"latestExecutionId,omitempty"`

	// waiting are the first of those that wait before the stage, in their order: 5 at most.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=5
	Waiting []WaitingExecution `json:"waiting,omitempty"`

	// waitingCount is how many wait before the stage.
	// +optional
	// +kubebuilder:validation:Minimum=0
	WaitingCount int32 `json:"waitingCount,omitempty"`
}

// DisabledTransition is a transition that is disabled.
type DisabledTransition struct {
	// reason that was given.
	// +optional
	// +kubebuilder:validation:MaxLength=300
	Reason string `json:"reason,omitempty"`

	// since is when the operator saw that the transition is disabled.
	// +required
	Since metav1.Time `json:"since"`
}

// StageExecution is an execution that has a stage.
type StageExecution struct {
	// pipelineExecutionId is the metadata.uid of the execution.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=36
	PipelineExecutionID string `json:"pipelineExecutionId"`

	// name of the execution.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`

	// since is when the execution was given the stage.
	// +required
	Since metav1.Time `json:"since"`
}

// WaitingExecution is an execution that waits before a stage.
type WaitingExecution struct {
	// pipelineExecutionId is the metadata.uid of the execution.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=36
	PipelineExecutionID string `json:"pipelineExecutionId"`

	// name of the execution.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`

	// since is when the execution began to wait before the stage.
	// +required
	Since metav1.Time `json:"since"`

	// supersededBy is the name of the newer execution that overtook this one, which ends Superseded.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	SupersededBy string `json:"supersededBy,omitempty"`
}
