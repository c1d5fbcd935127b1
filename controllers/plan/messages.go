// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"strings"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/gate"
	"haltline.dev/haltline/controllers/stop"
)

// describeProgress returns what an execution does that nobody stopped, or whose stop is not published yet.
func describeProgress(status *v1alpha1.PipelineExecutionStatus, in Input) (reason, message string) {
	blocked := describeFirstBlocked(status)
	switch {
	case status.Stop != nil:
		return v1alpha1.ReasonFencing, strings.TrimSpace("A stop is being accepted: making sure that nothing more starts. " + blocked)
	case status.PipelineRevision == "" && in.PinBlocked != "":
		return v1alpha1.ReasonStartBlocked, in.PinBlocked
	case status.PipelineRevision == "":
		return v1alpha1.ReasonWaitingForPipeline, fmt.Sprintf("spec.pipelineName: no Pipeline in this namespace has the "+
			"pipelineName %q; the execution starts when there is one.", in.Execution.Spec.PipelineName)
	case status.WaitingForStage != nil:
		entry := gate.CheckEntry(in.Pipeline, in.Execution, status.WaitingForStage.Stage)
		return entry.Reason, entry.Message
	case isFailing(status):
		return v1alpha1.ReasonFailing, describeFailing(status)
	case blocked != "":
		return v1alpha1.ReasonStartBlocked, blocked
	case anyAction(status, isWaitingForApproval) && !anyAction(status, hasActiveWorkload):
		return v1alpha1.ReasonWaitingForApproval, describeWaitingApprovals(status)
	default:
		message := fmt.Sprintf("Running stage %q. %s", status.CurrentStage, describeHeldUp(status))
		return string(v1alpha1.ExecutionInProgress), strings.TrimSpace(strings.TrimSpace(message) + " " + describeWaitingApprovals(status))
	}
}

// describeHeldUp returns what keeps the first action that something keeps, or nothing.
func describeHeldUp(status *v1alpha1.PipelineExecutionStatus) string {
	for key, a := range actions(status) {
		if isHeldUp(a) {
			return fmt.Sprintf("Action %q of stage %q: %s: %s", key.Action, key.Stage, a.Reason, a.Message)
		}
	}
	return ""
}

// describeFirstBlocked returns what keeps the first unconfirmed intent from being carried out, or nothing.
func describeFirstBlocked(status *v1alpha1.PipelineExecutionStatus) string {
	for key, a := range actions(status) {
		if isUnconfirmed(a) && a.Message != "" {
			return fmt.Sprintf("Action %q of stage %q: %s", key.Action, key.Stage, a.Message)
		}
	}
	return ""
}

// describeFailure returns why an execution failed: because an action failed, or because there was nothing that can be run.
func describeFailure(status *v1alpha1.PipelineExecutionStatus, problem *Problem) (reason, message string) {
	var failed []string
	for key, a := range actions(status) {
		if hasFailed(a) {
			failed = append(failed, describeFailedAction(key, a))
		}
	}
	if status.TimedOutTime != nil {
		return v1alpha1.ReasonExecutionTimedOut, strings.Join(append([]string{describeExecutionTimeout(status)}, failed...), " ")
	}
	if len(failed) > 0 {
		return v1alpha1.ReasonActionFailed, strings.Join(failed, "; ")
	}
	if problem != nil {
		return problem.Reason, problem.Message
	}
	return string(status.State), "The execution failed."
}

func describeFailedAction(key ActionKey, a *v1alpha1.ActionStatus) string {
	message := fmt.Sprintf("Action %q of stage %q failed", key.Action, key.Stage)
	for _, why := range []string{a.Reason, a.Message} {
		if why != "" {
			message += ": " + why
		}
	}
	return message
}

func describeStopping(status *v1alpha1.PipelineExecutionStatus) string {
	var names []string
	if status.Stop != nil {
		for _, p := range status.Stop.WaitingFor {
			names = append(names, describePendingAction(p))
		}
	}
	verb := "finish"
	if modeInForce(status) == v1alpha1.StopModeAbandon {
		verb = "end"
	}
	return fmt.Sprintf("%s%s Waiting for actions in progress to %s: %s.",
		describeStop(status.Stop), describeEscalation(status.Stop), verb, strings.Join(names, ", "))
}

// describeEscalation returns when a stop that waits will abandon, or that it never will by itself. It returns nothing for one that
// abandons.
func describeEscalation(s *v1alpha1.StopStatus) string {
	if s == nil || s.Mode != v1alpha1.StopModeWait {
		return ""
	}
	if at := stop.EscalationTime(s); at != nil {
		return fmt.Sprintf(" It escalates to abandon at %s.", formatTime(at))
	}
	return " No escalation is set."
}

func describePendingAction(p v1alpha1.PendingAction) string {
	name := p.Stage + "/" + p.Action
	if p.Reason != "" {
		name += " (" + p.Reason + ")"
	}
	return name
}

func describeStopped(status *v1alpha1.PipelineExecutionStatus) string {
	return describeStop(status.Stop) + " Everything that was in progress has ended."
}

// describeStop returns which request gave the stop its mode, who made it, and why. If that one gives no reason, the one
// that it escalated is described as well.
func describeStop(s *v1alpha1.StopStatus) string {
	if s == nil || len(s.Requests) == 0 {
		return "Stopped on request."
	}
	last := s.Requests[len(s.Requests)-1]
	message := describeRequest(&last)
	if first := s.Requests[0]; last.Reason == "" && first.Reason != "" {
		message += "; " + describeRequest(&first)
	}
	return message + "."
}

// describeRequest quotes what somebody wrote, so that nobody takes it for the operator's words.
func describeRequest(r *v1alpha1.AcceptedStopRequest) string {
	message := fmt.Sprintf("StopRequest %q", r.Name)
	if r.RequestedBy != "" {
		message += fmt.Sprintf(" of %q", r.RequestedBy)
	}
	message += " asked to stop and " + strings.ToLower(string(r.Mode))
	if r.GracePeriodSeconds != nil {
		message += fmt.Sprintf(" with a grace period of at most %d seconds", *r.GracePeriodSeconds)
	}
	if r.EscalatedTime != nil {
		message += ", and escalated to abandon when its time was up"
	}
	if r.Reason != "" {
		message += fmt.Sprintf(" (%q)", r.Reason)
	}
	return message
}
