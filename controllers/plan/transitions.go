// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/approve"
	"haltline.dev/haltline/controllers/transition"
)

// Transitions returns what happened to an execution from the status before to its present one, in order: for each action
// at most one, and at most one new reason why a stop waits for it.
func Transitions(before *v1alpha1.PipelineExecutionStatus, execution *v1alpha1.PipelineExecution) []transition.Transition {
	after := &execution.Status
	var all []transition.Transition
	if before.StartTime == nil && after.StartTime != nil {
		all = append(all, transition.Transition{
			Type: transition.Started, Message: fmt.Sprintf("Runs the revision %q.", after.PipelineRevision), Since: startDelayBegin(before, execution),
		})
	}
	all = append(all, actionTransitions(before, after)...)
	if before.Stop != nil && after.Stop != nil && before.Stop.Mode != after.Stop.Mode {
		all = append(all, transition.Transition{
			Type: transition.Escalated, Message: describeStop(after.Stop), Mode: after.Stop.Mode,
		})
	}
	all = append(all, waitTransitions(before.Stop, after.Stop)...)
	return append(all, stateTransition(before, execution)...)
}

// startDelayBegin returns when the delay of the start of an execution began, or nil if it had to wait before its first stage: how long
// that takes is up to the executions before it, and to whoever disabled the transition.
func startDelayBegin(before *v1alpha1.PipelineExecutionStatus, execution *v1alpha1.PipelineExecution) *metav1.Time {
	if before.WaitingForStage != nil {
		return nil
	}
	return &execution.CreationTimestamp
}

// actionTransitions returns what happened to actions.
func actionTransitions(before, after *v1alpha1.PipelineExecutionStatus) []transition.Transition {
	known := map[ActionKey]*v1alpha1.ActionStatus{}
	for key, a := range actions(before) {
		known[key] = a
	}
	var all []transition.Transition
	for key, a := range actions(after) {
		was := known[key]
		switch {
		case a.TakenOverFrom != "":
			continue // It happened in another execution.
		case was == nil:
			was = &v1alpha1.ActionStatus{State: v1alpha1.ActionNotStarted}
		}
		t, message := actionTransition(key, was, a)
		if t == transition.ActionWaiting && after.Stop != nil {
			continue // It is reported as what the stop waits for.
		}
		if t != "" {
			all = append(all, transition.Transition{
				Type: t, Message: message, Stage: key.Stage, Action: key.Action, Workload: a.Workload, Since: a.StartTime,
			})
		}
	}
	return all
}

func actionTransition(key ActionKey, before, after *v1alpha1.ActionStatus) (t transition.Type, message string) {
	if before.State != after.State {
		if t, message = newStateTransition(key, after); t != "" {
			return t, message
		}
	}
	switch {
	case after.State == v1alpha1.ActionInProgress && before.Workload.UID == "" && after.Workload.UID != "":
		return transition.ActionStarted, fmt.Sprintf("Action %q of stage %q runs in %s %q.",
			key.Action, key.Stage, after.Workload.Kind, after.Workload.Name)
	case isHeldUp(after) && after.State == v1alpha1.ActionInProgress && before.Reason != after.Reason:
		return transition.ActionWaiting, fmt.Sprintf("%s/%s: %s: %s", key.Stage, key.Action, after.Reason, after.Message)
	default:
		return "", ""
	}
}

// newStateTransition returns that an action has another state, if that is reported.
func newStateTransition(key ActionKey, a *v1alpha1.ActionStatus) (t transition.Type, message string) {
	switch {
	case hasFailed(a):
		return transition.ActionFailed, describeFailedAction(key, a)
	case hasSucceeded(a) && isApproval(a):
		return transition.ActionApproved, fmt.Sprintf("Action %q of stage %q is %s.", key.Action, key.Stage, approve.DescribeResult(a.Approval.Result))
	case isWaitingForApproval(a):
		return transition.WaitingForApproval, fmt.Sprintf("Action %q of stage %q waits for approval. %s.", key.Action, key.Stage, a.Message)
	case hasSucceeded(a):
		return transition.ActionSucceeded, fmt.Sprintf("Action %q of stage %q succeeded.", key.Action, key.Stage)
	case a.State == v1alpha1.ActionAbandoned:
		return transition.ActionAbandoned, fmt.Sprintf("Action %q of stage %q is abandoned.", key.Action, key.Stage)
	default:
		return "", ""
	}
}

// waitTransitions returns what a stop waits for that has another reason than before.
func waitTransitions(before, after *v1alpha1.StopStatus) []transition.Transition {
	if after == nil {
		return nil
	}
	known := map[ActionKey]string{}
	if before != nil {
		for _, p := range before.WaitingFor {
			known[ActionKey{p.Stage, p.Action}] = p.Reason
		}
	}
	var all []transition.Transition
	for _, p := range after.WaitingFor {
		if p.Reason == "" || known[ActionKey{p.Stage, p.Action}] == p.Reason {
			continue
		}
		t := transition.StopWaiting
		if p.Reason == v1alpha1.ReasonInGracePeriod {
			t = transition.StopInGracePeriod
		}
		all = append(all, transition.Transition{
			Type: t, Message: fmt.Sprintf("%s/%s: %s: %s", p.Stage, p.Action, p.Reason, p.Message),
			Stage: p.Stage, Action: p.Action, Workload: p.Workload, Mode: after.Mode,
		})
	}
	return all
}

// stateTransition returns the change to another state, or to another reason why an execution does not start. It has the
// message of the condition Ready.
func stateTransition(before *v1alpha1.PipelineExecutionStatus, execution *v1alpha1.PipelineExecution) []transition.Transition {
	after := &execution.Status
	is := readyReason(after)
	if is == readyReason(before) || is == "" || is == string(v1alpha1.ExecutionInProgress) {
		return nil
	}
	if is == v1alpha1.ReasonWaitingForApproval {
		return nil // It is reported for each action.
	}
	t := transition.Transition{
		Type:    transition.Type(is),
		Message: meta.FindStatusCondition(after.Conditions, v1alpha1.ConditionReady).Message,
	}
	if after.State.IsFinal() {
		t.Type = transition.Type(after.State)
		t.Since = &execution.CreationTimestamp
	}
	if after.Stop != nil {
		t.Mode = after.Stop.Mode
	}
	if after.State == v1alpha1.ExecutionStopped {
		t.Since = stopAcceptedTime(after.Stop)
	}
	return []transition.Transition{t}
}

func readyReason(status *v1alpha1.PipelineExecutionStatus) string {
	if c := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionReady); c != nil {
		return c.Reason
	}
	return ""
}

// stopAcceptedTime returns when the first request of a stop was accepted, or nil if that is not known.
func stopAcceptedTime(s *v1alpha1.StopStatus) *metav1.Time {
	if s == nil || len(s.Requests) == 0 {
		return nil
	}
	return &s.Requests[0].AcceptedTime
}
