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
	twoStages := makeDefinition(makeStage("build", makeAction("a", 1)), makeStage("ship", makeAction("b", 1)))
	tests := []struct {
		name       string
		definition *v1alpha1.PipelineDefinition
		steps      []step
	}{
		{
			name: "the intent first, then its confirmation, then the next stage, then Succeeded", definition: twoStages,
			steps: []step{
				{want: "InProgress | build InProgress: a=unconfirmed | ship NotStarted: b=NotStarted"},
				{observed: phases{"build/a": PhaseRunning}, want: "InProgress | build InProgress: a=InProgress | ship NotStarted: b=NotStarted"},
				// The write that records the end of a group also records the intents of the next one.
				{observed: phases{"build/a": PhaseSucceeded}, want: "InProgress | build Succeeded: a=Succeeded | ship InProgress: b=unconfirmed"},
				{observed: phases{"ship/b": PhaseRunning}, want: "InProgress | build Succeeded: a=Succeeded | ship InProgress: b=InProgress"},
				{observed: phases{"ship/b": PhaseSucceeded}, want: "Succeeded | build Succeeded: a=Succeeded | ship Succeeded: b=Succeeded"},
			},
		},
		{
			name: "a Job that ended before it was first seen", definition: twoStages,
			steps: []step{
				{want: "InProgress | build InProgress: a=unconfirmed | ship NotStarted: b=NotStarted"},
				{observed: phases{"build/a": PhaseSucceeded}, want: "InProgress | build Succeeded: a=Succeeded | ship InProgress: b=unconfirmed"},
			},
		},
		{
			// "Stages in order, actions by runOrder, equal ones in parallel".
			name:       "runOrder: declared out of order, with a gap, equal ones in parallel, zero is one",
			definition: makeDefinition(makeStage("s", makeAction("z", 999), makeAction("b", 7), makeAction("x", 1), makeAction("c", 7), makeAction("y", 0))),
			steps: []step{
				{want: "InProgress | s InProgress: z=NotStarted b=NotStarted x=unconfirmed c=NotStarted y=unconfirmed"},
				{observed: phases{"s/x": PhaseSucceeded}, want: "InProgress | s InProgress: z=NotStarted b=NotStarted x=Succeeded c=NotStarted y=unconfirmed"},
				{observed: phases{"s/y": PhaseSucceeded}, want: "InProgress | s InProgress: z=NotStarted b=unconfirmed x=Succeeded c=unconfirmed y=Succeeded"},
				{observed: phases{"s/b": PhaseSucceeded, "s/c": PhaseRunning}, want: "InProgress | s InProgress: z=NotStarted b=Succeeded x=Succeeded c=InProgress y=Succeeded"},
				{observed: phases{"s/c": PhaseSucceeded}, want: "InProgress | s InProgress: z=unconfirmed b=Succeeded x=Succeeded c=Succeeded y=Succeeded"},
				{observed: phases{"s/z": PhaseSucceeded}, want: "Succeeded | s Succeeded: z=Succeeded b=Succeeded x=Succeeded c=Succeeded y=Succeeded"},
			},
		},
		{
			// "A failed action: its siblings finish, then Failed".
			name:       "one fails, its sibling finishes, then Failed",
			definition: makeDefinition(makeStage("s", makeAction("a", 1), makeAction("b", 1), makeAction("c", 2)), makeStage("u", makeAction("d", 1))),
			steps: []step{
				{want: "InProgress | s InProgress: a=unconfirmed b=unconfirmed c=NotStarted | u NotStarted: d=NotStarted"},
				{observed: phases{"s/a": PhaseFailed, "s/b": PhaseRunning}, want: "InProgress | s InProgress: a=Failed b=InProgress c=NotStarted | u NotStarted: d=NotStarted"},
				{observed: phases{"s/b": PhaseSucceeded}, want: "Failed | s Failed: a=Failed b=Succeeded c=NotStarted | u NotStarted: d=NotStarted"},
			},
		},
		{
			name: "a start that is blocked, then goes on", definition: makeDefinition(makeStage("s", makeAction("a", 1))),
			steps: []step{
				{want: "InProgress | s InProgress: a=unconfirmed"},
				{observed: phases{"s/a": PhaseBlocked}, want: "InProgress | s InProgress: a=unconfirmed"},
				{observed: phases{"s/a": PhaseRunning}, want: "InProgress | s InProgress: a=InProgress"},
			},
		},
		{
			name: "actions of one name in two stages are two", definition: makeDefinition(makeStage("s", makeAction("a", 1)), makeStage("u", makeAction("a", 1))),
			steps: []step{
				{want: "InProgress | s InProgress: a=unconfirmed | u NotStarted: a=NotStarted"},
				{observed: phases{"s/a": PhaseSucceeded}, want: "InProgress | s Succeeded: a=Succeeded | u InProgress: a=unconfirmed"},
			},
		},
		{
			name: "what is observed of an action that has not started, has ended or is unknown does not count", definition: twoStages,
			steps: []step{
				{observed: phases{"ship/b": PhaseFailed, "no/such": PhaseFailed}, want: "InProgress | build InProgress: a=unconfirmed | ship NotStarted: b=NotStarted"},
				{observed: phases{"build/a": PhaseSucceeded}, want: "InProgress | build Succeeded: a=Succeeded | ship InProgress: b=unconfirmed"},
				{observed: phases{"build/a": PhaseFailed}, want: "InProgress | build Succeeded: a=Succeeded | ship InProgress: b=unconfirmed"},
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { runSteps(t, tt.definition, tt.steps...) })
	}
}

// An execution whose Pipeline is not there yet waits for it, and its conditions show that.
func TestWaitsForPipeline(t *testing.T) {
	execution := runSteps(t, nil, step{want: "InProgress"})
	if diff := cmp.Diff(map[string]string{"Ready": "False/WaitingForPipeline", "Reconciling": "True/WaitingForPipeline"}, summarizeConditions(&execution.Status)); diff != "" {
		t.Errorf("conditions (-want +got):\n%s", diff)
	}
	checkContains(t, sharedMessage(t, &execution.Status), "spec.pipelineName: ", `"deploy"`)
	if operations := Operations(&execution.Status, nil); operations != nil {
		t.Errorf("there is nothing to do yet, got %+v", operations)
	}

	// A Pipeline without its revision is not pinned, and a revision without its Pipeline cannot be run.
	definition := makeDefinition(makeStage("s", makeAction("a", 1)))
	for name, in := range map[string]Input{"unpinned": {Definition: definition}, "undefined": {Revision: revisionName}} {
		in.Execution, in.Now = execution, at(2)
		if got := nextStatus(t, in); got.PipelineRevision != "" || len(got.Stages) != 0 {
			t.Errorf("%s: revision %q and %d stages, want to wait", name, got.PipelineRevision, len(got.Stages))
		}
	}
	execution.Status = nextStatus(t, Input{Execution: execution, Definition: definition, Revision: revisionName, Now: at(3)})
	if got, want := summarizeStates(&execution.Status), "InProgress | s InProgress: a=unconfirmed"; got != want || execution.Status.PipelineRevision != revisionName {
		t.Errorf("got %q of revision %q, want %q", got, execution.Status.PipelineRevision, want)
	}
}

// If something keeps the definition from being pinned, the conditions show that instead.
func TestHeldFromItsPipeline(t *testing.T) {
	definition := makeDefinition(makeStage("s", makeAction("a", 1)))
	tests := []struct {
		name   string
		in     Input
		reason string
		parts  string
	}{
		{"refused", Input{PinBlocked: "Trying again: forbidden by a policy"}, v1alpha1.ReasonStartBlocked, "forbidden by a policy"},
		{"not there", Input{}, v1alpha1.ReasonWaitingForPipeline, `"deploy"`},
		{"not refused any more", Input{Definition: definition, Revision: revisionName}, string(v1alpha1.ExecutionInProgress), `Running stage "s".`},
		{"refused, and stopped", Input{PinBlocked: "Trying again: forbidden by a policy", Requests: waitRequests}, string(v1alpha1.ExecutionStopped), `StopRequest "w"`},
		{"long", Input{PinBlocked: strings.Repeat("停", 2000)}, v1alpha1.ReasonStartBlocked, "停…"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			execution := runSteps(t, nil, step{want: "InProgress"})
			tt.in.Execution, tt.in.Now = execution, at(2)
			got := nextStatus(t, tt.in)
			if ready := meta.FindStatusCondition(got.Conditions, v1alpha1.ConditionReady); ready.Reason != tt.reason {
				t.Errorf("reason %q, want %q", ready.Reason, tt.reason)
			}
			checkContains(t, sharedMessage(t, &got), tt.parts)
		})
	}
	// Once it runs, that is not shown any more.
	execution := runSteps(t, definition, step{want: "InProgress | s InProgress: a=unconfirmed"})
	got := nextStatus(t, Input{Execution: execution, PinBlocked: "an old refusal", Now: at(2)})
	if strings.Contains(sharedMessage(t, &got), "an old refusal") {
		t.Errorf("it runs, and reads %q", sharedMessage(t, &got))
	}
}

// Of an execution that is being deleted nothing more is started. What runs is observed, and can be stopped.
func TestAnExecutionThatIsBeingDeleted(t *testing.T) {
	two := makeDefinition(makeStage("s", makeAction("a", 1), makeAction("b", 1)), makeStage("u", makeAction("c", 1)))
	unconfirmed := step{want: "InProgress | s InProgress: a=unconfirmed b=unconfirmed | u NotStarted: c=NotStarted"}
	run := step{observed: phases{"s/a": PhaseRunning, "s/b": PhaseRunning}, want: "InProgress | s InProgress: a=InProgress b=InProgress | u NotStarted: c=NotStarted"}
	soon := makeRequest("soon", false)
	soon.Spec.EscalateAfterSeconds = ptr.To[int64](5)
	tests := []struct {
		name   string
		before []step
		// since is what happens after the deletion.
		since []step
	}{
		{"before it started", nil, []step{{want: "InProgress"}, {requests: waitRequests, want: "Stopped"}}},
		{"a group ends", []step{unconfirmed, run}, []step{
			{observed: phases{"s/a": PhaseSucceeded, "s/b": PhaseSucceeded}, want: "InProgress | s Succeeded: a=Succeeded b=Succeeded | u NotStarted: c=NotStarted"},
			{requests: waitRequests, want: "Stopped | s Succeeded: a=Succeeded b=Succeeded | u NotStarted: c=NotStarted"},
		}},
		{"a stop and wait", []step{unconfirmed, run}, []step{
			{requests: waitRequests, want: "Stopping | s Stopping: a=InProgress b=InProgress | u NotStarted: c=NotStarted"},
			{observed: phases{"s/a": PhaseSucceeded, "s/b": PhaseFailed}, want: "Stopped | s Stopped: a=Succeeded b=Failed | u NotStarted: c=NotStarted"},
		}},
		{"a stop and abandon, with unconfirmed intents", []step{unconfirmed}, []step{
			{requests: abandonRequests, want: unconfirmed.want},
			{
				observed: phases{"s/a": PhaseNeverStarted, "s/b": PhaseRunning},
				want:     "Stopping | s Stopping: a=NotStarted b=ending | u NotStarted: c=NotStarted",
			},
			{observed: phases{"s/b": PhaseEnded}, want: "Stopped | s Stopped: a=NotStarted b=Abandoned | u NotStarted: c=NotStarted"},
		}},
		{"a stop that escalates", []step{unconfirmed, run}, []step{
			{requests: []v1alpha1.StopRequest{soon}, want: "Stopping | s Stopping: a=InProgress b=InProgress | u NotStarted: c=NotStarted"},
			{want: "Stopping | s Stopping: a=ending b=ending | u NotStarted: c=NotStarted"},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			execution := makeExecution()
			if len(tt.before) > 0 {
				execution = runSteps(t, two, tt.before...)
			}
			execution.DeletionTimestamp, execution.Finalizers = ptr.To(at(9)), []string{"example.com/hold"}
			for i, s := range tt.since {
				in := Input{Execution: execution, Observed: s.observed.observations(), Requests: s.requests, Now: at(10 * (i + 1))}
				if execution.Status.PipelineRevision != "" {
					in.Definition = two
				}
				execution.Status = nextStatus(t, in)
				if diff := cmp.Diff(s.want, summarizeStates(&execution.Status)); diff != "" {
					t.Fatalf("step %d (-want +got):\n%s", i+1, diff)
				}
			}
		})
	}
}

// A newer revision never replaces the one that an execution runs.
func TestRevisionIsPinned(t *testing.T) {
	execution := runSteps(t, makeDefinition(makeStage("s", makeAction("a", 1))), step{want: "InProgress | s InProgress: a=unconfirmed"})
	execution.Status = nextStatus(t, Input{Execution: execution, Definition: makeDefinition(makeStage("other", makeAction("b", 1))), Revision: "deploy-2", Now: at(9)})
	if got := summarizeStates(&execution.Status); got != "InProgress | s InProgress: a=unconfirmed" || execution.Status.PipelineRevision != revisionName {
		t.Errorf("got %q of revision %q", got, execution.Status.PipelineRevision)
	}
}

// The status holds all that a person, and an operator that starts anew, need to know of an action.
func TestTimesAndNames(t *testing.T) {
	definition := makeDefinition(makeStage("s", makeAction("a", 1)), makeStage("u", makeAction("b", 1)))
	execution := runSteps(t, definition,
		step{want: "InProgress | s InProgress: a=unconfirmed | u NotStarted: b=NotStarted"},
		step{observed: phases{"s/a": PhaseRunning}, want: "InProgress | s InProgress: a=InProgress | u NotStarted: b=NotStarted"},
		step{observed: phases{"s/a": PhaseSucceeded}, want: "InProgress | s Succeeded: a=Succeeded | u InProgress: b=unconfirmed"},
		// What is observed of an action that has ended changes nothing.
		step{observed: phases{"s/a": PhaseFailed, "u/b": PhaseFailed}, want: "Failed | s Succeeded: a=Succeeded | u Failed: b=Failed"},
	)
	first, third, fourth := at(1), at(3), at(4)
	s := execution.Status
	s.Conditions = nil
	want := v1alpha1.PipelineExecutionStatus{
		ObservedGeneration: 1, PipelineExecutionID: string(execution.UID), State: v1alpha1.ExecutionFailed,
		PipelineRevision: revisionName, CurrentStage: "u",
		StartTime: &first, CompletionTime: &fourth,
		Stages: []v1alpha1.StageStatus{
			{Name: "s", State: v1alpha1.StageSucceeded, Actions: []v1alpha1.ActionStatus{{
				Name: "a", State: v1alpha1.ActionSucceeded, RunOrder: 1, Attempt: 1, Workload: makeJob(execution, ActionKey{"s", "a"}, "job-of-s/a"),
				StartTime: &first, CompletionTime: &third,
			}}},
			{Name: "u", State: v1alpha1.StageFailed, Actions: []v1alpha1.ActionStatus{{
				Name: "b", State: v1alpha1.ActionFailed, RunOrder: 1, Attempt: 1, Workload: makeJob(execution, ActionKey{"u", "b"}, "job-of-u/b"),
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
		Execution: makeExecution(), Definition: makeDefinition(makeStage("s", makeAction("a", 1))), Revision: revisionName,
		Problem: &Problem{Reason: v1alpha1.ReasonInvalidVariables, Message: "spec.variables: REGION must be set"}, Now: at(1),
	}
	got := nextStatus(t, in)
	if want := "Failed | s NotStarted: a=NotStarted"; summarizeStates(&got) != want {
		t.Errorf("got %q, want %q", summarizeStates(&got), want)
	}
	checkContains(t, sharedMessage(t, &got), "spec.variables: REGION must be set")
	if c := summarizeConditions(&got)["Stalled"]; c != "True/InvalidVariables" {
		t.Errorf("Stalled is %q", c)
	}
}

// Without its revision nothing more can be started, but what runs can finish.
func TestRevisionLost(t *testing.T) {
	running := "InProgress | s InProgress: a=InProgress | u NotStarted: b=NotStarted"
	execution := runSteps(t, makeDefinition(makeStage("s", makeAction("a", 1)), makeStage("u", makeAction("b", 1))),
		step{want: "InProgress | s InProgress: a=unconfirmed | u NotStarted: b=NotStarted"},
		step{observed: phases{"s/a": PhaseRunning}, want: running},
	)
	execution.Status = nextStatus(t, Input{Execution: execution, Observed: phases{"s/a": PhaseRunning}.observations(), Now: at(3)})
	if got := summarizeStates(&execution.Status); got != running {
		t.Errorf("got %q, want %q", got, running)
	}
	execution.Status = nextStatus(t, Input{Execution: execution, Observed: phases{"s/a": PhaseSucceeded}.observations(), Now: at(4)})
	if got, want := summarizeStates(&execution.Status), "Failed | s Succeeded: a=Succeeded | u NotStarted: b=NotStarted"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	checkContains(t, sharedMessage(t, &execution.Status), `"`+revisionName+`"`)
	if c := summarizeConditions(&execution.Status)["Stalled"]; c != "True/RevisionLost" {
		t.Errorf("Stalled is %q", c)
	}
}
