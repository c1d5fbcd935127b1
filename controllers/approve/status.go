// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package approve

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/verdict"
)

// NextStatus returns the status of a result after a verdict on it. A verdict that the result already has is kept, whatever the new one
// is: it is given once. A result without a verdict is submitted.
func NextStatus(ar *v1alpha1.ApprovalResult, v verdict.Verdict, now metav1.Time) v1alpha1.ApprovalResultStatus {
	status := *ar.Status.DeepCopy()
	if verdict.IsFinished(status.Conditions) {
		return status
	}
	if given := verdict.FindGiven(status.Conditions); given != nil {
		v = *given
	}
	status.UID = string(ar.UID)
	w := verdict.Writer{
		Conditions: &status.Conditions, ObservedGeneration: &status.ObservedGeneration, Generation: ar.Generation, Now: now,
	}
	switch {
	case !v.Decided:
		if status.SubmittedTime == nil {
			status.SubmittedTime = &now
		}
		w.SetReconciling(v1alpha1.ReasonSubmitted, v.Message)
	case v.IsRejection():
		w.SetRejected(v)
	default:
		w.SetAccepted(v)
		w.SetDone(doneReason(ar.Spec.Status), v.Message)
	}
	return status
}

// NextStatusOfRestoredCopy returns the status of a result that a restore gave the status of another one: it was neither submitted nor
// answered yet.
func NextStatusOfRestoredCopy(ar *v1alpha1.ApprovalResult) v1alpha1.ApprovalResultStatus {
	return v1alpha1.ApprovalResultStatus{ObservedGeneration: -1, Version: ar.Status.Version, UID: string(ar.UID)}
}

func doneReason(d v1alpha1.ApprovalDecision) string {
	if d == v1alpha1.ApprovalApproved {
		return v1alpha1.ReasonApproved
	}
	return v1alpha1.ReasonApprovalRejected
}
