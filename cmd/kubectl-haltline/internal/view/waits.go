// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package view

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"haltline.dev/haltline/api/v1alpha1"
)

// Reason returns the reason of the condition Ready of an execution; empty if there is none.
func Reason(execution *v1alpha1.PipelineExecution) string {
	if c := ready(execution); c != nil {
		return c.Reason
	}
	return ""
}

// Message returns the message of the condition Ready of an execution; empty if there is none.
func Message(execution *v1alpha1.PipelineExecution) string {
	if c := ready(execution); c != nil {
		return c.Message
	}
	return ""
}

func ready(execution *v1alpha1.PipelineExecution) *metav1.Condition {
	if !IsSeen(execution) {
		return nil
	}
	return meta.FindStatusCondition(execution.Status.Conditions, v1alpha1.ConditionReady)
}

// WaitsFor returns in a few words what an execution waits for, or what of it runs; nothing once it has finished.
func WaitsFor(execution *v1alpha1.PipelineExecution) string {
	status := &execution.Status
	switch {
	case !IsSeen(execution):
		return "the operator"
	case status.State.IsFinal():
		return ""
	case status.Stop != nil && status.State == v1alpha1.ExecutionInProgress:
		return summarize(execution, IsUnconfirmed, "not to start")
	case status.State == v1alpha1.ExecutionStopping:
		return summarize(execution, IsActive, verbOfStop(status.Stop))
	case execution.DeletionTimestamp != nil:
		return "its deletion"
	case status.PipelineRevision == "" && Reason(execution) == v1alpha1.ReasonStartBlocked:
		return fmt.Sprintf("the API server (%s)", v1alpha1.ReasonStartBlocked)
	case status.PipelineRevision == "":
		return "pipeline " + execution.Spec.PipelineName
	case status.WaitingForStage != nil && Reason(execution) == v1alpha1.ReasonTransitionDisabled:
		return fmt.Sprintf("stage %s (%s)", status.WaitingForStage.Stage, v1alpha1.ReasonTransitionDisabled)
	case status.WaitingForStage != nil:
		return fmt.Sprintf("stage %s (its turn)", status.WaitingForStage.Stage)
	default:
		return summarize(execution, IsActive, "")
	}
}

// verbOfStop returns what the actions that a stop waits for have to do.
func verbOfStop(stop *v1alpha1.StopStatus) string {
	if stop != nil && stop.Mode == v1alpha1.StopModeAbandon {
		return "to end"
	}
	return "to finish"
}

// summarize names the first of the actions that are meant, what it has to do, and how many there are. One that something keeps goes before
// one that runs.
func summarize(execution *v1alpha1.PipelineExecution, isMeant func(*v1alpha1.ActionStatus) bool, verb string) string {
	first, kept, count := "", false, 0
	for key, a := range Actions(execution) {
		if !isMeant(a) {
			continue
		}
		count++
		if why := describeKept(a); first == "" || why != "" && !kept {
			first, kept = joinWords(key.String(), why, verb), why != ""
		}
	}
	if count > 1 {
		return fmt.Sprintf("%s +%d", first, count-1)
	}
	return first
}

// describeKept returns a word for what keeps an action, in brackets; nothing if it just runs.
func describeKept(a *v1alpha1.ActionStatus) string {
	switch {
	case IsWaitingForApproval(a):
		return "(approval)"
	case a.Reason != "":
		return "(" + a.Reason + ")"
	case IsUnconfirmed(a) && a.Message != "":
		return "(" + v1alpha1.ReasonStartBlocked + ")"
	default:
		return ""
	}
}

// joinWords returns the words that are not empty, with a space between them.
func joinWords(words ...string) string {
	return strings.Join(slices.DeleteFunc(words, func(w string) bool { return w == "" }), " ")
}
