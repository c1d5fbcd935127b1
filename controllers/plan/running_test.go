// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/utils/ptr"

	"haltline.dev/haltline/api/v1alpha1"
)

// Executions that nobody stops.
func TestRun(t *testing.T) {
	twoStages := pipeline(stage("build", action("a", 1)), stage("ship", action("b", 1)))
	tests := []struct {
		name     string
		pipeline *v1alpha1.PipelineSpec
		steps    []step
	}{
		{
			name: "the intent first, then the jobUID, then the next stage, then Succeeded", pipeline: twoStages,
			steps: []step{
				{want: "InProgress | build InProgress: a=open | ship NotStarted: b=NotStarted"},
				{see: seen{"build/a": PhaseRunning}, want: "InProgress | build InProgress: a=InProgress | ship NotStarted: b=NotStarted"},
				// "The status write that records a finished group also records the next group's actions as InProgress".
				{see: seen{"build/a": PhaseSucceeded}, want: "InProgress | build Succeeded: a=Succeeded | ship InProgress: b=open"},
				{see: seen{"ship/b": PhaseRunning}, want: "InProgress | build Succeeded: a=Succeeded | ship InProgress: b=InProgress"},
				{see: seen{"ship/b": PhaseSucceeded}, want: "Succeeded | build Succeeded: a=Succeeded | ship Succeeded: b=Succeeded"},
			},
		},
		{
			name: "a Job that ended before it was first seen", pipeline: twoStages,
			steps: []step{
				{want: "InProgress | build InProgress: a=open | ship NotStarted: b=NotStarted"},
				{see: seen{"build/a": PhaseSucceeded}, want: "InProgress | build Succeeded: a=Succeeded | ship InProgress: b=open"},
			},
		},
		{
			// "runOrder 1–999, default 1, gaps allowed. Equal values in a stage run in parallel; a smaller one goes first."
			name:     "runOrder: declared out of order, with a gap, equal ones in parallel, zero is one",
			pipeline: pipeline(stage("s", action("z", 999), action("b", 7), action("x", 1), action("c", 7), action("y", 0))),
			steps: []step{
				{want: "InProgress | s InProgress: z=NotStarted b=NotStarted x=open c=NotStarted y=open"},
				{see: seen{"s/x": PhaseSucceeded}, want: "InProgress | s InProgress: z=NotStarted b=NotStarted x=Succeeded c=NotStarted y=open"},
				{see: seen{"s/y": PhaseSucceeded}, want: "InProgress | s InProgress: z=NotStarted b=open x=Succeeded c=open y=Succeeded"},
				{see: seen{"s/b": PhaseSucceeded, "s/c": PhaseRunning}, want: "InProgress | s InProgress: z=NotStarted b=Succeeded x=Succeeded c=InProgress y=Succeeded"},
				{see: seen{"s/c": PhaseSucceeded}, want: "InProgress | s InProgress: z=open b=Succeeded x=Succeeded c=Succeeded y=Succeeded"},
				{see: seen{"s/z": PhaseSucceeded}, want: "Succeeded | s Succeeded: z=Succeeded b=Succeeded x=Succeeded c=Succeeded y=Succeeded"},
			},
		},
		{
			// "A failed action blocks the next group and the next stage; its running siblings finish."
			name:     "one fails, its sibling finishes, then Failed",
			pipeline: pipeline(stage("s", action("a", 1), action("b", 1), action("c", 2)), stage("u", action("d", 1))),
			steps: []step{
				{want: "InProgress | s InProgress: a=open b=open c=NotStarted | u NotStarted: d=NotStarted"},
				{see: seen{"s/a": PhaseFailed, "s/b": PhaseRunning}, want: "InProgress | s InProgress: a=Failed b=InProgress c=NotStarted | u NotStarted: d=NotStarted"},
				{see: seen{"s/b": PhaseSucceeded}, want: "Failed | s Failed: a=Failed b=Succeeded c=NotStarted | u NotStarted: d=NotStarted"},
			},
		},
		{
			name: "a start that is blocked, then goes on", pipeline: pipeline(stage("s", action("a", 1))),
			steps: []step{
				{want: "InProgress | s InProgress: a=open"},
				{see: seen{"s/a": PhaseBlocked}, want: "InProgress | s InProgress: a=open"},
				{see: seen{"s/a": PhaseRunning}, want: "InProgress | s InProgress: a=InProgress"},
			},
		},
		{
			name: "actions of one name in two stages are two", pipeline: pipeline(stage("s", action("a", 1)), stage("u", action("a", 1))),
			steps: []step{
				{want: "InProgress | s InProgress: a=open | u NotStarted: a=NotStarted"},
				{see: seen{"s/a": PhaseSucceeded}, want: "InProgress | s Succeeded: a=Succeeded | u InProgress: a=open"},
			},
		},
		{
			name: "what is seen of an action that has not started, has ended or is unknown counts for nothing", pipeline: twoStages,
			steps: []step{
				{see: seen{"ship/b": PhaseFailed, "no/such": PhaseFailed}, want: "InProgress | build InProgress: a=open | ship NotStarted: b=NotStarted"},
				{see: seen{"build/a": PhaseSucceeded}, want: "InProgress | build Succeeded: a=Succeeded | ship InProgress: b=open"},
				{see: seen{"build/a": PhaseFailed}, want: "InProgress | build Succeeded: a=Succeeded | ship InProgress: b=open"},
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { play(t, tt.pipeline, tt.steps...) })
	}
}

// An execution whose Pipeline is not there yet waits for it, and says so.
func TestWaitsForPipeline(t *testing.T) {
	e := play(t, nil, step{want: "InProgress"})
	if diff := cmp.Diff(map[string]string{"Ready": "False/WaitingForPipeline", "Reconciling": "True/WaitingForPipeline"}, summary(&e.Status)); diff != "" {
		t.Errorf("conditions (-want +got):\n%s", diff)
	}
	contains(t, message(t, &e.Status), "spec.pipelineName: ", `"deploy"`)
	if tasks := Operations(&e.Status, nil); tasks != nil {
		t.Errorf("there is nothing to do yet, got %+v", tasks)
	}

	// A Pipeline without its revision is not pinned, and a revision without its Pipeline cannot be run.
	p := pipeline(stage("s", action("a", 1)))
	for name, in := range map[string]Input{"unpinned": {Pipeline: p}, "undefined": {Revision: revision}} {
		in.Execution, in.Now = e, at(2)
		if got := next(t, in); got.PipelineRevision != "" || len(got.Stages) != 0 {
			t.Errorf("%s: revision %q and %d stages, want to wait", name, got.PipelineRevision, len(got.Stages))
		}
	}
	e.Status = next(t, Input{Execution: e, Pipeline: p, Revision: revision, Now: at(3)})
	if got, want := show(&e.Status), "InProgress | s InProgress: a=open"; got != want || e.Status.PipelineRevision != revision {
		t.Errorf("got %q of revision %q, want %q", got, e.Status.PipelineRevision, want)
	}
}

// What keeps its Pipeline from being pinned is said in its stead.
func TestHeldFromItsPipeline(t *testing.T) {
	p := pipeline(stage("s", action("a", 1)))
	tests := []struct {
		name   string
		in     Input
		reason string
		says   string
	}{
		{"refused", Input{PinBlocked: "Trying again: forbidden by a policy"}, v1alpha1.ReasonStartBlocked, "forbidden by a policy"},
		{"not there", Input{}, v1alpha1.ReasonWaitingForPipeline, `"deploy"`},
		{"not refused any more", Input{Pipeline: p, Revision: revision}, string(v1alpha1.ExecutionInProgress), `Running stage "s".`},
		{"refused, and stopped", Input{PinBlocked: "Trying again: forbidden by a policy", Requests: waits}, string(v1alpha1.ExecutionStopped), `StopRequest "w"`},
		{"long", Input{PinBlocked: strings.Repeat("停", 2000)}, v1alpha1.ReasonStartBlocked, "停…"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := play(t, nil, step{want: "InProgress"})
			tt.in.Execution, tt.in.Now = e, at(2)
			got := next(t, tt.in)
			if ready := meta.FindStatusCondition(got.Conditions, v1alpha1.ConditionReady); ready.Reason != tt.reason {
				t.Errorf("reason %q, want %q", ready.Reason, tt.reason)
			}
			contains(t, message(t, &got), tt.says)
		})
	}
	// What it was held by is no news once it runs.
	e := play(t, p, step{want: "InProgress | s InProgress: a=open"})
	got := next(t, Input{Execution: e, PinBlocked: "of before", Now: at(2)})
	if strings.Contains(message(t, &got), "of before") {
		t.Errorf("it runs, and reads %q", message(t, &got))
	}
}

// Of an execution that is being deleted nothing more is started; what runs is followed, and can be stopped.
func TestAnExecutionThatIsBeingDeleted(t *testing.T) {
	two := pipeline(stage("s", action("a", 1), action("b", 1)), stage("u", action("c", 1)))
	open := step{want: "InProgress | s InProgress: a=open b=open | u NotStarted: c=NotStarted"}
	run := step{see: seen{"s/a": PhaseRunning, "s/b": PhaseRunning}, want: "InProgress | s InProgress: a=InProgress b=InProgress | u NotStarted: c=NotStarted"}
	soon := request("soon", false)
	soon.Spec.EscalateAfterSeconds = ptr.To[int64](5)
	tests := []struct {
		name   string
		before []step
		// since is what happens after the deletion.
		since []step
	}{
		{"before it started", nil, []step{{want: "InProgress"}, {ask: waits, want: "Stopped"}}},
		{"a group ends", []step{open, run}, []step{
			{see: seen{"s/a": PhaseSucceeded, "s/b": PhaseSucceeded}, want: "InProgress | s Succeeded: a=Succeeded b=Succeeded | u NotStarted: c=NotStarted"},
			{ask: waits, want: "Stopped | s Succeeded: a=Succeeded b=Succeeded | u NotStarted: c=NotStarted"},
		}},
		{"a stop and wait", []step{open, run}, []step{
			{ask: waits, want: "Stopping | s Stopping: a=InProgress b=InProgress | u NotStarted: c=NotStarted"},
			{see: seen{"s/a": PhaseSucceeded, "s/b": PhaseFailed}, want: "Stopped | s Stopped: a=Succeeded b=Failed | u NotStarted: c=NotStarted"},
		}},
		{"a stop and abandon, with open intents", []step{open}, []step{
			{ask: abandons, want: open.want},
			{
				see:  seen{"s/a": PhaseNeverStarted, "s/b": PhaseRunning},
				want: "Stopping | s Stopping: a=NotStarted b=ending | u NotStarted: c=NotStarted",
			},
			{see: seen{"s/b": PhaseEnded}, want: "Stopped | s Stopped: a=NotStarted b=Abandoned | u NotStarted: c=NotStarted"},
		}},
		{"a stop that escalates", []step{open, run}, []step{
			{ask: []v1alpha1.StopRequest{soon}, want: "Stopping | s Stopping: a=InProgress b=InProgress | u NotStarted: c=NotStarted"},
			{want: "Stopping | s Stopping: a=ending b=ending | u NotStarted: c=NotStarted"},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := execution()
			if len(tt.before) > 0 {
				e = play(t, two, tt.before...)
			}
			e.DeletionTimestamp, e.Finalizers = ptr.To(at(9)), []string{"example.com/hold"}
			for i, s := range tt.since {
				in := Input{Execution: e, Observed: s.see.observed(), Requests: s.ask, Now: at(10 * (i + 1))}
				if e.Status.PipelineRevision != "" {
					in.Pipeline = two
				}
				e.Status = next(t, in)
				if diff := cmp.Diff(s.want, show(&e.Status)); diff != "" {
					t.Fatalf("step %d (-want +got):\n%s", i+1, diff)
				}
			}
		})
	}
}

// A newer revision never replaces the one that an execution runs.
func TestRevisionIsPinned(t *testing.T) {
	e := play(t, pipeline(stage("s", action("a", 1))), step{want: "InProgress | s InProgress: a=open"})
	e.Status = next(t, Input{Execution: e, Pipeline: pipeline(stage("other", action("b", 1))), Revision: "deploy-2", Now: at(9)})
	if got := show(&e.Status); got != "InProgress | s InProgress: a=open" || e.Status.PipelineRevision != revision {
		t.Errorf("got %q of revision %q", got, e.Status.PipelineRevision)
	}
}

// What a person, and a restarted operator, read from an intent and from its end.
func TestTimesAndNames(t *testing.T) {
	p := pipeline(stage("s", action("a", 1)), stage("u", action("b", 1)))
	e := play(t, p,
		step{want: "InProgress | s InProgress: a=open | u NotStarted: b=NotStarted"},
		step{see: seen{"s/a": PhaseRunning}, want: "InProgress | s InProgress: a=InProgress | u NotStarted: b=NotStarted"},
		step{see: seen{"s/a": PhaseSucceeded}, want: "InProgress | s Succeeded: a=Succeeded | u InProgress: b=open"},
		// What is seen once more of an action that has ended changes nothing of it.
		step{see: seen{"s/a": PhaseFailed, "u/b": PhaseFailed}, want: "Failed | s Succeeded: a=Succeeded | u Failed: b=Failed"},
	)
	first, third, fourth := at(1), at(3), at(4)
	s := e.Status
	s.Conditions = nil
	want := v1alpha1.PipelineExecutionStatus{
		ObservedGeneration: 1, State: v1alpha1.ExecutionFailed, PipelineRevision: revision, CurrentStage: "u",
		StartTime: &first, CompletionTime: &fourth,
		Stages: []v1alpha1.StageStatus{
			{Name: "s", State: v1alpha1.StageSucceeded, Actions: []v1alpha1.ActionStatus{{
				Name: "a", State: v1alpha1.ActionSucceeded, RunOrder: 1, Workload: v1alpha1.WorkloadReference{Name: WorkloadName(e, ActionKey{"s", "a"}, 1), UID: "job-of-s/a"},
				StartTime: &first, CompletionTime: &third,
			}}},
			{Name: "u", State: v1alpha1.StageFailed, Actions: []v1alpha1.ActionStatus{{
				Name: "b", State: v1alpha1.ActionFailed, RunOrder: 1, Workload: v1alpha1.WorkloadReference{Name: WorkloadName(e, ActionKey{"u", "b"}, 1), UID: "job-of-u/b"},
				StartTime: &third, CompletionTime: &fourth,
				Reason: "BackoffLimitExceeded", Message: "Job has reached the specified backoff limit",
			}}},
		},
	}
	if diff := cmp.Diff(want, s); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
}

// An execution that cannot be run fails before anything of it starts.
func TestProblemBeforeStart(t *testing.T) {
	in := Input{
		Execution: execution(), Pipeline: pipeline(stage("s", action("a", 1))), Revision: revision,
		Problem: &Problem{Reason: v1alpha1.ReasonInvalidVariables, Message: "spec.variables: REGION must be set"}, Now: at(1),
	}
	got := next(t, in)
	if want := "Failed | s NotStarted: a=NotStarted"; show(&got) != want {
		t.Errorf("got %q, want %q", show(&got), want)
	}
	contains(t, message(t, &got), "spec.variables: REGION must be set")
	if c := summary(&got)["Stalled"]; c != "True/InvalidVariables" {
		t.Errorf("Stalled is %q", c)
	}
}

// Without its revision nothing more can be started, but what runs is let finish.
func TestRevisionLost(t *testing.T) {
	running := "InProgress | s InProgress: a=InProgress | u NotStarted: b=NotStarted"
	e := play(t, pipeline(stage("s", action("a", 1)), stage("u", action("b", 1))),
		step{want: "InProgress | s InProgress: a=open | u NotStarted: b=NotStarted"},
		step{see: seen{"s/a": PhaseRunning}, want: running},
	)
	e.Status = next(t, Input{Execution: e, Observed: seen{"s/a": PhaseRunning}.observed(), Now: at(3)})
	if got := show(&e.Status); got != running {
		t.Errorf("got %q, want %q", got, running)
	}
	e.Status = next(t, Input{Execution: e, Observed: seen{"s/a": PhaseSucceeded}.observed(), Now: at(4)})
	if got, want := show(&e.Status), "Failed | s Succeeded: a=Succeeded | u NotStarted: b=NotStarted"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	contains(t, message(t, &e.Status), `"`+revision+`"`)
	if c := summary(&e.Status)["Stalled"]; c != "True/RevisionLost" {
		t.Errorf("Stalled is %q", c)
	}
}
