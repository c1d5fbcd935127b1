// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"haltline.dev/haltline/api/v1alpha1"
)

// Key names an action of an execution.
type Key struct {
	Stage, Action string
}

// Phase is what was seen of the work of an action.
type Phase int

const (
	// Running says that the work was started and has not ended.
	Running Phase = iota + 1
	// Succeeded says that the work ended well.
	Succeeded
	// Failed says that the work ended badly, was refused or was lost, and nothing of it runs any more.
	Failed
	// Ended says that nothing of the abandoned work runs any more, or it was left running on purpose.
	Ended
	// NeverStarted says that the work was not started, and cannot be from now on.
	NeverStarted
	// Blocked says that the work could not be started, or kept from starting, for a cause that can pass.
	Blocked
)

// Observation is what was seen of the work of an action.
type Observation struct {
	// Phase of the work.
	Phase Phase
	// JobUID of the Job that runs it, where there is one.
	JobUID string
	// Reason and Message say why the phase is what it is, where that needs saying.
	Reason, Message string
}

// Bounds of what a status holds, in characters. They are those of the schema.
const (
	maxReason  = 256
	maxMessage = v1alpha1.MaxMessageLength
)

// record writes what was observed into the actions that have not ended.
func record(status *v1alpha1.PipelineExecutionStatus, observed map[Key]Observation, now metav1.Time) {
	for s := range status.Stages {
		stage := &status.Stages[s]
		for a := range stage.Actions {
			o, seen := observed[Key{stage.Name, stage.Actions[a].Name}]
			if seen && !ended(&stage.Actions[a]) {
				recordAction(&stage.Actions[a], o, now)
			}
		}
	}
}

func recordAction(a *v1alpha1.ActionStatus, o Observation, now metav1.Time) {
	if a.State == v1alpha1.ActionNotStarted {
		return
	}
	if a.JobUID == "" {
		a.JobUID = o.JobUID
	}
	a.Reason, a.Message = v1alpha1.Bound(o.Reason, maxReason), v1alpha1.BoundMessage(o.Message)
	switch o.Phase {
	case Running, Blocked:
		return
	case NeverStarted:
		a.State = v1alpha1.ActionNotStarted
		a.StartTime, a.JobUID = nil, ""
		return
	case Succeeded:
		if a.State == v1alpha1.ActionInProgress {
			a.State = v1alpha1.ActionSucceeded
		}
	case Failed:
		if a.State == v1alpha1.ActionInProgress {
			a.State = v1alpha1.ActionFailed
		}
	case Ended:
	}
	a.CompletionTime = &now
}

// ended reports whether nothing more can happen to the action.
func ended(a *v1alpha1.ActionStatus) bool {
	return a.State != v1alpha1.ActionNotStarted && a.CompletionTime != nil
}

// open reports whether the action was decided to start and it is not known whether it has.
func open(a *v1alpha1.ActionStatus) bool {
	return a.State == v1alpha1.ActionInProgress && a.JobUID == ""
}

// working reports whether the work of the action may still go on.
func working(a *v1alpha1.ActionStatus) bool {
	return a.State != v1alpha1.ActionNotStarted && a.CompletionTime == nil
}
