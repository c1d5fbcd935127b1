// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/internal/text"
)

// Phase is what was seen of the work of an action.
type Phase int

const (
	// PhaseRunning means that the work was started and has not ended.
	PhaseRunning Phase = iota + 1
	// PhaseSucceeded means that the work ended well.
	PhaseSucceeded
	// PhaseFailed means that the work ended badly, was refused or was lost, and nothing of it runs any more.
	PhaseFailed
	// PhaseEnded means that nothing of the abandoned work runs any more, or it was left running on purpose.
	PhaseEnded
	// PhaseNeverStarted means that the work was not started, and cannot be from now on.
	PhaseNeverStarted
	// PhaseBlocked means that the work could not be started, or kept from starting, for a cause that can pass.
	PhaseBlocked
)

// Observation is what was seen of the work of an action. Without a phase nothing was learned.
type Observation struct {
	// Phase of the work.
	Phase Phase
	// UID is the metadata.uid of the workload, if it exists.
	UID string
	// HasRun is whether the work, which has not ended, is known to have run: a limit on how long it may take to start does not
	// concern it any more.
	HasRun bool
	// Reason and Message explain the phase, if it needs explaining.
	Reason, Message string
	// Written is what the work wrote for the outputs that its action declares; empty if it declares none.
	Written string
}

// recordObservations writes what was observed into the actions that have not ended.
func recordObservations(status *v1alpha1.PipelineExecutionStatus, observed map[ActionKey]Observation, now metav1.Time) {
	for key, a := range actions(status) {
		if o, seen := observed[key]; seen && !hasEnded(a) {
			recordObservation(a, o, now)
		}
	}
}

func recordObservation(a *v1alpha1.ActionStatus, o Observation, now metav1.Time) {
	if a.State == v1alpha1.ActionNotStarted {
		return
	}
	if a.Workload.UID == "" {
		a.Workload.UID = o.UID
	}
	a.Reason, a.Message = text.BoundReason(o.Reason), text.BoundMessage(o.Message)
	if o.HasRun && a.TimedOut == nil {
		a.StartDeadlineTime = nil
	}
	if endsByTimeout(a, o) {
		setTimedOut(a, o, now)
		return
	}
	switch o.Phase {
	case PhaseRunning, PhaseBlocked:
		return
	case PhaseNeverStarted:
		a.State = v1alpha1.ActionNotStarted
		a.StartTime, a.Attempt, a.Workload = nil, 0, v1alpha1.WorkloadReference{}
		a.StartDeadlineTime, a.TimedOut = nil, nil
		return
	case PhaseSucceeded:
		if a.State == v1alpha1.ActionInProgress {
			a.State = v1alpha1.ActionSucceeded
		}
	case PhaseFailed:
		if a.State == v1alpha1.ActionInProgress {
			a.State = v1alpha1.ActionFailed
		}
	case PhaseEnded:
	}
	a.CompletionTime = &now
}
