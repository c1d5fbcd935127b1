// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"k8s.io/utils/ptr"

	"haltline.dev/haltline/api/v1alpha1"
)

// TestConditions is the table of what the conditions of an execution show, and of how kstatus reads them. Reconciling, Stalled and Stopping are present only
// while they are True.
func TestConditions(t *testing.T) {
	definition := func() *v1alpha1.PipelineDefinition { return makeDefinition(makeStage("s", makeAction("a", 1))) }
	unconfirmed := step{want: "InProgress | s InProgress: a=unconfirmed"}
	run := step{observed: phases{"s/a": PhaseRunning}, want: "InProgress | s InProgress: a=InProgress"}
	tests := []struct {
		name  string
		steps []step
		want  map[string]string
		parts []string
	}{
		{
			"running", []step{unconfirmed, run},
			map[string]string{"Ready": "False/InProgress", "Reconciling": "True/InProgress"},
			[]string{`Running stage "s".`},
		},
		{
			"a start is blocked", []step{unconfirmed, {observed: phases{"s/a": PhaseBlocked}, want: unconfirmed.want}},
			map[string]string{"Ready": "False/StartBlocked", "Reconciling": "True/StartBlocked"},
			[]string{`"a"`, `"s"`, "exceeded quota"},
		},
		{
			"a start was blocked", []step{unconfirmed, {observed: phases{"s/a": PhaseBlocked}, want: unconfirmed.want}, run},
			map[string]string{"Ready": "False/InProgress", "Reconciling": "True/InProgress"},
			[]string{`Running stage "s".`},
		},
		{
			"a stop is not published", []step{unconfirmed, {requests: waitRequests, want: unconfirmed.want}},
			map[string]string{"Ready": "False/Fencing", "Reconciling": "True/Fencing"},
			[]string{"A stop is being accepted"},
		},
		{
			"a fence is blocked", []step{unconfirmed, {requests: waitRequests, observed: phases{"s/a": PhaseBlocked}, want: unconfirmed.want}},
			map[string]string{"Ready": "False/Fencing", "Reconciling": "True/Fencing"},
			[]string{"A stop is being accepted", "exceeded quota"},
		},
		{
			"Stopping, wait", []step{unconfirmed, run, {requests: waitRequests, want: "Stopping | s Stopping: a=InProgress"}},
			map[string]string{"Ready": "False/Stopping", "Reconciling": "True/Stopping", "Stopping": "True/Stopping"},
			[]string{`StopRequest "w" asked to stop and wait.`, "to finish: s/a."},
		},
		{
			"Stopping, abandon", []step{unconfirmed, run, {requests: abandonRequests, want: "Stopping | s Stopping: a=ending"}},
			map[string]string{"Ready": "False/Stopping", "Reconciling": "True/Stopping", "Stopping": "True/Stopping"},
			[]string{`StopRequest "a" asked to stop and abandon.`, "to end: s/a."},
		},
		{
			"Stopped", []step{unconfirmed, run, {requests: waitRequests, observed: phases{"s/a": PhaseFailed}, want: "Stopped | s Stopped: a=Failed"}},
			map[string]string{"Ready": "False/Stopped", "Stalled": "True/Stopped", "Succeeded": "False/Stopped", "Stopped": "True/Stopped", "Finished": "True/Stopped"},
			[]string{`StopRequest "w" asked to stop and wait.`},
		},
		{
			"Stopped after Stopping", []step{
				unconfirmed, run,
				{requests: waitRequests, want: "Stopping | s Stopping: a=InProgress"},
				{observed: phases{"s/a": PhaseSucceeded}, want: "Stopped | s Stopped: a=Succeeded"},
			},
			map[string]string{"Ready": "False/Stopped", "Stalled": "True/Stopped", "Succeeded": "False/Stopped", "Stopped": "True/Stopped", "Finished": "True/Stopped"},
			[]string{"ended"},
		},
		{
			"Succeeded", []step{unconfirmed, run, {observed: phases{"s/a": PhaseSucceeded}, want: "Succeeded | s Succeeded: a=Succeeded"}},
			map[string]string{"Ready": "True/Succeeded", "Succeeded": "True/Succeeded", "Finished": "True/Succeeded"},
			[]string{"Every action succeeded."},
		},
		{
			"Failed", []step{unconfirmed, run, {observed: phases{"s/a": PhaseFailed}, want: "Failed | s Failed: a=Failed"}},
			map[string]string{"Ready": "False/ActionFailed", "Succeeded": "False/ActionFailed", "Stalled": "True/ActionFailed", "Finished": "True/Failed"},
			[]string{`"a"`, `"s"`, "BackoffLimitExceeded: Job has reached the specified backoff limit"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			execution := runSteps(t, definition(), tt.steps...)
			if diff := cmp.Diff(tt.want, summarizeConditions(&execution.Status)); diff != "" {
				t.Errorf("conditions (-want +got):\n%s", diff)
			}
			checkContains(t, sharedMessage(t, &execution.Status), tt.parts...)
		})
	}
}

// Every condition, and the status, has the generation that it is about. The transition time is that of the transition, not of
// the write.
func TestConditionsGenerationAndTime(t *testing.T) {
	execution := runSteps(t, makeDefinition(makeStage("s", makeAction("a", 1))), step{want: "InProgress | s InProgress: a=unconfirmed"})
	execution.Generation = 7
	execution.Status = nextStatus(t, Input{Execution: execution, Observed: phases{"s/a": PhaseRunning}.observations(), Now: at(50)})
	if execution.Status.ObservedGeneration != 7 {
		t.Errorf("observedGeneration is %d, want 7", execution.Status.ObservedGeneration)
	}
	for _, c := range execution.Status.Conditions {
		if first := at(1); c.ObservedGeneration != 7 || !c.LastTransitionTime.Equal(&first) {
			t.Errorf("%s: generation %d, since %s; want 7, since the first step", c.Type, c.ObservedGeneration, c.LastTransitionTime)
		}
	}
	execution.Status = nextStatus(t, Input{Execution: execution, Observed: phases{"s/a": PhaseSucceeded}.observations(), Now: at(60)})
	for _, c := range execution.Status.Conditions {
		if last := at(60); !c.LastTransitionTime.Equal(&last) {
			t.Errorf("%s: since %s, want the last step", c.Type, c.LastTransitionTime)
		}
	}
}

// "Use this option to enter comments, such as the reason the pipeline was stopped." People read it here.
func TestTheReasonIsShown(t *testing.T) {
	sr := makeRequest("halt", false)
	sr.Spec.Reason = "wrong image"
	got := nextStatus(t, Input{Execution: makeExecution(), Requests: []v1alpha1.StopRequest{sr, makeRequest("later", true)}[:1], Now: at(1)})
	checkContains(t, sharedMessage(t, &got), `StopRequest "halt" asked to stop and wait ("wrong image").`)
	// Of two requests it is the one that gave the stop its mode.
	got = nextStatus(t, Input{Execution: makeExecution(), Requests: []v1alpha1.StopRequest{sr, makeRequest("later", true)}, Now: at(1)})
	checkContains(t, sharedMessage(t, &got), `StopRequest "later" asked to stop and abandon; StopRequest "halt" asked to stop and wait ("wrong image").`)
}

// The schema bounds messages at 1024 and reasons at 256 characters: a status that exceeds them could not be written.
func TestMessagesAreBounded(t *testing.T) {
	tests := []struct {
		name   string
		text   string
		cut    bool
		reason int
	}{
		{"1024 letters fit", strings.Repeat("x", 1024), false, 256},
		{"1025 letters are cut", strings.Repeat("x", 1025), true, 256},
		{"768 characters of two bytes fit", strings.Repeat("é", 768), false, 255},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			execution := runSteps(t, makeDefinition(makeStage("s", makeAction("a", 1))), step{want: "InProgress | s InProgress: a=unconfirmed"})
			o := map[ActionKey]Observation{{"s", "a"}: {Phase: PhaseFailed, Reason: tt.text, Message: tt.text}}
			got := nextStatus(t, Input{Execution: execution, Observed: o, Now: at(2)})
			a := got.Stages[0].Actions[0]
			checkBound(t, "message", a.Message, tt.text, 1024, tt.cut)
			checkBound(t, "reason", a.Reason, tt.text, tt.reason, true)
		})
	}
}

func checkBound(t *testing.T, what, got, text string, bound int, cut bool) {
	t.Helper()
	if !cut {
		if got != text {
			t.Errorf("%s was changed to %q", what, got)
		}
		return
	}
	if n := utf8.RuneCountInString(got); n != bound || !utf8.ValidString(got) {
		t.Errorf("%s has %d characters, valid: %v; want %d", what, n, utf8.ValidString(got), bound)
	}
	if !strings.HasPrefix(text, strings.TrimSuffix(got, "…")) || !strings.HasSuffix(got, "…") {
		t.Errorf("%s %q is not a beginning of the text with an ellipsis", what, got)
	}
}

// The names of 50 actions can be longer than a condition may be.
func TestStoppingMessageIsBounded(t *testing.T) {
	var actions []v1alpha1.Action
	running := phases{}
	for i := range 50 {
		name := strings.Repeat("n", 98) + string(rune('A'+i/10)) + string(rune('0'+i%10))
		actions = append(actions, makeAction(name, 1))
		running["s/"+name] = PhaseRunning
	}
	in := Input{Execution: makeExecution(), Definition: makeDefinition(makeStage("s", actions...)), Revision: revisionName, Now: at(1)}
	in.Execution.Status = nextStatus(t, in)
	in.Observed, in.Requests = running.observations(), waitRequests
	got := nextStatus(t, in)
	if n := utf8.RuneCountInString(sharedMessage(t, &got)); n != 1024 || len(got.Stop.WaitingFor) != 50 {
		t.Errorf("message of %d characters about %d actions, want 1024 about 50", n, len(got.Stop.WaitingFor))
	}
}

// A stop that waits reads when it escalates, or that it does not.
func TestAStopThatWaitsReadsWhetherItEscalates(t *testing.T) {
	accepted := v1alpha1.AcceptedStopRequest{UID: "r", Name: "r", Mode: v1alpha1.StopModeWait}
	escalating := accepted
	escalating.EscalationTime = ptr.To(at(90))
	for _, tt := range []struct {
		name string
		stop v1alpha1.StopStatus
		want string
	}{
		{"not by itself", v1alpha1.StopStatus{Mode: v1alpha1.StopModeWait, Requests: []v1alpha1.AcceptedStopRequest{accepted}}, "No escalation is set."},
		{"at a time", v1alpha1.StopStatus{Mode: v1alpha1.StopModeWait, Requests: []v1alpha1.AcceptedStopRequest{escalating}},
			"It escalates to abandon at " + at(90).UTC().Format(time.RFC3339) + "."},
		{"it abandons", v1alpha1.StopStatus{Mode: v1alpha1.StopModeAbandon, Requests: []v1alpha1.AcceptedStopRequest{escalating}}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := describeStopping(&v1alpha1.PipelineExecutionStatus{Stop: &tt.stop})
			if tt.want == "" && strings.Contains(got, "scalat") || !strings.Contains(got, tt.want) {
				t.Errorf("got %q", got)
			}
		})
	}
}

// A person who describes a stopping execution reads who stopped it, why, and what it waits for.
func TestConditionsNameWhoAsked(t *testing.T) {
	tests := []struct {
		name            string
		by, reason      string
		abandon         bool
		escalated       bool
		whileWaiting    string
		stopping, ended string
	}{
		{
			name: "nobody is named", stopping: `StopRequest "r" asked to stop and wait. No escalation is set. Waiting for actions in progress to finish: s/a.`,
			ended: `StopRequest "r" asked to stop and wait. Everything that was in progress has ended.`,
		},
		{
			name: "who", by: "alice@example.com",
			stopping: `StopRequest "r" of "alice@example.com" asked to stop and wait. No escalation is set. Waiting for actions in progress to finish: s/a.`,
			ended:    `StopRequest "r" of "alice@example.com" asked to stop and wait. Everything that was in progress has ended.`,
		},
		{
			name: "who and why", by: "alice", reason: "wrong image", abandon: true,
			stopping: `StopRequest "r" of "alice" asked to stop and abandon ("wrong image"). Waiting for actions in progress to end: s/a.`,
			ended:    `StopRequest "r" of "alice" asked to stop and abandon ("wrong image"). Everything that was in progress has ended.`,
		},
		{
			name: "why", reason: "100% wrong",
			stopping: `StopRequest "r" asked to stop and wait ("100% wrong"). No escalation is set. Waiting for actions in progress to finish: s/a.`,
			ended:    `StopRequest "r" asked to stop and wait ("100% wrong"). Everything that was in progress has ended.`,
		},
		{
			name: "and that it escalated", by: "alice", reason: "wrong image", escalated: true,
			stopping: `StopRequest "r" of "alice" asked to stop and wait, and escalated to abandon when its time was up ("wrong image"). ` +
				`Waiting for actions in progress to end: s/a.`,
			ended: `StopRequest "r" of "alice" asked to stop and wait, and escalated to abandon when its time was up ("wrong image"). ` +
				`Everything that was in progress has ended.`,
		},
		{
			name: "and what keeps it", by: "alice", whileWaiting: "ImagePullBackOff",
			stopping: `StopRequest "r" of "alice" asked to stop and wait. No escalation is set. Waiting for actions in progress to finish: s/a (ImagePullBackOff).`,
			ended:    `StopRequest "r" of "alice" asked to stop and wait. Everything that was in progress has ended.`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			execution := runSteps(t, makeDefinition(makeStage("s", makeAction("a", 1))), step{want: "InProgress | s InProgress: a=unconfirmed"})
			sr := makeRequest("r", tt.abandon)
			sr.Spec.RequestedBy, sr.Spec.Reason = tt.by, tt.reason
			if tt.escalated {
				sr.Spec.EscalateAfterSeconds = ptr.To[int64](1)
			}
			running := map[ActionKey]Observation{{"s", "a"}: {Phase: PhaseRunning, UID: "j", Reason: tt.whileWaiting}}
			for now := 2; now < 5; now++ {
				execution.Status = nextStatus(t, Input{Execution: execution, Observed: running, Requests: []v1alpha1.StopRequest{sr}, Now: at(now)})
			}
			if got := sharedMessage(t, &execution.Status); got != tt.stopping {
				t.Errorf("while stopping:\n%s\nwant\n%s", got, tt.stopping)
			}
			execution.Status = nextStatus(t, Input{Execution: execution, Observed: phases{"s/a": PhaseEnded}.observations(), Now: at(9)})
			if execution.Status.State == v1alpha1.ExecutionStopping { // A wait ends with its action.
				execution.Status = nextStatus(t, Input{Execution: execution, Observed: phases{"s/a": PhaseSucceeded}.observations(), Now: at(10)})
			}
			if got := sharedMessage(t, &execution.Status); got != tt.ended {
				t.Errorf("in the end:\n%s\nwant\n%s", got, tt.ended)
			}
		})
	}
}
