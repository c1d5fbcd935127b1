// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package stop

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/verdict"
	"haltline.dev/haltline/internal/text"
)

// NextStatus returns the status of a request after a verdict on it. The execution is nil if none was found. A verdict
// that the request already has is kept, whatever the new one is: it is given once.
func NextStatus(sr *v1alpha1.StopRequest, execution *v1alpha1.PipelineExecution, v verdict.Verdict, now metav1.Time) v1alpha1.StopRequestStatus {
	status := *sr.Status.DeepCopy()
	if verdict.IsFinished(status.Conditions) {
		return status
	}
	given := verdict.FindGiven(status.Conditions)
	if given != nil {
		v = *given
	}
	w := newWriter(sr, &status, now)
	status.Mode = sr.Mode()
	if execution != nil && (given == nil || given.Accepted) {
		status.State = execution.Status.State
	}
	switch {
	case !v.Decided:
		w.SetReconciling(v1alpha1.ReasonFencing, v.Message)
	case v.IsRejection():
		w.SetRejected(v)
	default:
		status.PipelineExecutionID = sr.Spec.PipelineExecutionID
		if given == nil {
			w.SetAccepted(v)
		}
		setProgress(&status, w, execution)
	}
	return status
}

// NextStatusOfRestoredCopy returns the status of a request that a restore gave the status of another one: it has no answer yet. It gets a
// verdict of its own, since nothing tells whether the execution that the other one stopped was this one's.
func NextStatusOfRestoredCopy(sr *v1alpha1.StopRequest) v1alpha1.StopRequestStatus {
	return v1alpha1.StopRequestStatus{ObservedGeneration: -1, Version: sr.Status.Version, UID: string(sr.UID)}
}

// NextStatusOfBlocked returns the status of a request without a verdict whose execution cannot record the stop. The message says why.
func NextStatusOfBlocked(sr *v1alpha1.StopRequest, message string, now metav1.Time) v1alpha1.StopRequestStatus {
	status := *sr.Status.DeepCopy()
	status.Mode = sr.Mode()
	newWriter(sr, &status, now).SetReconciling(v1alpha1.ReasonStopBlocked, message)
	return status
}

// NextStatusOfDeleted returns the status of an accepted request whose execution was deleted. Ending is what of it has to
// end, and leftRunning what somebody left running: each a kind with a name.
func NextStatusOfDeleted(sr *v1alpha1.StopRequest, ending, leftRunning []string, now metav1.Time) v1alpha1.StopRequestStatus {
	status := *sr.Status.DeepCopy()
	w := newWriter(sr, &status, now)
	switch {
	case len(ending) > 0:
		w.SetReconciling(v1alpha1.ReasonExecutionDeleted,
			fmt.Sprintf("The execution was deleted while it was stopping; what it ran has to end: %s.", text.JoinFew(ending)))
	case len(leftRunning) > 0:
		status.State = ""
		w.SetNotDone(v1alpha1.ReasonWorkLeftRunning, fmt.Sprintf("The execution was deleted while it was stopping, and what it ran was "+
			"left running: %s. Delete it to end it.", text.JoinFew(leftRunning)))
	default:
		status.State = v1alpha1.ExecutionStopped
		setStopped(w, v1alpha1.ReasonExecutionDeleted, "The execution was deleted while it was stopping, and what it ran has ended.")
	}
	return status
}

// newWriter returns what sets the conditions of a status, which is then about the request.
func newWriter(sr *v1alpha1.StopRequest, status *v1alpha1.StopRequestStatus, now metav1.Time) verdict.Writer {
	status.UID = string(sr.UID)
	return verdict.Writer{
		Conditions: &status.Conditions, ObservedGeneration: &status.ObservedGeneration, Generation: sr.Generation, Now: now,
	}
}

// setProgress shows how far the stop of an accepted request is. An execution that is not known has not shown it yet.
func setProgress(status *v1alpha1.StopRequestStatus, w verdict.Writer, execution *v1alpha1.PipelineExecution) {
	switch {
	case execution == nil:
	case execution.Status.State.IsFinal():
		state := execution.Status.State
		setStopped(w, string(state), fmt.Sprintf("Execution %q is %s.", execution.Name, state))
	default:
		// An older copy of the execution may not show it yet.
		status.State = v1alpha1.ExecutionStopping
		w.SetReconciling(string(v1alpha1.ExecutionStopping),
			fmt.Sprintf("Execution %q has not stopped; its status.stop.waitingFor lists what it waits for.", execution.Name))
	}
}

func setStopped(w verdict.Writer, reason, message string) {
	w.Set(v1alpha1.ConditionStopped, metav1.ConditionTrue, reason, message)
	w.SetDone(reason, message)
}
