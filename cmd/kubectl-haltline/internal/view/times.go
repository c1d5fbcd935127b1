// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package view

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/duration"

	"haltline.dev/haltline/api/v1alpha1"
)

// Since returns since when an execution is in what WaitsFor returns: since when it waits, since when the oldest of its actions that go on has
// been going on, since when it stops, or when it finished.
func Since(execution *v1alpha1.PipelineExecution) metav1.Time {
	status := &execution.Status
	switch {
	case !IsSeen(execution):
		return execution.CreationTimestamp
	case status.State.IsFinal():
		return orCreation(execution, status.CompletionTime)
	case status.Stop != nil && len(status.Stop.Requests) > 0:
		return lastAsked(status.Stop)
	case execution.DeletionTimestamp != nil:
		return *execution.DeletionTimestamp
	case status.WaitingForStage != nil:
		return status.WaitingForStage.Since
	default:
		return orCreation(execution, oldestStart(execution))
	}
}

// lastAsked returns when a stop was last asked for, or escalated.
func lastAsked(stop *v1alpha1.StopStatus) metav1.Time {
	last := stop.Requests[len(stop.Requests)-1]
	if last.EscalatedTime != nil {
		return *last.EscalatedTime
	}
	return last.AcceptedTime
}

// oldestStart returns when the first of the actions started that go on, or nil if none does.
func oldestStart(execution *v1alpha1.PipelineExecution) *metav1.Time {
	var oldest *metav1.Time
	for _, a := range Actions(execution) {
		if IsActive(a) && a.StartTime != nil && (oldest == nil || a.StartTime.Before(oldest)) {
			oldest = a.StartTime
		}
	}
	return oldest
}

func orCreation(execution *v1alpha1.PipelineExecution, t *metav1.Time) metav1.Time {
	if t != nil {
		return *t
	}
	return execution.CreationTimestamp
}

// Took returns how long an execution has been going on since it was created, or how long it took until it finished. It is 0 if it is not known.
func Took(execution *v1alpha1.PipelineExecution, now time.Time) time.Duration {
	end := now
	if IsFinished(execution) {
		if execution.Status.CompletionTime == nil {
			return 0
		}
		end = execution.Status.CompletionTime.Time
	}
	return between(&execution.CreationTimestamp, end)
}

// ActionTook returns how long an action has been going on, or how long it took. It is 0 if it has not started.
func ActionTook(a *v1alpha1.ActionStatus, now time.Time) time.Duration {
	if a.CompletionTime != nil {
		now = a.CompletionTime.Time
	}
	return between(a.StartTime, now)
}

// between returns the time between two moments; 0 if one is not known, or if clocks differ so that it would be less.
func between(start *metav1.Time, end time.Time) time.Duration {
	if start == nil || start.IsZero() || end.Before(start.Time) {
		return 0
	}
	return end.Sub(start.Time)
}

// Duration returns a duration as kubectl writes it, such as 3m12s.
func Duration(d time.Duration) string { return duration.HumanDuration(d) }

// Ago returns how long ago something was, as kubectl writes it, such as 3m12s. It is empty if that is not known.
func Ago(t metav1.Time, now time.Time) string {
	if t.IsZero() {
		return ""
	}
	return Duration(between(&t, now))
}
