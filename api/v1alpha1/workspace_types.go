// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	"k8s.io/apimachinery/pkg/runtime"
)

// WorkspaceVolume is the name of the volume by which a pod has the workspace of its execution.
const WorkspaceVolume = "haltline-workspace"

// WorkspaceUse is whether the containers of an action have the workspace.
// +kubebuilder:validation:Enum=Mount;None
type WorkspaceUse string

const (
	// WorkspaceMount mounts the workspace into every container of the action.
	WorkspaceMount WorkspaceUse = "Mount"
	// WorkspaceNone mounts it into none.
	WorkspaceNone WorkspaceUse = "None"
)

// Workspace is a volume that the actions of an execution share.
// +kubebuilder:validation:ExactlyOneOf=volumeClaimTemplate;claimName
type Workspace struct {
	// volumeClaimTemplate is the PersistentVolumeClaim that each execution gets for itself. It is created before the first Job that mounts
	// it, and deleted with the execution.
	// +optional
	VolumeClaimTemplate *VolumeClaimTemplate `json:"volumeClaimTemplate,omitempty"`

	// claimName is the name of a PersistentVolumeClaim in the namespace, which all executions share instead. It must exist when an
	// execution first mounts it, and is never deleted by the operator.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([a-z0-9.\-]*[a-z0-9])?$`
	ClaimName string `json:"claimName,omitempty"`

	// mountPath is where every container has the volume: an absolute path other than /, without a colon, of at most 1024 characters.
	// +required
	// +kubebuilder:validation:MinLength=2
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:XValidation:rule="self.matches('^/[^:]*$') && !self.matches('^/+$') && !self.matches('(^|/)[.]{1,2}(/|$)')",message="mountPath must be an absolute path other than /, without a colon and without . and .. as parts"
	MountPath string `json:"mountPath"`
}

// VolumeClaimTemplate is what a PersistentVolumeClaim is made from.
type VolumeClaimTemplate struct {
	// metadata holds the labels and annotations of the claim.
	// +optional
	Metadata VolumeClaimTemplateMetadata `json:"metadata,omitzero"`

	// spec is the PersistentVolumeClaimSpec of core/v1. The API server checks it when the claim is created, and the conditions of the
	// Pipeline show beforehand if the API server would refuse it. At most 16 KiB.
	// +required
	// +kubebuilder:pruning:PreserveUnknownFields
	Spec runtime.RawExtension `json:"spec"`
}

// VolumeClaimTemplateMetadata is the metadata of a PersistentVolumeClaim.
type VolumeClaimTemplateMetadata struct {
	// labels of the claim. Those under pipelines.haltline.dev/ are set by the operator.
	// +optional
	// +kubebuilder:validation:MaxProperties=32
	Labels map[string]string `json:"labels,omitempty"`

	// annotations of the claim. Those under pipelines.haltline.dev/ are set by the operator.
	// +optional
	// +kubebuilder:validation:MaxProperties=32
	Annotations map[string]string `json:"annotations,omitempty"`
}

// WorkspaceStatus is the PersistentVolumeClaim that an execution uses.
type WorkspaceStatus struct {
	// claimName is the name of the claim, in the namespace of the execution. It is set with the intent to start the first action that mounts it.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	ClaimName string `json:"claimName"`

	// uid is the metadata.uid of the claim, set when it is known to exist. No Job that mounts the workspace is created before.
	// +optional
	// +kubebuilder:validation:MaxLength=36
	UID string `json:"uid,omitempty"`
}
