// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"haltline.dev/haltline/api/v1alpha1"
)

// TestOperations is the whole table: what an action is, whether a stop is in force, and what onAbandon is.
func TestOperations(t *testing.T) {
	const none OperationType = 0
	done := at(5)
	unconfirmed := v1alpha1.ActionStatus{State: v1alpha1.ActionInProgress}
	running := v1alpha1.ActionStatus{State: v1alpha1.ActionInProgress, Workload: v1alpha1.WorkloadReference{UID: "j"}}
	ending := v1alpha1.ActionStatus{State: v1alpha1.ActionAbandoned, Workload: v1alpha1.WorkloadReference{UID: "j"}}
	tests := []struct {
		name    string
		action  v1alpha1.ActionStatus
		orphan  bool
		running OperationType // no stop in force
		stopped OperationType // a stop in force, whatever its mode
	}{
		{"not started", v1alpha1.ActionStatus{State: v1alpha1.ActionNotStarted}, false, none, none},
		{"unconfirmed", unconfirmed, false, OperationStart, OperationFence},
		{"unconfirmed, Orphan", unconfirmed, true, OperationStart, OperationFence},
		{"in progress", running, false, OperationObserve, OperationObserve},
		{"in progress, Orphan", running, true, OperationObserve, OperationObserve},
		{"abandoned, work goes on", ending, false, OperationTerminate, OperationTerminate},
		{"abandoned, work goes on, Orphan", ending, true, OperationOrphan, OperationOrphan},
		{"abandoned, ended", v1alpha1.ActionStatus{State: v1alpha1.ActionAbandoned, Workload: v1alpha1.WorkloadReference{UID: "j"}, CompletionTime: &done}, false, none, none},
		{"succeeded", v1alpha1.ActionStatus{State: v1alpha1.ActionSucceeded, Workload: v1alpha1.WorkloadReference{UID: "j"}, CompletionTime: &done}, false, none, none},
		{"failed", v1alpha1.ActionStatus{State: v1alpha1.ActionFailed, Workload: v1alpha1.WorkloadReference{UID: "j"}, CompletionTime: &done}, false, none, none},
		{"failed without a Job", v1alpha1.ActionStatus{State: v1alpha1.ActionFailed, CompletionTime: &done}, false, none, none},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			def := makeAction("a", 1)
			if tt.orphan {
				def.OnAbandon = v1alpha1.OnAbandonOrphan
			}
			for stop, want := range map[*v1alpha1.StopStatus]OperationType{
				nil: tt.running, {Mode: v1alpha1.StopModeWait}: tt.stopped, {Mode: v1alpha1.StopModeAbandon}: tt.stopped,
			} {
				got := Operations(makeStatus(tt.action, stop), makeDefinition(makeStage("s", def)))
				var wanted []Operation
				if want != none {
					wanted = []Operation{{Type: want, Key: ActionKey{"s", "a"}, Workload: v1alpha1.WorkloadReference{Name: "job", UID: tt.action.Workload.UID}, Definition: def,
						KeepFromStarting: stop != nil && want == OperationObserve}}
				}
				if diff := cmp.Diff(wanted, got); diff != "" {
					t.Errorf("stop %+v (-want +got):\n%s", stop, diff)
				}
			}
		})
	}
}

// makeStatus returns the status of an execution of one action.
func makeStatus(a v1alpha1.ActionStatus, stop *v1alpha1.StopStatus) *v1alpha1.PipelineExecutionStatus {
	a.Name, a.Workload.Name = "a", "job"
	return &v1alpha1.PipelineExecutionStatus{
		State: v1alpha1.ExecutionInProgress, PipelineRevision: revisionName, Stop: stop,
		Stages: []v1alpha1.StageStatus{{Name: "s", Actions: []v1alpha1.ActionStatus{a}}},
	}
}

// A final status asks for nothing.
func TestOperationsOfAFinalState(t *testing.T) {
	for _, state := range []v1alpha1.ExecutionState{v1alpha1.ExecutionStopped, v1alpha1.ExecutionSucceeded, v1alpha1.ExecutionFailed} {
		status := makeStatus(v1alpha1.ActionStatus{State: v1alpha1.ActionInProgress}, nil)
		status.State = state
		if got := Operations(status, nil); got != nil {
			t.Errorf("%s asks for %+v", state, got)
		}
	}
}

// If the pinned definition is gone, what runs is still observed, and abandoned work is ended, which is the default.
func TestOperationsWithoutADefinition(t *testing.T) {
	ending := v1alpha1.ActionStatus{State: v1alpha1.ActionAbandoned, Workload: v1alpha1.WorkloadReference{UID: "j"}}
	want := []Operation{{Type: OperationTerminate, Key: ActionKey{"s", "a"}, Workload: v1alpha1.WorkloadReference{Name: "job", UID: "j"}}}
	for name, definition := range map[string]*v1alpha1.PipelineDefinition{"no pipeline": nil, "no such action": makeDefinition(makeStage("s", makeAction("b", 1)))} {
		if diff := cmp.Diff(want, Operations(makeStatus(ending, nil), definition)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// An action is looked up by its stage too: names are unique only in a stage.
func TestOperationsTakeTheDefinitionOfTheStage(t *testing.T) {
	other, mine := makeAction("a", 1), makeAction("a", 1)
	other.OnAbandon = v1alpha1.OnAbandonOrphan
	got := Operations(makeStatus(v1alpha1.ActionStatus{State: v1alpha1.ActionAbandoned, Workload: v1alpha1.WorkloadReference{UID: "j"}}, nil), makeDefinition(makeStage("r", other), makeStage("s", mine)))
	if len(got) != 1 || got[0].Type != OperationTerminate {
		t.Errorf("got %+v, want to terminate", got)
	}
}

func TestHasStart(t *testing.T) {
	for operation, want := range map[OperationType]bool{OperationStart: true, OperationFence: false, OperationObserve: false, OperationTerminate: false, OperationOrphan: false} {
		if got := HasStart([]Operation{{Type: OperationObserve}, {Type: operation}}); got != want {
			t.Errorf("HasStart of operation %d is %v, want %v", operation, got, want)
		}
	}
	if HasStart(nil) {
		t.Error("no operation is a start")
	}
}
