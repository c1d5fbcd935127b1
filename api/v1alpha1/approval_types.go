// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// DefaultApprovalTimeoutSeconds is how long an approval waits that sets no timeoutSeconds: 7 days, as in CodePipeline.
const DefaultApprovalTimeoutSeconds = 7 * 24 * 60 * 60

// Approval is an action that waits until somebody approves or rejects it with an ApprovalResult. It runs nothing.
type Approval struct {
	// message is what the approver should look at. At most 1000 characters, without newlines and other control characters, since it
	// is shown in terminals.
	// +optional
	// +kubebuilder:validation:MaxLength=1000
	// +kubebuilder:validation:Pattern=`^[^\x00-\x1f\x7f-\x{9f}\x{61c}\x{200e}\x{200f}\x{2028}-\x{202e}\x{2066}-\x{2069}]*$`
	Message string `json:"message,omitempty"`

	// url is where the approver can look at it: an http or https URL of at most 2048 characters, without spaces.
	// +optional
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:Pattern=`^https?://[!-~]+$`
	URL string `json:"url,omitempty"`

	// timeoutSeconds is after how many seconds the action is Failed if nobody has approved or rejected it: from 1 to 31536000 (a
	// year), and 604800 (7 days) if it is absent.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=31536000
	TimeoutSeconds *int64 `json:"timeoutSeconds,omitempty"`

	// forbidStarter is whether the user who started the execution may not approve it. That user may still reject it. If it is not
	// known who started the execution or who approves, nobody may approve.
	// +optional
	ForbidStarter bool `json:"forbidStarter,omitempty"`
}

// ApprovalStatus is how far an approval of an execution is.
type ApprovalStatus struct {
	// expirationTime is when the action is Failed if nobody has approved or rejected it.
	// +required
	ExpirationTime metav1.Time `json:"expirationTime"`

	// forbidStarter is whether the user who started the execution may not approve it.
	// +optional
	ForbidStarter bool `json:"forbidStarter,omitempty"`

	// result is the ApprovalResult that decided the approval. It is set once, and never changes.
	// +optional
	Result *AcceptedApprovalResult `json:"result,omitempty"`
}

// AcceptedApprovalResult is the record of the ApprovalResult that decided an approval. It outlives the ApprovalResult.
type AcceptedApprovalResult struct {
	// uid of the ApprovalResult.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=36
	UID string `json:"uid"`

	// name of the ApprovalResult.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`

	// status that was given.
	// +required
	Status ApprovalDecision `json:"status"`

	// summary that was given. The end of one that has more than 1.5 KiB in JSON is cut off; the ApprovalResult has all of it.
	// +optional
	// +kubebuilder:validation:MaxLength=512
	Summary string `json:"summary,omitempty"`

	// decidedBy is the user who approved or rejected, if the cluster's admission policies stamp it.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	DecidedBy string `json:"decidedBy,omitempty"`

	// decidedTime is when the result was accepted.
	// +required
	DecidedTime metav1.Time `json:"decidedTime"`
}
