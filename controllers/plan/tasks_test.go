// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"haltline.dev/haltline/api/v1alpha1"
)

// TestTasks is the whole table: what an action is, whether a stop is in force, and what onAbandon says.
func TestTasks(t *testing.T) {
	const none Verb = 0
	done := at(5)
	open := v1alpha1.ActionStatus{State: v1alpha1.ActionInProgress}
	running := v1alpha1.ActionStatus{State: v1alpha1.ActionInProgress, JobUID: "j"}
	ending := v1alpha1.ActionStatus{State: v1alpha1.ActionAbandoned, JobUID: "j"}
	tests := []struct {
		name    string
		action  v1alpha1.ActionStatus
		orphan  bool
		running Verb // no stop in force
		stopped Verb // a stop in force, whatever its mode
	}{
		{"not started", v1alpha1.ActionStatus{State: v1alpha1.ActionNotStarted}, false, none, none},
		{"open intent", open, false, Start, Fence},
		{"open intent, Orphan", open, true, Start, Fence},
		{"in progress", running, false, Observe, Observe},
		{"in progress, Orphan", running, true, Observe, Observe},
		{"abandoned, work goes on", ending, false, Terminate, Terminate},
		{"abandoned, work goes on, Orphan", ending, true, Orphan, Orphan},
		{"abandoned, ended", v1alpha1.ActionStatus{State: v1alpha1.ActionAbandoned, JobUID: "j", CompletionTime: &done}, false, none, none},
		{"succeeded", v1alpha1.ActionStatus{State: v1alpha1.ActionSucceeded, JobUID: "j", CompletionTime: &done}, false, none, none},
		{"failed", v1alpha1.ActionStatus{State: v1alpha1.ActionFailed, JobUID: "j", CompletionTime: &done}, false, none, none},
		{"failed without a Job", v1alpha1.ActionStatus{State: v1alpha1.ActionFailed, CompletionTime: &done}, false, none, none},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			def := action("a", 1)
			if tt.orphan {
				def.OnAbandon = v1alpha1.OnAbandonOrphan
			}
			for stop, want := range map[*v1alpha1.Stop]Verb{
				nil: tt.running, {Mode: v1alpha1.StopModeWait}: tt.stopped, {Mode: v1alpha1.StopModeAbandon}: tt.stopped,
			} {
				got := Tasks(statusOf(tt.action, stop), pipeline(stage("s", def)))
				var wanted []Task
				if want != none {
					wanted = []Task{{Verb: want, Key: Key{"s", "a"}, JobName: "job", JobUID: tt.action.JobUID, Definition: def}}
				}
				if diff := cmp.Diff(wanted, got); diff != "" {
					t.Errorf("stop %+v (-want +got):\n%s", stop, diff)
				}
			}
		})
	}
}

// statusOf is the status of an execution of one action.
func statusOf(a v1alpha1.ActionStatus, stop *v1alpha1.Stop) *v1alpha1.PipelineExecutionStatus {
	a.Name, a.JobName = "a", "job"
	return &v1alpha1.PipelineExecutionStatus{
		State: v1alpha1.ExecutionInProgress, PipelineRevision: revision, Stop: stop,
		Stages: []v1alpha1.StageStatus{{Name: "s", Actions: []v1alpha1.ActionStatus{a}}},
	}
}

// "A final status asks for nothing."
func TestTasksOfAFinalState(t *testing.T) {
	for _, state := range []v1alpha1.ExecutionState{v1alpha1.ExecutionStopped, v1alpha1.ExecutionSucceeded, v1alpha1.ExecutionFailed} {
		status := statusOf(v1alpha1.ActionStatus{State: v1alpha1.ActionInProgress}, nil)
		status.State = state
		if got := Tasks(status, nil); got != nil {
			t.Errorf("%s asks for %+v", state, got)
		}
	}
}

// Where the pinned Pipeline is gone, what runs is still looked after; abandoned work is ended, which is the default.
func TestTasksWithoutADefinition(t *testing.T) {
	ending := v1alpha1.ActionStatus{State: v1alpha1.ActionAbandoned, JobUID: "j"}
	want := []Task{{Verb: Terminate, Key: Key{"s", "a"}, JobName: "job", JobUID: "j"}}
	for name, p := range map[string]*v1alpha1.PipelineSpec{"no pipeline": nil, "no such action": pipeline(stage("s", action("b", 1)))} {
		if diff := cmp.Diff(want, Tasks(statusOf(ending, nil), p)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// An action is looked up by its stage too: names are unique only in a stage.
func TestTasksTakeTheDefinitionOfTheStage(t *testing.T) {
	other, mine := action("a", 1), action("a", 1)
	other.OnAbandon = v1alpha1.OnAbandonOrphan
	got := Tasks(statusOf(v1alpha1.ActionStatus{State: v1alpha1.ActionAbandoned, JobUID: "j"}, nil), pipeline(stage("r", other), stage("s", mine)))
	if len(got) != 1 || got[0].Verb != Terminate {
		t.Errorf("got %+v, want to terminate", got)
	}
}

func TestCreates(t *testing.T) {
	for verb, want := range map[Verb]bool{Start: true, Fence: false, Observe: false, Terminate: false, Orphan: false} {
		if got := Creates([]Task{{Verb: Observe}, {Verb: verb}}); got != want {
			t.Errorf("Creates of verb %d is %v, want %v", verb, got, want)
		}
	}
	if Creates(nil) {
		t.Error("no task creates")
	}
}
