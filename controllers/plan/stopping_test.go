// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"haltline.dev/haltline/api/v1alpha1"
)

// Two actions in parallel and one that comes after them.
func twoThenOne() *v1alpha1.PipelineSpec {
	return pipeline(stage("s", action("a", 1), action("b", 1)), stage("u", action("c", 1)))
}

// What both actions of the first group go through before the stop of a test.
var (
	opened  = step{want: "InProgress | s InProgress: a=open b=open | u NotStarted: c=NotStarted"}
	started = step{
		see:  seen{"s/a": PhaseRunning, "s/b": PhaseRunning},
		want: "InProgress | s InProgress: a=InProgress b=InProgress | u NotStarted: c=NotStarted",
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
			// "Actions in progress end as they end (Succeeded or Failed) […]; nothing further starts; then Stopped".
			name: "wait: actions in progress complete",
			steps: []step{
				opened, started,
				{ask: waits, want: "Stopping | s Stopping: a=InProgress b=InProgress | u NotStarted: c=NotStarted"},
				{see: seen{"s/a": PhaseSucceeded, "s/b": PhaseRunning}, want: "Stopping | s Stopping: a=Succeeded b=InProgress | u NotStarted: c=NotStarted"},
				{see: seen{"s/b": PhaseSucceeded}, want: "Stopped | s Stopped: a=Succeeded b=Succeeded | u NotStarted: c=NotStarted"},
			},
		},
		{
			// "The last action in progress fails while Stopping: the action is Failed, the execution Stopped."
			name: "wait: the last action in progress fails",
			steps: []step{
				opened, started,
				{ask: waits, see: seen{"s/a": PhaseSucceeded}, want: "Stopping | s Stopping: a=Succeeded b=InProgress | u NotStarted: c=NotStarted"},
				{see: seen{"s/b": PhaseFailed}, want: "Stopped | s Stopped: a=Succeeded b=Failed | u NotStarted: c=NotStarted"},
			},
		},
		{
			name: "wait: an action had failed before, its sibling is waited for",
			steps: []step{
				opened, started,
				{see: seen{"s/a": PhaseFailed}, want: "InProgress | s InProgress: a=Failed b=InProgress | u NotStarted: c=NotStarted"},
				{ask: waits, want: "Stopping | s Stopping: a=Failed b=InProgress | u NotStarted: c=NotStarted"},
				{see: seen{"s/b": PhaseSucceeded}, want: "Stopped | s Stopped: a=Failed b=Succeeded | u NotStarted: c=NotStarted"},
			},
		},
		{
			// "After all in-progress actions are completed or abandoned, the pipeline execution is in a Stopped state."
			name: "abandon: Stopped when the abandoned work has ended",
			steps: []step{
				opened, started,
				{ask: abandons, want: "Stopping | s Stopping: a=ending b=ending | u NotStarted: c=NotStarted"},
				{see: seen{"s/a": PhaseEnded, "s/b": PhaseRunning}, want: "Stopping | s Stopping: a=Abandoned b=ending | u NotStarted: c=NotStarted"},
				{see: seen{"s/b": PhaseEnded}, want: "Stopped | s Stopped: a=Abandoned b=Abandoned | u NotStarted: c=NotStarted"},
			},
		},
		{
			name: "abandon: an abandoned action stays so, however its Job ends",
			steps: []step{
				opened, started,
				{ask: abandons, want: "Stopping | s Stopping: a=ending b=ending | u NotStarted: c=NotStarted"},
				{see: seen{"s/a": PhaseSucceeded, "s/b": PhaseFailed}, want: "Stopped | s Stopped: a=Abandoned b=Abandoned | u NotStarted: c=NotStarted"},
			},
		},
		{
			name: "abandon: what ended by itself is not abandoned",
			steps: []step{
				opened, started,
				{ask: abandons, see: seen{"s/a": PhaseSucceeded, "s/b": PhaseRunning}, want: "Stopping | s Stopping: a=Succeeded b=ending | u NotStarted: c=NotStarted"},
			},
		},
		{
			// "You can choose to stop and abandon now"
			name: "wait, then abandon",
			steps: []step{
				opened, started,
				{ask: waits, want: "Stopping | s Stopping: a=InProgress b=InProgress | u NotStarted: c=NotStarted"},
				{ask: abandons, see: seen{"s/a": PhaseSucceeded}, want: "Stopping | s Stopping: a=Succeeded b=ending | u NotStarted: c=NotStarted"},
				{see: seen{"s/b": PhaseEnded}, want: "Stopped | s Stopped: a=Succeeded b=Abandoned | u NotStarted: c=NotStarted"},
			},
		},
		{
			name: "a stop that comes with the end of the group: the next stage is never entered",
			steps: []step{
				opened, started,
				{ask: waits, see: seen{"s/a": PhaseSucceeded, "s/b": PhaseSucceeded}, want: "Stopped | s Stopped: a=Succeeded b=Succeeded | u NotStarted: c=NotStarted"},
			},
		},
		{
			// "An intent whose Job does not exist gets a tombstone […]. A tombstoned action is NotStarted."
			name: "open intents keep the state from showing the stop, and are fenced",
			steps: []step{
				opened,
				{ask: waits, want: "InProgress | s InProgress: a=open b=open | u NotStarted: c=NotStarted"},
				{see: seen{"s/a": PhaseNeverStarted}, want: "InProgress | s InProgress: a=NotStarted b=open | u NotStarted: c=NotStarted"},
				{see: seen{"s/b": PhaseBlocked}, want: "InProgress | s InProgress: a=NotStarted b=open | u NotStarted: c=NotStarted"},
				{see: seen{"s/b": PhaseNeverStarted}, want: "Stopped | s Stopped: a=NotStarted b=NotStarted | u NotStarted: c=NotStarted"},
			},
		},
		{
			// "AlreadyExists means that it really started: it is an action in progress like any other."
			name: "a fence finds a Job: wait lets it finish",
			steps: []step{
				opened,
				{ask: waits, want: "InProgress | s InProgress: a=open b=open | u NotStarted: c=NotStarted"},
				{see: seen{"s/a": PhaseNeverStarted, "s/b": PhaseRunning}, want: "Stopping | s Stopping: a=NotStarted b=InProgress | u NotStarted: c=NotStarted"},
				{see: seen{"s/b": PhaseSucceeded}, want: "Stopped | s Stopped: a=NotStarted b=Succeeded | u NotStarted: c=NotStarted"},
			},
		},
		{
			name: "a fence finds a Job: abandon abandons it",
			steps: []step{
				opened,
				{ask: abandons, want: "InProgress | s InProgress: a=open b=open | u NotStarted: c=NotStarted"},
				{see: seen{"s/a": PhaseNeverStarted, "s/b": PhaseRunning}, want: "Stopping | s Stopping: a=NotStarted b=ending | u NotStarted: c=NotStarted"},
			},
		},
		{
			name: "a fence finds Jobs that have ended",
			steps: []step{
				opened,
				{ask: abandons, want: "InProgress | s InProgress: a=open b=open | u NotStarted: c=NotStarted"},
				{see: seen{"s/a": PhaseSucceeded, "s/b": PhaseFailed}, want: "Stopped | s Stopped: a=Succeeded b=Failed | u NotStarted: c=NotStarted"},
			},
		},
		{
			name: "an abandon while fencing abandons what is known to have started",
			steps: []step{
				opened,
				{ask: abandons, see: seen{"s/a": PhaseRunning}, want: "InProgress | s InProgress: a=ending b=open | u NotStarted: c=NotStarted"},
				{see: seen{"s/b": PhaseNeverStarted}, want: "Stopping | s Stopping: a=ending b=NotStarted | u NotStarted: c=NotStarted"},
				{see: seen{"s/a": PhaseEnded}, want: "Stopped | s Stopped: a=Abandoned b=NotStarted | u NotStarted: c=NotStarted"},
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { play(t, twoThenOne(), tt.steps...) })
	}
}

// "Everything succeeds while Stopping, the last action of the last stage too: Stopped."
func TestEverythingSucceedsWhileStopping(t *testing.T) {
	play(t, pipeline(stage("s", action("a", 1))),
		step{want: "InProgress | s InProgress: a=open"},
		step{ask: waits, see: seen{"s/a": PhaseRunning}, want: "Stopping | s Stopping: a=InProgress"},
		step{see: seen{"s/a": PhaseSucceeded}, want: "Stopped | s Stopped: a=Succeeded"},
	)
}

// A stage that has Succeeded stays so; the stop is that of the stage that the execution is in.
func TestStopInASecondStage(t *testing.T) {
	play(t, twoThenOne(), opened,
		step{see: seen{"s/a": PhaseSucceeded, "s/b": PhaseSucceeded}, want: "InProgress | s Succeeded: a=Succeeded b=Succeeded | u InProgress: c=open"},
		step{ask: abandons, see: seen{"u/c": PhaseRunning}, want: "Stopping | s Succeeded: a=Succeeded b=Succeeded | u Stopping: c=ending"},
		step{see: seen{"u/c": PhaseEnded}, want: "Stopped | s Succeeded: a=Succeeded b=Succeeded | u Stopped: c=Abandoned"},
	)
}

// "An execution that waits to enter a stage can be stopped; it never enters."
func TestStopWhileWaitingForThePipeline(t *testing.T) {
	for name, ask := range map[string][]v1alpha1.StopRequest{"wait": waits, "abandon": abandons} {
		t.Run(name, func(t *testing.T) {
			e := play(t, nil, step{want: "InProgress"}, step{ask: ask, want: "Stopped"})
			if e.Status.Stages != nil || e.Status.StartTime != nil || e.Status.CompletionTime == nil {
				t.Errorf("stages %v, started %v, completed %v", e.Status.Stages, e.Status.StartTime, e.Status.CompletionTime)
			}
			// The Pipeline that comes too late changes nothing.
			got := next(t, Input{Execution: e, Pipeline: twoThenOne(), Revision: revision, Now: at(9)})
			if diff := cmp.Diff(e.Status, got); diff != "" {
				t.Errorf("a final status changed (-before +after):\n%s", diff)
			}
		})
	}
}

// A stop that is there before the first look: nothing ever starts.
func TestStopBeforeTheFirstStep(t *testing.T) {
	play(t, twoThenOne(), step{ask: waits, want: "Stopped | s NotStarted: a=NotStarted b=NotStarted | u NotStarted: c=NotStarted"})
}

// onStop: Abandon is "for work that is not worth waiting for".
func TestOnStopAbandonUnderAWait(t *testing.T) {
	p := pipeline(stage("s", onStopAbandon(action("soak", 1)), action("b", 1)))
	e := play(t, p,
		step{want: "InProgress | s InProgress: soak=open b=open"},
		step{see: seen{"s/soak": PhaseRunning, "s/b": PhaseRunning}, want: "InProgress | s InProgress: soak=InProgress b=InProgress"},
		step{ask: waits, want: "Stopping | s Stopping: soak=ending b=InProgress"},
		step{see: seen{"s/soak": PhaseEnded}, want: "Stopping | s Stopping: soak=Abandoned b=InProgress"},
		step{see: seen{"s/b": PhaseSucceeded}, want: "Stopped | s Stopped: soak=Abandoned b=Succeeded"},
	)
	if e.Status.Stop.Mode != v1alpha1.StopModeWait {
		t.Errorf("the mode of the stop is %s: onStop must not escalate it", e.Status.Stop.Mode)
	}
}

// Without its revision nobody knows of an onStop: Abandon, and finishing is the default.
func TestStopWithTheRevisionLost(t *testing.T) {
	e := play(t, pipeline(stage("s", onStopAbandon(action("a", 1)))),
		step{want: "InProgress | s InProgress: a=open"},
		step{see: seen{"s/a": PhaseRunning}, want: "InProgress | s InProgress: a=InProgress"},
	)
	e.Status = next(t, Input{Execution: e, Requests: waits, Now: at(3)})
	if got, want := show(&e.Status), "Stopping | s Stopping: a=InProgress"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	e.Status = next(t, Input{Execution: e, Requests: abandons, Now: at(4)})
	if got, want := show(&e.Status), "Stopping | s Stopping: a=ending"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Why a retry was held up is no news of an action that was abandoned since.
func TestAbandonClearsTheOldMessage(t *testing.T) {
	e := play(t, pipeline(stage("s", action("a", 1))),
		step{want: "InProgress | s InProgress: a=open"},
		step{see: seen{"s/a": PhaseRunning}, want: "InProgress | s InProgress: a=InProgress"},
	)
	held := map[ActionKey]Observation{{"s", "a"}: {Phase: PhaseRunning, UID: "job-of-s/a", Message: "suspended by another"}}
	e.Status = next(t, Input{Execution: e, Observed: held, Now: at(3)})
	if got := e.Status.Stages[0].Actions[0].Message; got != "suspended by another" {
		t.Fatalf("message is %q", got)
	}
	e.Status = next(t, Input{Execution: e, Requests: abandons, Now: at(4)})
	if a := e.Status.Stages[0].Actions[0]; a.Message != "" || a.Reason != "" {
		t.Errorf("reason %q, message %q", a.Reason, a.Message)
	}
}

// "While Stopping, status says what is being waited for, and a stop that cannot finish says why."
func TestWaitingFor(t *testing.T) {
	p := pipeline(stage("s", action("a", 1), action("b", 1), onStopAbandon(action("c", 1)), action("d", 1)))
	e := play(t, p,
		step{want: "InProgress | s InProgress: a=open b=open c=open d=open"},
		step{
			see:  seen{"s/a": PhaseRunning, "s/c": PhaseRunning, "s/d": PhaseSucceeded},
			want: "InProgress | s InProgress: a=InProgress b=open c=InProgress d=Succeeded",
		},
		step{ask: waits, want: "InProgress | s InProgress: a=InProgress b=open c=ending d=Succeeded"},
	)
	job := func(name string) string { return WorkloadName(e, ActionKey{"s", name}, 1) }
	want := []v1alpha1.PendingAction{
		{Stage: "s", Action: "a", Workload: v1alpha1.WorkloadReference{Name: job("a")}, Message: `Job "` + job("a") + `" has to finish.`},
		{Stage: "s", Action: "b", Workload: v1alpha1.WorkloadReference{Name: job("b")}, Message: `Making sure that Job "` + job("b") + `" does not start.`},
		{Stage: "s", Action: "c", Workload: v1alpha1.WorkloadReference{Name: job("c")}, Message: `The pods of Job "` + job("c") + `" have to end.`},
	}
	if diff := cmp.Diff(want, e.Status.Stop.WaitingFor); diff != "" {
		t.Errorf("waitingFor (-want +got):\n%s", diff)
	}

	cannot := map[ActionKey]Observation{{"s", "c"}: {Phase: PhaseRunning, Message: "node n1 does not answer"}, {"s", "b"}: {Phase: PhaseNeverStarted}}
	e.Status = next(t, Input{Execution: e, Pipeline: p, Observed: cannot, Now: at(4)})
	want = []v1alpha1.PendingAction{want[0], {Stage: "s", Action: "c", Workload: v1alpha1.WorkloadReference{Name: job("c")}, Message: "node n1 does not answer"}}
	if diff := cmp.Diff(want, e.Status.Stop.WaitingFor); diff != "" {
		t.Errorf("waitingFor with a message (-want +got):\n%s", diff)
	}

	e.Status = next(t, Input{Execution: e, Pipeline: p, Observed: seen{"s/a": PhaseSucceeded, "s/c": PhaseEnded}.observed(), Now: at(5)})
	if e.Status.State != v1alpha1.ExecutionStopped || e.Status.Stop.WaitingFor != nil {
		t.Errorf("%s waits for %+v", e.Status.State, e.Status.Stop.WaitingFor)
	}
}

// The list in the status is bounded by the schema, whatever a status holds.
func TestWaitingForIsBounded(t *testing.T) {
	e := execution()
	e.Status.PipelineRevision = revision
	e.Status.Stages = []v1alpha1.StageStatus{{Name: "s", State: v1alpha1.StageInProgress, Actions: make([]v1alpha1.ActionStatus, 60)}}
	for i := range e.Status.Stages[0].Actions {
		e.Status.Stages[0].Actions[i] = v1alpha1.ActionStatus{Name: "a", State: v1alpha1.ActionInProgress, Workload: v1alpha1.WorkloadReference{UID: "j"}}
	}
	got := next(t, Input{Execution: e, Requests: waits, Now: at(1)})
	if n := len(got.Stop.WaitingFor); n != 50 {
		t.Errorf("waits for %d, want 50", n)
	}
}

// The API server knows nothing of a rule that a stop comes with the state Stopping: an old backup or a person with
// rights on the status can write one without the other. It must neither panic nor start anything.
func TestStoppingWithoutAStop(t *testing.T) {
	states := map[string]v1alpha1.PipelineExecutionStatus{
		"no stages": {State: v1alpha1.ExecutionStopping},
		"next group": {
			State: v1alpha1.ExecutionStopping, PipelineRevision: revision,
			Stages: []v1alpha1.StageStatus{{Name: "s", State: v1alpha1.StageNotStarted, Actions: []v1alpha1.ActionStatus{{Name: "a", State: v1alpha1.ActionNotStarted}}}},
		},
	}
	for name, status := range states {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if p := recover(); p != nil {
					t.Errorf("Next panicked: %v", p)
				}
			}()
			e := execution()
			e.Status = status
			got := next(t, Input{Execution: e, Pipeline: pipeline(stage("s", action("a", 1))), Now: at(1)})
			if anyAction(&got, isActive) {
				t.Errorf("an action was started in state %s", got.State)
			}
		})
	}
}
