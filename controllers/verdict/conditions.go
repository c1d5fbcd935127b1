// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package verdict

import (
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/internal/text"
)

// FindGiven returns the verdict that the conditions of a request show, or nil if there is none yet.
func FindGiven(conditions []metav1.Condition) *Verdict {
	c := meta.FindStatusCondition(conditions, v1alpha1.ConditionAccepted)
	if c == nil {
		return nil
	}
	return &Verdict{Decided: true, Accepted: c.Status == metav1.ConditionTrue, Reason: c.Reason, Message: c.Message}
}

// IsAccepted reports whether the conditions of a request show that it was accepted.
func IsAccepted(conditions []metav1.Condition) bool {
	return meta.IsStatusConditionTrue(conditions, v1alpha1.ConditionAccepted)
}

// IsFinished reports whether nothing about a request changes any more: it was rejected, or what it asked for is done.
func IsFinished(conditions []metav1.Condition) bool {
	return meta.IsStatusConditionTrue(conditions, v1alpha1.ConditionFinished)
}

// Writer sets the conditions of a request.
type Writer struct {
	// Conditions and ObservedGeneration are those of the status that is written.
	Conditions         *[]metav1.Condition
	ObservedGeneration *int64
	// Generation is that of the request.
	Generation int64
	// Now is the time of a condition that changes.
	Now metav1.Time
}

// SetReconciling shows that the operator works on the request: there is no verdict yet, or what was accepted is being done.
func (w Writer) SetReconciling(reason, message string) {
	w.Set(v1alpha1.ConditionReady, metav1.ConditionFalse, reason, message)
	w.Set(v1alpha1.ConditionReconciling, metav1.ConditionTrue, reason, message)
}

// SetRejected shows a verdict that rejects the request. Nothing about it changes from then on.
func (w Writer) SetRejected(v Verdict) {
	meta.RemoveStatusCondition(w.Conditions, v1alpha1.ConditionReconciling)
	w.Set(v1alpha1.ConditionAccepted, metav1.ConditionFalse, v.Reason, v.Message)
	w.Set(v1alpha1.ConditionReady, metav1.ConditionFalse, v.Reason, v.Message)
	w.Set(v1alpha1.ConditionStalled, metav1.ConditionTrue, v.Reason, v.Message)
	w.Set(v1alpha1.ConditionFinished, metav1.ConditionTrue, v.Reason, v.Message)
}

// SetAccepted shows a verdict that accepts the request.
func (w Writer) SetAccepted(v Verdict) {
	w.Set(v1alpha1.ConditionAccepted, metav1.ConditionTrue, v.Reason, v.Message)
}

// SetDone shows that what was accepted is done. Nothing about the request changes from then on.
func (w Writer) SetDone(reason, message string) {
	meta.RemoveStatusCondition(w.Conditions, v1alpha1.ConditionReconciling)
	w.Set(v1alpha1.ConditionReady, metav1.ConditionTrue, reason, message)
	w.Set(v1alpha1.ConditionFinished, metav1.ConditionTrue, reason, message)
}

// SetNotDone shows that what was accepted will not be done. Nothing about the request changes from then on.
func (w Writer) SetNotDone(reason, message string) {
	meta.RemoveStatusCondition(w.Conditions, v1alpha1.ConditionReconciling)
	w.Set(v1alpha1.ConditionReady, metav1.ConditionFalse, reason, message)
	w.Set(v1alpha1.ConditionStalled, metav1.ConditionTrue, reason, message)
	w.Set(v1alpha1.ConditionFinished, metav1.ConditionTrue, reason, message)
}

// Set sets a condition, with a message of at most text.MaxMessageLength characters.
func (w Writer) Set(conditionType string, value metav1.ConditionStatus, reason, message string) {
	*w.ObservedGeneration = w.Generation
	meta.SetStatusCondition(w.Conditions, metav1.Condition{
		Type: conditionType, Status: value, Reason: reason, Message: text.BoundMessage(message),
		ObservedGeneration: w.Generation, LastTransitionTime: w.Now,
	})
}
