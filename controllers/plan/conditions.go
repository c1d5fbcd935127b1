// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"haltline.dev/haltline/api/v1alpha1"
)

// outcome is what the conditions of an execution say.
type outcome struct {
	reason, message string
	// set are the condition types that are present, with their status.
	set map[string]metav1.ConditionStatus
}

// setConditions derives the conditions from the rest of the status.
func setConditions(status *v1alpha1.PipelineExecutionStatus, in Input, problem *Problem) {
	o := describe(status, in, problem)
	for _, t := range []string{
		v1alpha1.ConditionReady, v1alpha1.ConditionReconciling, v1alpha1.ConditionStalled,
		v1alpha1.ConditionSucceeded, v1alpha1.ConditionStopping, v1alpha1.ConditionStopped,
	} {
		value, present := o.set[t]
		if !present {
			meta.RemoveStatusCondition(&status.Conditions, t)
			continue
		}
		c := metav1.Condition{
			Type: t, Status: value, Reason: o.reason, Message: v1alpha1.BoundMessage(o.message),
			ObservedGeneration: in.Execution.Generation, LastTransitionTime: in.Now,
		}
		meta.SetStatusCondition(&status.Conditions, c)
	}
}

func describe(status *v1alpha1.PipelineExecutionStatus, in Input, problem *Problem) outcome {
	const yes, no = metav1.ConditionTrue, metav1.ConditionFalse
	switch status.State {
	case v1alpha1.ExecutionSucceeded:
		return outcome{string(status.State), "Every action succeeded.", map[string]metav1.ConditionStatus{
			v1alpha1.ConditionReady: yes, v1alpha1.ConditionSucceeded: yes,
		}}
	case v1alpha1.ExecutionStopped:
		return outcome{string(status.State), stoppedMessage(status), map[string]metav1.ConditionStatus{
			v1alpha1.ConditionReady: yes, v1alpha1.ConditionSucceeded: no, v1alpha1.ConditionStopped: yes,
		}}
	case v1alpha1.ExecutionFailed:
		reason, message := failure(status, problem)
		return outcome{reason, message, map[string]metav1.ConditionStatus{
			v1alpha1.ConditionReady: no, v1alpha1.ConditionSucceeded: no, v1alpha1.ConditionStalled: yes,
		}}
	case v1alpha1.ExecutionStopping:
		return outcome{string(status.State), stoppingMessage(status), map[string]metav1.ConditionStatus{
			v1alpha1.ConditionReady: no, v1alpha1.ConditionReconciling: yes, v1alpha1.ConditionStopping: yes,
		}}
	default:
		reason, message := progress(status, in)
		return outcome{reason, message, map[string]metav1.ConditionStatus{
			v1alpha1.ConditionReady: no, v1alpha1.ConditionReconciling: yes,
		}}
	}
}

// progress says what an execution does that nobody stopped, or whose stop is not published yet.
func progress(status *v1alpha1.PipelineExecutionStatus, in Input) (reason, message string) {
	blocked := firstBlocked(status)
	switch {
	case status.Stop != nil:
		return v1alpha1.ReasonFencing, strings.TrimSpace("A stop was accepted; making sure that nothing more starts. " + blocked)
	case status.PipelineRevision == "" && in.Held != "":
		return v1alpha1.ReasonStartBlocked, in.Held
	case status.PipelineRevision == "":
		return v1alpha1.ReasonWaitingForPipeline, fmt.Sprintf("spec.pipelineName: no Pipeline in this namespace has the "+
			"pipelineName %q; the execution starts when there is one.", in.Execution.Spec.PipelineName)
	case blocked != "":
		return v1alpha1.ReasonStartBlocked, blocked
	default:
		return string(v1alpha1.ExecutionInProgress), fmt.Sprintf("Running stage %q.", status.CurrentStage)
	}
}

// firstBlocked returns what keeps the first open intent from being carried out, or nothing.
func firstBlocked(status *v1alpha1.PipelineExecutionStatus) string {
	for _, stage := range status.Stages {
		for _, a := range stage.Actions {
			if open(&a) && a.Message != "" {
				return fmt.Sprintf("Action %q of stage %q: %s", a.Name, stage.Name, a.Message)
			}
		}
	}
	return ""
}

// failure says why an execution failed: for want of a definition that can be run, or since an action failed.
func failure(status *v1alpha1.PipelineExecutionStatus, problem *Problem) (reason, message string) {
	for _, stage := range status.Stages {
		for _, a := range stage.Actions {
			if failed(&a) {
				return v1alpha1.ReasonActionFailed, failureMessage(stage.Name, &a)
			}
		}
	}
	if problem != nil {
		return problem.Reason, problem.Message
	}
	return string(status.State), "The execution failed."
}

func failureMessage(stage string, a *v1alpha1.ActionStatus) string {
	said := fmt.Sprintf("Action %q of stage %q failed", a.Name, stage)
	for _, why := range []string{a.Reason, a.Message} {
		if why != "" {
			said += ": " + why
		}
	}
	return said
}

func stoppingMessage(status *v1alpha1.PipelineExecutionStatus) string {
	var names []string
	if status.Stop != nil {
		for _, w := range status.Stop.WaitingFor {
			names = append(names, waitName(w))
		}
	}
	verb := "finish"
	if modeInForce(status) == v1alpha1.StopModeAbandon {
		verb = "end"
	}
	return fmt.Sprintf("%s Waiting for actions in progress to %s: %s.", asked(status.Stop), verb, strings.Join(names, ", "))
}

func waitName(w v1alpha1.StopWait) string {
	name := w.Stage + "/" + w.Action
	if w.Reason != "" {
		name += " (" + w.Reason + ")"
	}
	return name
}

func stoppedMessage(status *v1alpha1.PipelineExecutionStatus) string {
	return asked(status.Stop) + " Everything that was in progress has ended."
}

// asked says which request gave the stop its mode, and why.
func asked(s *v1alpha1.Stop) string {
	if s == nil || len(s.Requests) == 0 {
		return "Stopped on request."
	}
	r := s.Requests[len(s.Requests)-1]
	said := fmt.Sprintf("StopRequest %q", r.Name)
	if r.RequestedBy != "" {
		said += " of " + r.RequestedBy
	}
	said += " asked to stop and " + strings.ToLower(string(r.Mode))
	if r.EscalatedTime != nil {
		said += ", and escalated to abandon when its time was up"
	}
	if r.Reason != "" {
		said += fmt.Sprintf(" (%s)", r.Reason)
	}
	return said + "."
}
