// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"haltline.dev/haltline/api/v1alpha1"
)

// twoThenOne returns a definition of two actions in parallel, and of one that comes after them.
func twoThenOne() *v1alpha1.PipelineDefinition {
	return makeDefinition(makeStage("s", makeAction("a", 1), makeAction("b", 1)), makeStage("u", makeAction("c", 1)))
}

// Steps of both actions of the first group, before the stop of a test.
var (
	unconfirmedStep = step{want: "InProgress | s InProgress: a=unconfirmed b=unconfirmed | u NotStarted: c=NotStarted"}
	confirmedStep   = step{
		observed: phases{"s/a": PhaseRunning, "s/b": PhaseRunning},
		want:     "InProgress | s InProgress: a=InProgress b=InProgress | u NotStarted: c=NotStarted",
	}
)

// "You choose to either stop the pipeline execution by completing in-progress actions without starting subsequent
// actions, or by abandoning in-progress actions."
func TestStop(t *testing.T) {
	tests := []struct {
		name  string
		steps []step
	}{
		{
			// Actions in progress end as they end, and nothing further starts.
			name: "wait: actions in progress complete",
			steps: []step{
				unconfirmedStep, confirmedStep,
				{requests: waitRequests, want: "Stopping | s Stopping: a=InProgress b=InProgress | u NotStarted: c=NotStarted"},
				{observed: phases{"s/a": PhaseSucceeded, "s/b": PhaseRunning}, want: "Stopping | s Stopping: a=Succeeded b=InProgress | u NotStarted: c=NotStarted"},
				{observed: phases{"s/b": PhaseSucceeded}, want: "Stopped | s Stopped: a=Succeeded b=Succeeded | u NotStarted: c=NotStarted"},
			},
		},
		{
			// "The last action in progress fails while Stopping: the action is Failed, the execution Stopped."
			name: "wait: the last action in progress fails",
			steps: []step{
				unconfirmedStep, confirmedStep,
				{requests: waitRequests, observed: phases{"s/a": PhaseSucceeded}, want: "Stopping | s Stopping: a=Succeeded b=InProgress | u NotStarted: c=NotStarted"},
				{observed: phases{"s/b": PhaseFailed}, want: "Stopped | s Stopped: a=Succeeded b=Failed | u NotStarted: c=NotStarted"},
			},
		},
		{
			name: "wait: an action had failed before, its sibling is waited for",
			steps: []step{
				unconfirmedStep, confirmedStep,
				{observed: phases{"s/a": PhaseFailed}, want: "InProgress | s InProgress: a=Failed b=InProgress | u NotStarted: c=NotStarted"},
				{requests: waitRequests, want: "Stopping | s Stopping: a=Failed b=InProgress | u NotStarted: c=NotStarted"},
				{observed: phases{"s/b": PhaseSucceeded}, want: "Stopped | s Stopped: a=Failed b=Succeeded | u NotStarted: c=NotStarted"},
			},
		},
		{
			// "After all in-progress actions are completed or abandoned, the pipeline execution is in a Stopped state."
			name: "abandon: Stopped when the abandoned work has ended",
			steps: []step{
				unconfirmedStep, confirmedStep,
				{requests: abandonRequests, want: "Stopping | s Stopping: a=ending b=ending | u NotStarted: c=NotStarted"},
				{observed: phases{"s/a": PhaseEnded, "s/b": PhaseRunning}, want: "Stopping | s Stopping: a=Abandoned b=ending | u NotStarted: c=NotStarted"},
				{observed: phases{"s/b": PhaseEnded}, want: "Stopped | s Stopped: a=Abandoned b=Abandoned | u NotStarted: c=NotStarted"},
			},
		},
		{
			name: "abandon: an abandoned action stays so, however its Job ends",
			steps: []step{
				unconfirmedStep, confirmedStep,
				{requests: abandonRequests, want: "Stopping | s Stopping: a=ending b=ending | u NotStarted: c=NotStarted"},
				{observed: phases{"s/a": PhaseSucceeded, "s/b": PhaseFailed}, want: "Stopped | s Stopped: a=Abandoned b=Abandoned | u NotStarted: c=NotStarted"},
			},
		},
		{
			name: "abandon: what ended by itself is not abandoned",
			steps: []step{
				unconfirmedStep, confirmedStep,
				{requests: abandonRequests, observed: phases{"s/a": PhaseSucceeded, "s/b": PhaseRunning}, want: "Stopping | s Stopping: a=Succeeded b=ending | u NotStarted: c=NotStarted"},
			},
		},
		{
			// "You can choose to stop and abandon now"
			name: "wait, then abandon",
			steps: []step{
				unconfirmedStep, confirmedStep,
				{requests: waitRequests, want: "Stopping | s Stopping: a=InProgress b=InProgress | u NotStarted: c=NotStarted"},
				{requests: abandonRequests, observed: phases{"s/a": PhaseSucceeded}, want: "Stopping | s Stopping: a=Succeeded b=ending | u NotStarted: c=NotStarted"},
				{observed: phases{"s/b": PhaseEnded}, want: "Stopped | s Stopped: a=Succeeded b=Abandoned | u NotStarted: c=NotStarted"},
			},
		},
		{
			name: "a stop that comes with the end of the group: the next stage is never entered",
			steps: []step{
				unconfirmedStep, confirmedStep,
				{requests: waitRequests, observed: phases{"s/a": PhaseSucceeded, "s/b": PhaseSucceeded}, want: "Stopped | s Stopped: a=Succeeded b=Succeeded | u NotStarted: c=NotStarted"},
			},
		},
		{
			// "An unconfirmed intent is fenced before the stop is published". A fenced action is NotStarted.
			name: "unconfirmed intents keep the state from showing the stop, and are fenced",
			steps: []step{
				unconfirmedStep,
				{requests: waitRequests, want: "InProgress | s InProgress: a=unconfirmed b=unconfirmed | u NotStarted: c=NotStarted"},
				{observed: phases{"s/a": PhaseNeverStarted}, want: "InProgress | s InProgress: a=NotStarted b=unconfirmed | u NotStarted: c=NotStarted"},
				{observed: phases{"s/b": PhaseBlocked}, want: "InProgress | s InProgress: a=NotStarted b=unconfirmed | u NotStarted: c=NotStarted"},
				{observed: phases{"s/b": PhaseNeverStarted}, want: "Stopped | s Stopped: a=NotStarted b=NotStarted | u NotStarted: c=NotStarted"},
			},
		},
		{
			// It really started: it is an action in progress like any other.
			name: "a fence finds a Job: wait lets it finish",
			steps: []step{
				unconfirmedStep,
				{requests: waitRequests, want: "InProgress | s InProgress: a=unconfirmed b=unconfirmed | u NotStarted: c=NotStarted"},
				{observed: phases{"s/a": PhaseNeverStarted, "s/b": PhaseRunning}, want: "Stopping | s Stopping: a=NotStarted b=InProgress | u NotStarted: c=NotStarted"},
				{observed: phases{"s/b": PhaseSucceeded}, want: "Stopped | s Stopped: a=NotStarted b=Succeeded | u NotStarted: c=NotStarted"},
			},
		},
		{
			name: "a fence finds a Job: abandon abandons it",
			steps: []step{
				unconfirmedStep,
				{requests: abandonRequests, want: "InProgress | s InProgress: a=unconfirmed b=unconfirmed | u NotStarted: c=NotStarted"},
				{observed: phases{"s/a": PhaseNeverStarted, "s/b": PhaseRunning}, want: "Stopping | s Stopping: a=NotStarted b=ending | u NotStarted: c=NotStarted"},
			},
		},
		{
			name: "a fence finds Jobs that have ended",
			steps: []step{
				unconfirmedStep,
				{requests: abandonRequests, want: "InProgress | s InProgress: a=unconfirmed b=unconfirmed | u NotStarted: c=NotStarted"},
				{observed: phases{"s/a": PhaseSucceeded, "s/b": PhaseFailed}, want: "Stopped | s Stopped: a=Succeeded b=Failed | u NotStarted: c=NotStarted"},
			},
		},
		{
			name: "an abandon while fencing abandons what is known to have started",
			steps: []step{
				unconfirmedStep,
				{requests: abandonRequests, observed: phases{"s/a": PhaseRunning}, want: "InProgress | s InProgress: a=ending b=unconfirmed | u NotStarted: c=NotStarted"},
				{observed: phases{"s/b": PhaseNeverStarted}, want: "Stopping | s Stopping: a=ending b=NotStarted | u NotStarted: c=NotStarted"},
				{observed: phases{"s/a": PhaseEnded}, want: "Stopped | s Stopped: a=Abandoned b=NotStarted | u NotStarted: c=NotStarted"},
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { runSteps(t, twoThenOne(), tt.steps...) })
	}
}

// "Everything succeeds while Stopping, the last action of the last stage too: Stopped."
func TestEverythingSucceedsWhileStopping(t *testing.T) {
	runSteps(t, makeDefinition(makeStage("s", makeAction("a", 1))),
		step{want: "InProgress | s InProgress: a=unconfirmed"},
		step{requests: waitRequests, observed: phases{"s/a": PhaseRunning}, want: "Stopping | s Stopping: a=InProgress"},
		step{observed: phases{"s/a": PhaseSucceeded}, want: "Stopped | s Stopped: a=Succeeded"},
	)
}

// A stage that has Succeeded stays so; the stop is that of the stage that the execution is in.
func TestStopInASecondStage(t *testing.T) {
	runSteps(t, twoThenOne(), unconfirmedStep,
		step{observed: phases{"s/a": PhaseSucceeded, "s/b": PhaseSucceeded}, want: "InProgress | s Succeeded: a=Succeeded b=Succeeded | u InProgress: c=unconfirmed"},
		step{requests: abandonRequests, observed: phases{"u/c": PhaseRunning}, want: "Stopping | s Succeeded: a=Succeeded b=Succeeded | u Stopping: c=ending"},
		step{observed: phases{"u/c": PhaseEnded}, want: "Stopped | s Succeeded: a=Succeeded b=Succeeded | u Stopped: c=Abandoned"},
	)
}

// "An execution that waits never starts once stopped".
func TestStopWhileWaitingForThePipeline(t *testing.T) {
	for name, ask := range map[string][]v1alpha1.StopRequest{"wait": waitRequests, "abandon": abandonRequests} {
		t.Run(name, func(t *testing.T) {
			execution := runSteps(t, nil, step{want: "InProgress"}, step{requests: ask, want: "Stopped"})
			if execution.Status.Stages != nil || execution.Status.StartTime != nil || execution.Status.CompletionTime == nil {
				t.Errorf("stages %v, started %v, completed %v", execution.Status.Stages, execution.Status.StartTime, execution.Status.CompletionTime)
			}
			// The Pipeline that comes too late changes nothing.
			got := nextStatus(t, Input{Execution: execution, Definition: twoThenOne(), Revision: revisionName, Now: at(9)})
			if diff := cmp.Diff(execution.Status, got); diff != "" {
				t.Errorf("a final status changed (-before +after):\n%s", diff)
			}
		})
	}
}

// A stop that is there before the first look: nothing ever starts.
func TestStopBeforeTheFirstStep(t *testing.T) {
	runSteps(t, twoThenOne(), step{requests: waitRequests, want: "Stopped | s NotStarted: a=NotStarted b=NotStarted | u NotStarted: c=NotStarted"})
}

// onStop: Abandon is for work that is not worth waiting for.
func TestOnStopAbandonUnderAWait(t *testing.T) {
	definition := makeDefinition(makeStage("s", withOnStopAbandon(makeAction("soak", 1)), makeAction("b", 1)))
	execution := runSteps(t, definition,
		step{want: "InProgress | s InProgress: soak=unconfirmed b=unconfirmed"},
		step{observed: phases{"s/soak": PhaseRunning, "s/b": PhaseRunning}, want: "InProgress | s InProgress: soak=InProgress b=InProgress"},
		step{requests: waitRequests, want: "Stopping | s Stopping: soak=ending b=InProgress"},
		step{observed: phases{"s/soak": PhaseEnded}, want: "Stopping | s Stopping: soak=Abandoned b=InProgress"},
		step{observed: phases{"s/b": PhaseSucceeded}, want: "Stopped | s Stopped: soak=Abandoned b=Succeeded"},
	)
	if execution.Status.Stop.Mode != v1alpha1.StopModeWait {
		t.Errorf("the mode of the stop is %s: onStop must not escalate it", execution.Status.Stop.Mode)
	}
}

// Without its revision onStop is not known, and finishing is the default.
func TestStopWithTheRevisionLost(t *testing.T) {
	execution := runSteps(t, makeDefinition(makeStage("s", withOnStopAbandon(makeAction("a", 1)))),
		step{want: "InProgress | s InProgress: a=unconfirmed"},
		step{observed: phases{"s/a": PhaseRunning}, want: "InProgress | s InProgress: a=InProgress"},
	)
	execution.Status = nextStatus(t, Input{Execution: execution, Requests: waitRequests, Now: at(3)})
	if got, want := summarizeStates(&execution.Status), "Stopping | s Stopping: a=InProgress"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	execution.Status = nextStatus(t, Input{Execution: execution, Requests: abandonRequests, Now: at(4)})
	if got, want := summarizeStates(&execution.Status), "Stopping | s Stopping: a=ending"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// What was reported of an action before it was abandoned is not shown any more.
func TestAbandonClearsTheOldMessage(t *testing.T) {
	execution := runSteps(t, makeDefinition(makeStage("s", makeAction("a", 1))),
		step{want: "InProgress | s InProgress: a=unconfirmed"},
		step{observed: phases{"s/a": PhaseRunning}, want: "InProgress | s InProgress: a=InProgress"},
	)
	held := map[ActionKey]Observation{{"s", "a"}: {Phase: PhaseRunning, UID: "job-of-s/a", Message: "suspended by somebody else"}}
	execution.Status = nextStatus(t, Input{Execution: execution, Observed: held, Now: at(3)})
	if got := execution.Status.Stages[0].Actions[0].Message; got != "suspended by somebody else" {
		t.Fatalf("message is %q", got)
	}
	execution.Status = nextStatus(t, Input{Execution: execution, Requests: abandonRequests, Now: at(4)})
	if a := execution.Status.Stages[0].Actions[0]; a.Message != "" || a.Reason != "" {
		t.Errorf("reason %q, message %q", a.Reason, a.Message)
	}
}

// "The status shows what a stop waits for, and why that does not end".
func TestWaitingFor(t *testing.T) {
	definition := makeDefinition(makeStage("s", makeAction("a", 1), makeAction("b", 1), withOnStopAbandon(makeAction("c", 1)), makeAction("d", 1)))
	execution := runSteps(t, definition,
		step{want: "InProgress | s InProgress: a=unconfirmed b=unconfirmed c=unconfirmed d=unconfirmed"},
		step{
			observed: phases{"s/a": PhaseRunning, "s/c": PhaseRunning, "s/d": PhaseSucceeded},
			want:     "InProgress | s InProgress: a=InProgress b=unconfirmed c=InProgress d=Succeeded",
		},
		step{requests: waitRequests, want: "InProgress | s InProgress: a=InProgress b=unconfirmed c=ending d=Succeeded"},
	)
	job := func(name string) string { return WorkloadName(execution, ActionKey{"s", name}, 1, "") }
	want := []v1alpha1.PendingAction{
		{Stage: "s", Action: "a", Attempt: 1, Workload: makeJob(execution, ActionKey{"s", "a"}, "job-of-s/a"), Message: `Job "` + job("a") + `" has to finish.`},
		{Stage: "s", Action: "b", Attempt: 1, Workload: makeJob(execution, ActionKey{"s", "b"}, ""), Message: `Making sure that Job "` + job("b") + `" does not start.`},
		{Stage: "s", Action: "c", Attempt: 1, Workload: makeJob(execution, ActionKey{"s", "c"}, "job-of-s/c"), Message: `Everything that Job "` + job("c") + `" runs has to end.`},
	}
	if diff := cmp.Diff(want, execution.Status.Stop.WaitingFor); diff != "" {
		t.Errorf("waitingFor (-want +got):\n%s", diff)
	}

	cannot := map[ActionKey]Observation{{"s", "c"}: {Phase: PhaseRunning, Message: "node n1 does not answer"}, {"s", "b"}: {Phase: PhaseNeverStarted}}
	execution.Status = nextStatus(t, Input{Execution: execution, Definition: definition, Observed: cannot, Now: at(4)})
	want = []v1alpha1.PendingAction{want[0], {Stage: "s", Action: "c", Attempt: 1, Workload: makeJob(execution, ActionKey{"s", "c"}, "job-of-s/c"), Message: "node n1 does not answer"}}
	if diff := cmp.Diff(want, execution.Status.Stop.WaitingFor); diff != "" {
		t.Errorf("waitingFor with a message (-want +got):\n%s", diff)
	}

	execution.Status = nextStatus(t, Input{Execution: execution, Definition: definition, Observed: phases{"s/a": PhaseSucceeded, "s/c": PhaseEnded}.observations(), Now: at(5)})
	if execution.Status.State != v1alpha1.ExecutionStopped || execution.Status.Stop.WaitingFor != nil {
		t.Errorf("%s waits for %+v", execution.Status.State, execution.Status.Stop.WaitingFor)
	}
}

// The list in the status is bounded by the schema, whatever a status holds.
func TestWaitingForIsBounded(t *testing.T) {
	execution := makeExecution()
	execution.Status.PipelineRevision = revisionName
	execution.Status.Stages = []v1alpha1.StageStatus{{Name: "s", State: v1alpha1.StageInProgress, Actions: make([]v1alpha1.ActionStatus, 60)}}
	for i := range execution.Status.Stages[0].Actions {
		execution.Status.Stages[0].Actions[i] = v1alpha1.ActionStatus{Name: "a", State: v1alpha1.ActionInProgress, Workload: v1alpha1.WorkloadReference{UID: "j"}}
	}
	got := nextStatus(t, Input{Execution: execution, Requests: waitRequests, Now: at(1)})
	if n := len(got.Stop.WaitingFor); n != 50 {
		t.Errorf("waits for %d, want 50", n)
	}
}

// The schema does not ask for a stop beside the state Stopping: an old backup, or a person with rights on the status, can write
// one without the other. The operator must neither panic nor start anything.
func TestStoppingWithoutAStop(t *testing.T) {
	states := map[string]v1alpha1.PipelineExecutionStatus{
		"no stages": {State: v1alpha1.ExecutionStopping},
		"next group": {
			State: v1alpha1.ExecutionStopping, PipelineRevision: revisionName,
			Stages: []v1alpha1.StageStatus{{Name: "s", State: v1alpha1.StageNotStarted, Actions: []v1alpha1.ActionStatus{{Name: "a", State: v1alpha1.ActionNotStarted}}}},
		},
	}
	for name, status := range states {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if panicked := recover(); panicked != nil {
					t.Errorf("Next panicked: %v", panicked)
				}
			}()
			execution := makeExecution()
			execution.Status = status
			got := nextStatus(t, Input{Execution: execution, Definition: makeDefinition(makeStage("s", makeAction("a", 1))), Now: at(1)})
			if anyAction(&got, isActive) {
				t.Errorf("an action was started in state %s", got.State)
			}
		})
	}
}

// Another reason why a stop waits changes the status. The same reason again does not.
func TestWaitingForHasItsReason(t *testing.T) {
	execution := runSteps(t, makeDefinition(makeStage("s", makeAction("a", 1), makeAction("b", 1))),
		step{want: "InProgress | s InProgress: a=unconfirmed b=unconfirmed"},
		step{requests: waitRequests, observed: phases{"s/a": PhaseRunning, "s/b": PhaseRunning}, want: "Stopping | s Stopping: a=InProgress b=InProgress"},
	)
	observed := map[ActionKey]Observation{
		{"s", "a"}: {Phase: PhaseRunning, Reason: "PodNotEnding", Message: `Pod "p" should have ended.`}, {"s", "b"}: {Phase: PhaseRunning},
	}
	execution.Status = nextStatus(t, Input{Execution: execution, Observed: observed, Now: at(9)})
	job := func(name string) string { return WorkloadName(execution, ActionKey{"s", name}, 1, "") }
	want := []v1alpha1.PendingAction{
		{Stage: "s", Action: "a", Attempt: 1, Workload: makeJob(execution, ActionKey{"s", "a"}, "job-of-s/a"), Reason: "PodNotEnding", Message: `Pod "p" should have ended.`},
		{Stage: "s", Action: "b", Attempt: 1, Workload: makeJob(execution, ActionKey{"s", "b"}, "job-of-s/b"), Message: fmt.Sprintf("Job %q has to finish.", job("b"))},
	}
	if diff := cmp.Diff(want, execution.Status.Stop.WaitingFor); diff != "" {
		t.Errorf("waitingFor (-want +got):\n%s", diff)
	}
	checkContains(t, sharedMessage(t, &execution.Status), "to finish: s/a (PodNotEnding), s/b.")
	if diff := cmp.Diff(execution.Status, nextStatus(t, Input{Execution: execution, Observed: observed, Now: at(30)})); diff != "" {
		t.Errorf("nothing happened, and the status changed (-before +after):\n%s", diff)
	}
}
