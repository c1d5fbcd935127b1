// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"

	"haltline.dev/haltline/api/v1alpha1"
)

// Event tells of a transition that was written. Its fields are those of an event of events.k8s.io/v1.
type Event struct {
	// Type is Normal or Warning.
	Type string
	// Reason and Action are words in CamelCase: why, and what was done.
	Reason, Action string
	// Note is a sentence of at most 1024 bytes, the bound of the API.
	Note string
	// JobName and JobUID name the Job of the action that the event is about; empty where it is about the execution.
	JobName, JobUID string
}

// Events returns what happened between two statuses of an execution, in order: at most one for each action and
// transition.
func Events(before, after *v1alpha1.PipelineExecutionStatus) []Event {
	var events []Event
	add := func(e Event) {
		e.Note = v1alpha1.BoundNote(e.Note)
		events = append(events, e)
	}
	if before.StartTime == nil && after.StartTime != nil {
		add(Event{Type: corev1.EventTypeNormal, Reason: "Started", Action: "Start", Note: fmt.Sprintf("Runs %s.", after.PipelineRevision)})
	}
	for _, e := range newFailures(before, after) {
		add(e)
	}
	if before.Stop != nil && after.Stop != nil && before.Stop.Mode != after.Stop.Mode {
		add(Event{Type: corev1.EventTypeNormal, Reason: "Escalated", Action: "Stop", Note: asked(after.Stop)})
	}
	for _, w := range newWaits(before.Stop, after.Stop) {
		add(Event{
			Type: corev1.EventTypeWarning, Reason: "StopWaiting", Action: "Stop",
			Note: fmt.Sprintf("%s/%s: %s: %s", w.Stage, w.Action, w.Reason, w.Message), JobName: w.JobName,
		})
	}
	for _, e := range stateEvent(before, after) {
		add(e)
	}
	return events
}

// stateEvent tells of another state, or of what keeps an execution from starting. It has the words of the condition Ready.
func stateEvent(before, after *v1alpha1.PipelineExecutionStatus) []Event {
	was, is := readyReason(before), readyReason(after)
	if was == is || is == "" || is == string(v1alpha1.ExecutionInProgress) {
		return nil
	}
	e := Event{
		Type: corev1.EventTypeNormal, Reason: is, Action: "Run",
		Note: meta.FindStatusCondition(after.Conditions, v1alpha1.ConditionReady).Message,
	}
	if after.State == v1alpha1.ExecutionFailed || is == v1alpha1.ReasonStartBlocked {
		e.Type = corev1.EventTypeWarning
	}
	if after.State.Final() {
		e.Reason = string(after.State)
	}
	if after.Stop != nil {
		e.Action = "Stop"
	}
	return []Event{e}
}

func readyReason(status *v1alpha1.PipelineExecutionStatus) string {
	if c := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionReady); c != nil {
		return c.Reason
	}
	return ""
}

// newFailures tells of actions that failed and had not failed before.
func newFailures(before, after *v1alpha1.PipelineExecutionStatus) []Event {
	known := map[Key]bool{}
	for _, s := range before.Stages {
		for _, a := range s.Actions {
			known[Key{s.Name, a.Name}] = failed(&a)
		}
	}
	var events []Event
	for _, s := range after.Stages {
		for _, a := range s.Actions {
			if failed(&a) && !known[Key{s.Name, a.Name}] {
				events = append(events, Event{
					Type: corev1.EventTypeWarning, Reason: v1alpha1.ReasonActionFailed, Action: "Run",
					Note: failureMessage(s.Name, &a), JobName: a.JobName, JobUID: a.JobUID,
				})
			}
		}
	}
	return events
}

// newWaits returns what a stop waits for that has a reason which it did not have before.
func newWaits(before, after *v1alpha1.Stop) []v1alpha1.StopWait {
	known := map[Key]string{}
	if before != nil {
		for _, w := range before.WaitingFor {
			known[Key{w.Stage, w.Action}] = w.Reason
		}
	}
	var waits []v1alpha1.StopWait
	if after != nil {
		for _, w := range after.WaitingFor {
			if w.Reason != "" && known[Key{w.Stage, w.Action}] != w.Reason {
				waits = append(waits, w)
			}
		}
	}
	return waits
}
