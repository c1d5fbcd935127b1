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
	// explainAfter is how long a stop may take before its status explains why it does not end.
	explainAfter = 5 * time.Second
	// startCheckAfter is when it is looked whether the work of an action runs. It is a little more than what a provider waits
	// before it explains why it does not.
	startCheckAfter = 11 * time.Second
	// recheckInterval is how often an action is looked at that something keeps, also from a stop: what keeps it may change
	// without an event.
	recheckInterval = 10 * time.Second
	// maxRecheckInterval is how often at least, however long it has been kept.
	maxRecheckInterval = time.Minute
	// resyncInterval is how often an execution that runs or waits before a stage is looked at, in case an event of a workload or of its
	// Pipeline did not reach the operator, for example because somebody else took our label off.
	resyncInterval = 5 * time.Minute
)

// RequeueAfter returns how long from now the execution must be looked at even if nothing happens to it: to escalate its stop or to end an
// approval when the time has come, to end what exceeds a time limit, to explain what keeps it, and to be safe. It is 0 if nothing depends
// on the time.
func RequeueAfter(status *v1alpha1.PipelineExecutionStatus, now metav1.Time) time.Duration {
	if status.State.IsFinal() {
		return 0
	}
	next := untilExpiration(status, now)
	if status.Stop != nil {
		next = min(next, untilStopCheck(status, now))
	} else {
		next = min(next, untilLook(status, now), untilDeadline(status, now))
	}
	if next == never {
		return 0
	}
	return min(next, resyncInterval)
}

// never is longer than any time until an execution is looked at.
const never = time.Duration(1<<63 - 1)

// untilStopCheck returns how long from now an execution must be looked at that somebody stops, whatever approvals it waits for.
func untilStopCheck(status *v1alpha1.PipelineExecutionStatus, now metav1.Time) time.Duration {
	next := recheckInterval
	switch {
	case !anyAction(status, hasActiveWorkload) && anyAction(status, isWaitingForApproval):
		next = resyncInterval
	case !IsOverdue(status, now):
		next = explainAfter
	}
	if at := stop.EscalationTime(status.Stop); at != nil {
		next = min(next, max(at.Sub(now.Time), time.Millisecond))
	}
	return next
}

// untilLook returns how long from now an execution that nobody stops must be looked at, whatever its time limits are.
func untilLook(status *v1alpha1.PipelineExecutionStatus, now metav1.Time) time.Duration {
	switch {
	case anyAction(status, hasTimedOut) && !IsOverdue(status, now):
		return explainAfter
	case anyAction(status, hasTimedOut):
		return recheckInterval
	case anyAction(status, isHeldUp):
		return untilRecheck(status, now)
	case anyAction(status, isActive):
		return min(resyncInterval, untilStartCheck(status, now))
	case status.WaitingForStage != nil:
		return resyncInterval
	default:
		return never
	}
}

// Bounds of how long after a refusal that may pass an operation is tried again: a person who mends what kept a stop should not
// wait long to see it.
const (
	minRetryDelay = 200 * time.Millisecond
	maxRetryDelay = 15 * time.Second
)

// RetryAfter returns how long from now an execution must be looked at of which something could not be done that may pass: soon
// after that was asked for, and the later the longer it has lasted. It is never later than RequeueAfter.
func RetryAfter(execution *v1alpha1.PipelineExecution, now metav1.Time) time.Duration {
	lasted := now.Sub(lastAsked(execution).Time)
	delay := min(max(lasted/2, minRetryDelay), maxRetryDelay)
	if next := RequeueAfter(&execution.Status, now); next > 0 {
		delay = min(delay, next)
	}
	return delay
}

// lastAsked returns when something of the execution was last asked for: its start, that of an action, a stop, or an escalation.
func lastAsked(execution *v1alpha1.PipelineExecution) metav1.Time {
	last := execution.CreationTimestamp
	later := func(t *metav1.Time) {
		if t != nil && t.After(last.Time) {
			last = *t
		}
	}
	for _, a := range actions(&execution.Status) {
		if isActive(a) {
			later(a.StartTime)
		}
	}
	later(lastTimeout(&execution.Status))
	if execution.Status.Stop != nil {
		for i := range execution.Status.Stop.Requests {
			later(&execution.Status.Stop.Requests[i].AcceptedTime)
			later(execution.Status.Stop.Requests[i].EscalatedTime)
		}
	}
	return last
}

// untilRecheck returns how long from now an action must be looked at that something keeps while nobody stops it: the longer it
// has lasted, the later, unless it is expected to end.
func untilRecheck(status *v1alpha1.PipelineExecutionStatus, now metav1.Time) time.Duration {
	next := maxRecheckInterval
	for _, a := range actions(status) {
		switch {
		case !isHeldUp(a):
		case a.StartTime == nil, a.Reason == v1alpha1.ReasonWorkloadLost:
			return recheckInterval
		default:
			next = min(next, max(now.Sub(a.StartTime.Time), recheckInterval))
		}
	}
	return next
}

// untilStartCheck returns how long from now an action that was just started must be looked at: by then its work runs, or its
// status has to explain why it does not.
func untilStartCheck(status *v1alpha1.PipelineExecutionStatus, now metav1.Time) time.Duration {
	next := resyncInterval
	for _, a := range actions(status) {
		if !hasActiveWorkload(a) || a.StartTime == nil {
			continue
		}
		if left := startCheckAfter - now.Sub(a.StartTime.Time); left > 0 {
			next = min(next, left)
		}
	}
	return next
}

// IsOverdue reports whether a stop, or the end of what exceeded a time limit, has taken so long that its status must explain what keeps
// it.
func IsOverdue(status *v1alpha1.PipelineExecutionStatus, now metav1.Time) bool {
	if status.Stop == nil || len(status.Stop.Requests) == 0 {
		since := lastTimeout(status)
		return since != nil && now.Sub(since.Time) >= explainAfter
	}
	last := status.Stop.Requests[len(status.Stop.Requests)-1]
	since := last.AcceptedTime
	if last.EscalatedTime != nil {
		since = *last.EscalatedTime
	}
	return now.Sub(since.Time) >= explainAfter
}
