// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/internal/deadline"
	"haltline.dev/haltline/internal/text"
)

// timeoutOf returns the time limit of an execution, in seconds, when it pins its definition: its own, or that of the Pipeline; nil if
// there is none.
func timeoutOf(in Input) *int64 {
	if own := in.Execution.Spec.TimeoutSeconds; own != nil || in.Pipeline == nil {
		return own
	}
	return in.Pipeline.Spec.TimeoutSeconds
}

// deadlineAfter returns when a time limit of so many seconds is over, or nil if there is none.
func deadlineAfter(start metav1.Time, seconds *int64) *metav1.Time {
	if seconds == nil {
		return nil
	}
	at := deadline.After(start, *seconds)
	return &at
}

// isOver reports whether a deadline has come; false if there is none.
func isOver(deadline *metav1.Time, now metav1.Time) bool {
	return deadline != nil && !now.Before(deadline)
}

// timeOut records which time limits an execution that nobody stops has exceeded. What exceeded one is ended from then on, and nothing
// takes that back, whatever the clock does. A limit does not concern what has ended.
func timeOut(status *v1alpha1.PipelineExecutionStatus, now metav1.Time) {
	if status.TimedOutTime == nil && isOver(status.DeadlineTime, now) && hasMoreToDo(status) {
		status.TimedOutTime = &now
	}
	for _, a := range actions(status) {
		switch {
		case a.State != v1alpha1.ActionInProgress || a.TimedOut != nil:
		case status.TimedOutTime != nil && isWaitingForApproval(a):
			endApproval(a, v1alpha1.ActionFailed, v1alpha1.ReasonExecutionTimedOut,
				"nobody had approved or rejected it when the execution exceeded its timeoutSeconds", now)
		case status.TimedOutTime != nil:
			a.TimedOut = &v1alpha1.ActionTimeout{Reason: v1alpha1.ReasonExecutionTimedOut, Time: now}
		case isOver(a.StartDeadlineTime, now):
			a.TimedOut = &v1alpha1.ActionTimeout{Reason: v1alpha1.ReasonStartTimedOut, Time: now}
		}
	}
}

// hasMoreToDo reports whether an execution is not about to get the final state that its actions give it.
func hasMoreToDo(status *v1alpha1.PipelineExecutionStatus) bool {
	if anyAction(status, isActive) {
		return true
	}
	stage, _ := nextGroup(status)
	return stage != nil && !anyAction(status, hasFailed)
}

// hasTimedOut reports whether an action exceeded a time limit and its work has to end.
func hasTimedOut(a *v1alpha1.ActionStatus) bool {
	return a.TimedOut != nil && a.State == v1alpha1.ActionInProgress
}

// endsByTimeout reports whether an observation is the end of an action that exceeded a time limit. One that was fenced before it started
// has not failed, unless that is what it exceeded.
func endsByTimeout(a *v1alpha1.ActionStatus, o Observation) bool {
	switch o.Phase {
	case PhaseSucceeded, PhaseFailed, PhaseEnded:
		return hasTimedOut(a)
	case PhaseNeverStarted:
		return hasTimedOut(a) && a.TimedOut.Reason == v1alpha1.ReasonStartTimedOut
	default:
		return false
	}
}

// setTimedOut ends an action that exceeded a time limit: it failed because of that, whatever became of its work.
func setTimedOut(a *v1alpha1.ActionStatus, o Observation, now metav1.Time) {
	a.State = v1alpha1.ActionFailed
	a.Reason = a.TimedOut.Reason
	a.Message = text.BoundMessage(strings.TrimSpace(describeTimeout(a) + " " + o.Message))
	a.CompletionTime = &now
}

// describeTimeout returns which time limit an action exceeded.
func describeTimeout(a *v1alpha1.ActionStatus) string {
	if a.TimedOut.Reason == v1alpha1.ReasonStartTimedOut && a.StartDeadlineTime != nil {
		return fmt.Sprintf("No pod of %s %q ran until %s, when its startTimeoutSeconds were over.",
			a.Workload.Kind, a.Workload.Name, formatTime(a.StartDeadlineTime))
	}
	return fmt.Sprintf("%s %q was in progress when the execution exceeded its timeoutSeconds.", a.Workload.Kind, a.Workload.Name)
}

// describeExecutionTimeout returns which time limit an execution exceeded.
func describeExecutionTimeout(status *v1alpha1.PipelineExecutionStatus) string {
	if status.DeadlineTime == nil || status.TimeoutSeconds == nil {
		return "The execution was in progress for longer than its timeoutSeconds."
	}
	return fmt.Sprintf("The execution was still in progress at %s, %d seconds after its start (timeoutSeconds).",
		formatTime(status.DeadlineTime), *status.TimeoutSeconds)
}

func formatTime(t *metav1.Time) string { return t.UTC().Format(time.RFC3339) }

// untilDeadline returns how long from now the first time limit is over that has not been exceeded, or never. It is more than 0.
func untilDeadline(status *v1alpha1.PipelineExecutionStatus, now metav1.Time) time.Duration {
	next := never
	consider := func(deadline *metav1.Time) {
		if deadline != nil {
			next = min(next, max(deadline.Sub(now.Time), time.Millisecond))
		}
	}
	if status.TimedOutTime == nil {
		consider(status.DeadlineTime)
	}
	for _, a := range actions(status) {
		if a.State == v1alpha1.ActionInProgress && a.TimedOut == nil {
			consider(a.StartDeadlineTime)
		}
	}
	return next
}

// lastTimeout returns when a time limit was last seen to be exceeded by an action whose work has not ended, or nil.
func lastTimeout(status *v1alpha1.PipelineExecutionStatus) *metav1.Time {
	var last *metav1.Time
	for _, a := range actions(status) {
		if hasTimedOut(a) && (last == nil || last.Before(&a.TimedOut.Time)) {
			last = &a.TimedOut.Time
		}
	}
	return last
}
