// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"testing"

	"haltline.dev/haltline/api/v1alpha1"
)

// Under a stop, work that was created and has never run ends as NotStarted, also if it was known to have been created; what runs beside
// it is waited for.
func TestWhatWasKeptFromStartingIsNotStarted(t *testing.T) {
	definition := makeDefinition(makeStage("s", makeAction("a", 1), makeAction("b", 1)), makeStage("u", makeAction("c", 1)))
	execution := runSteps(t, definition,
		step{want: "InProgress | s InProgress: a=unconfirmed b=unconfirmed | u NotStarted: c=NotStarted"},
		step{observed: phases{"s/a": PhaseRunning, "s/b": PhaseRunning}, want: "InProgress | s InProgress: a=InProgress b=InProgress | u NotStarted: c=NotStarted"},
		step{requests: waitRequests, want: "Stopping | s Stopping: a=InProgress b=InProgress | u NotStarted: c=NotStarted"},
		step{observed: phases{"s/a": PhaseNeverStarted, "s/b": PhaseRunning}, want: "Stopping | s Stopping: a=NotStarted b=InProgress | u NotStarted: c=NotStarted"})
	if waiting := execution.Status.Stop.WaitingFor; len(waiting) != 1 || waiting[0].Action != "b" {
		t.Errorf("it waits for %+v", waiting)
	}
	if a := execution.Status.Stages[0].Actions[0]; a.Attempt != 0 || a.Workload != (v1alpha1.WorkloadReference{}) {
		t.Errorf("it shows a start: %+v", a)
	}
	execution.Status = nextStatus(t, Input{Execution: execution, Definition: definition, Observed: phases{"s/b": PhaseSucceeded}.observations(), Now: at(9)})
	if got, want := summarizeStates(&execution.Status), "Stopped | s Stopped: a=NotStarted b=Succeeded | u NotStarted: c=NotStarted"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
