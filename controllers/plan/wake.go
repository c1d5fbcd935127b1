// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/stop"
)

const (
	// patience is how long a stop may take before its status says why it does not end.
	patience = 5 * time.Second
	// lookAgain is how often a stop that takes long is looked at: what keeps it may change without an event.
	lookAgain = 10 * time.Second
	// lookSeldom is how often an execution that runs is looked at, should an event of a Job have been kept from us, such
	// as by another who took our label off.
	lookSeldom = 5 * time.Minute
)

// losing reports whether the Job of an action is gone and its pods are not: their end is no event of a Job.
func losing(a *v1alpha1.ActionStatus) bool {
	return working(a) && a.Reason == v1alpha1.ReasonJobLost
}

// Overdue reports whether a stop has taken so long that its status must say what keeps it.
func Overdue(status *v1alpha1.PipelineExecutionStatus, now metav1.Time) bool {
	if status.Stop == nil || len(status.Stop.Requests) == 0 {
		return false
	}
	last := status.Stop.Requests[len(status.Stop.Requests)-1]
	since := last.AcceptedTime
	if last.EscalatedTime != nil {
		since = *last.EscalatedTime
	}
	return now.Sub(since.Time) >= patience
}

// Wake returns how long from now the execution must be looked at even if nothing happens to it: to escalate its stop when
// the time has come, to say what keeps it, and to be safe. It is 0 where nothing depends on the time.
func Wake(status *v1alpha1.PipelineExecutionStatus, now metav1.Time) time.Duration {
	switch {
	case status.State.Final():
		return 0
	case status.Stop == nil && anyAction(status, losing):
		return lookAgain
	case status.Stop == nil && anyAction(status, working):
		return lookSeldom
	case status.Stop == nil:
		return 0
	}
	next := lookAgain
	if !Overdue(status, now) {
		next = patience
	}
	if at := stop.EscalatesAt(status.Stop); at != nil {
		next = min(next, max(at.Sub(now.Time), time.Millisecond))
	}
	return next
}
