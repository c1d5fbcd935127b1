// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import "haltline.dev/haltline/api/v1alpha1"

// Verb is what must be done about an action.
type Verb int

const (
	// Start creates the Job of an open intent.
	Start Verb = iota + 1
	// Fence keeps the Job of an open intent from ever being created, or finds that it was.
	Fence
	// Observe looks how far a Job is.
	Observe
	// Terminate ends the Job of an abandoned action, and looks whether it has ended.
	Terminate
	// Orphan lets the Job of an abandoned action go on outside the execution.
	Orphan
)

// Task is what must be done about one action.
type Task struct {
	Verb Verb
	Key  Key
	// JobName is the name of the action's Job.
	JobName string
	// JobUID is the metadata.uid of that Job; empty for an open intent.
	JobUID string
	// Definition is what the action runs; empty where the pinned Pipeline is gone.
	Definition v1alpha1.Action
}

// Tasks returns what the status of an execution asks to be carried out. Every task can be carried out again: it depends
// on nothing but the status that was written. A final status asks for nothing.
func Tasks(status *v1alpha1.PipelineExecutionStatus, pipeline *v1alpha1.PipelineSpec) []Task {
	if status.State.Final() {
		return nil
	}
	var tasks []Task
	for _, stage := range status.Stages {
		for _, a := range stage.Actions {
			key := Key{stage.Name, a.Name}
			if !working(&a) {
				continue
			}
			def := definition(pipeline, key)
			tasks = append(tasks, Task{
				Verb: verb(&a, def.OnAbandon, stopInForce(status)), Key: key, JobName: a.JobName, JobUID: a.JobUID, Definition: def,
			})
		}
	}
	return tasks
}

func verb(a *v1alpha1.ActionStatus, onAbandon v1alpha1.OnAbandon, stopped bool) Verb {
	switch {
	case open(a) && stopped:
		return Fence
	case open(a):
		return Start
	case a.State == v1alpha1.ActionInProgress:
		return Observe
	case onAbandon == v1alpha1.OnAbandonOrphan:
		return Orphan
	default:
		return Terminate
	}
}

// Creates reports whether one of the tasks creates what an action runs.
func Creates(tasks []Task) bool {
	for _, t := range tasks {
		if t.Verb == Start {
			return true
		}
	}
	return false
}
