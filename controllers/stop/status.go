// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package stop

import (
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"haltline.dev/haltline/api/v1alpha1"
)

// Concluded reports whether nothing about the request changes any more: it was rejected, or its execution is Stopped.
func Concluded(r *v1alpha1.StopRequest) bool {
	return meta.IsStatusConditionFalse(r.Status.Conditions, v1alpha1.ConditionAccepted) ||
		meta.IsStatusConditionTrue(r.Status.Conditions, v1alpha1.ConditionStopped)
}

// Status returns the status of a request after a verdict on it. The execution is nil where none was found. A verdict
// that the request already has is kept, whatever the new one is: it is given once.
func Status(r *v1alpha1.StopRequest, e *v1alpha1.PipelineExecution, v Verdict, now metav1.Time) v1alpha1.StopRequestStatus {
	status := *r.Status.DeepCopy()
	if Concluded(r) {
		return status
	}
	w := writer{status: &status, generation: r.Generation, now: now}
	status.Mode = r.Mode()
	if e != nil {
		status.State = e.Status.State
	}
	accepted := meta.IsStatusConditionTrue(status.Conditions, v1alpha1.ConditionAccepted)
	switch {
	case !accepted && !v.Decided:
		w.pending(v.Message)
	case !accepted && !v.Accepted:
		w.rejected(v)
	default:
		status.PipelineExecutionID = r.Spec.PipelineExecutionID
		if !accepted {
			w.set(v1alpha1.ConditionAccepted, metav1.ConditionTrue, v.Reason, v.Message)
		}
		w.progress(e)
	}
	return status
}

// writer sets the conditions of a stop request.
type writer struct {
	status     *v1alpha1.StopRequestStatus
	generation int64
	now        metav1.Time
}

func (w *writer) set(conditionType string, value metav1.ConditionStatus, reason, message string) {
	w.status.ObservedGeneration = w.generation
	meta.SetStatusCondition(&w.status.Conditions, metav1.Condition{
		Type: conditionType, Status: value, Reason: reason, Message: v1alpha1.BoundMessage(message),
		ObservedGeneration: w.generation, LastTransitionTime: w.now,
	})
}

func (w *writer) pending(message string) {
	w.set(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonFencing, message)
	w.set(v1alpha1.ConditionReconciling, metav1.ConditionTrue, v1alpha1.ReasonFencing, message)
}

func (w *writer) rejected(v Verdict) {
	meta.RemoveStatusCondition(&w.status.Conditions, v1alpha1.ConditionReconciling)
	w.set(v1alpha1.ConditionAccepted, metav1.ConditionFalse, v.Reason, v.Message)
	w.set(v1alpha1.ConditionReady, metav1.ConditionFalse, v.Reason, v.Message)
	w.set(v1alpha1.ConditionStalled, metav1.ConditionTrue, v.Reason, v.Message)
}

// progress says how far the stop of an accepted request is.
func (w *writer) progress(e *v1alpha1.PipelineExecution) {
	switch {
	case e == nil:
		w.status.State = v1alpha1.ExecutionStopped
		w.stopped(v1alpha1.ReasonExecutionDeleted,
			"The execution was deleted while it was stopping, and what it ran is gone.")
	case e.Status.State.Final():
		w.stopped(string(e.Status.State), fmt.Sprintf("Execution %q is %s.", e.Name, e.Status.State))
	default:
		// An older copy of the execution may not show it yet.
		w.status.State = v1alpha1.ExecutionStopping
		const reason = string(v1alpha1.ExecutionStopping)
		message := fmt.Sprintf("Execution %q has not stopped; its status.stop.waitingFor says what it waits for.", e.Name)
		w.set(v1alpha1.ConditionReady, metav1.ConditionFalse, reason, message)
		w.set(v1alpha1.ConditionReconciling, metav1.ConditionTrue, reason, message)
	}
}

func (w *writer) stopped(reason, message string) {
	meta.RemoveStatusCondition(&w.status.Conditions, v1alpha1.ConditionReconciling)
	w.set(v1alpha1.ConditionStopped, metav1.ConditionTrue, reason, message)
	w.set(v1alpha1.ConditionReady, metav1.ConditionTrue, reason, message)
}
