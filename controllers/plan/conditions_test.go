// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"haltline.dev/haltline/api/v1alpha1"
)

// TestConditions is the kstatus table of the design for executions. Reconciling, Stalled and Stopping are present only
// while they are True.
func TestConditions(t *testing.T) {
	p := func() *v1alpha1.PipelineSpec { return pipeline(stage("s", action("a", 1))) }
	open := step{want: "InProgress | s InProgress: a=open"}
	run := step{see: seen{"s/a": PhaseRunning}, want: "InProgress | s InProgress: a=InProgress"}
	tests := []struct {
		name  string
		steps []step
		want  map[string]string
		says  []string
	}{
		{
			"running", []step{open, run},
			map[string]string{"Ready": "False/InProgress", "Reconciling": "True/InProgress"},
			[]string{`Running stage "s".`},
		},
		{
			"a start is blocked", []step{open, {see: seen{"s/a": PhaseBlocked}, want: open.want}},
			map[string]string{"Ready": "False/StartBlocked", "Reconciling": "True/StartBlocked"},
			[]string{`"a"`, `"s"`, "exceeded quota"},
		},
		{
			"a start was blocked", []step{open, {see: seen{"s/a": PhaseBlocked}, want: open.want}, run},
			map[string]string{"Ready": "False/InProgress", "Reconciling": "True/InProgress"},
			[]string{`Running stage "s".`},
		},
		{
			"a stop is not published", []step{open, {ask: waits, want: open.want}},
			map[string]string{"Ready": "False/Fencing", "Reconciling": "True/Fencing"},
			[]string{"A stop was accepted"},
		},
		{
			"a fence is blocked", []step{open, {ask: waits, see: seen{"s/a": PhaseBlocked}, want: open.want}},
			map[string]string{"Ready": "False/Fencing", "Reconciling": "True/Fencing"},
			[]string{"A stop was accepted", "exceeded quota"},
		},
		{
			"Stopping, wait", []step{open, run, {ask: waits, want: "Stopping | s Stopping: a=InProgress"}},
			map[string]string{"Ready": "False/Stopping", "Reconciling": "True/Stopping", "Stopping": "True/Stopping"},
			[]string{`StopRequest "w" asked to stop and wait.`, "to finish: s/a."},
		},
		{
			"Stopping, abandon", []step{open, run, {ask: abandons, want: "Stopping | s Stopping: a=ending"}},
			map[string]string{"Ready": "False/Stopping", "Reconciling": "True/Stopping", "Stopping": "True/Stopping"},
			[]string{`StopRequest "a" asked to stop and abandon.`, "to end: s/a."},
		},
		{
			"Stopped", []step{open, run, {ask: waits, see: seen{"s/a": PhaseFailed}, want: "Stopped | s Stopped: a=Failed"}},
			map[string]string{"Ready": "True/Stopped", "Succeeded": "False/Stopped", "Stopped": "True/Stopped"},
			[]string{`StopRequest "w" asked to stop and wait.`},
		},
		{
			"Stopped after Stopping", []step{
				open, run,
				{ask: waits, want: "Stopping | s Stopping: a=InProgress"},
				{see: seen{"s/a": PhaseSucceeded}, want: "Stopped | s Stopped: a=Succeeded"},
			},
			map[string]string{"Ready": "True/Stopped", "Succeeded": "False/Stopped", "Stopped": "True/Stopped"},
			[]string{"ended"},
		},
		{
			"Succeeded", []step{open, run, {see: seen{"s/a": PhaseSucceeded}, want: "Succeeded | s Succeeded: a=Succeeded"}},
			map[string]string{"Ready": "True/Succeeded", "Succeeded": "True/Succeeded"},
			[]string{"Every action succeeded."},
		},
		{
			"Failed", []step{open, run, {see: seen{"s/a": PhaseFailed}, want: "Failed | s Failed: a=Failed"}},
			map[string]string{"Ready": "False/ActionFailed", "Succeeded": "False/ActionFailed", "Stalled": "True/ActionFailed"},
			[]string{`"a"`, `"s"`, "BackoffLimitExceeded: Job has reached the specified backoff limit"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := play(t, p(), tt.steps...)
			if diff := cmp.Diff(tt.want, summary(&e.Status)); diff != "" {
				t.Errorf("conditions (-want +got):\n%s", diff)
			}
			contains(t, message(t, &e.Status), tt.says...)
		})
	}
}

// kstatus: every condition, and the status, say which generation they are about. The transition time is that of the
// transition, not of the write.
func TestConditionsGenerationAndTime(t *testing.T) {
	e := play(t, pipeline(stage("s", action("a", 1))), step{want: "InProgress | s InProgress: a=open"})
	e.Generation = 7
	e.Status = next(t, Input{Execution: e, Observed: seen{"s/a": PhaseRunning}.observed(), Now: at(50)})
	if e.Status.ObservedGeneration != 7 {
		t.Errorf("observedGeneration is %d, want 7", e.Status.ObservedGeneration)
	}
	for _, c := range e.Status.Conditions {
		if first := at(1); c.ObservedGeneration != 7 || !c.LastTransitionTime.Equal(&first) {
			t.Errorf("%s: generation %d, since %s; want 7, since the first step", c.Type, c.ObservedGeneration, c.LastTransitionTime)
		}
	}
	e.Status = next(t, Input{Execution: e, Observed: seen{"s/a": PhaseSucceeded}.observed(), Now: at(60)})
	for _, c := range e.Status.Conditions {
		if last := at(60); !c.LastTransitionTime.Equal(&last) {
			t.Errorf("%s: since %s, want the last step", c.Type, c.LastTransitionTime)
		}
	}
}

// "reason: Use this option to enter comments, such as the reason the pipeline was stopped." People read it here.
func TestTheReasonIsShown(t *testing.T) {
	r := request("halt", false)
	r.Spec.Reason = "wrong image"
	got := next(t, Input{Execution: execution(), Requests: []v1alpha1.StopRequest{r, request("later", true)}[:1], Now: at(1)})
	contains(t, message(t, &got), `StopRequest "halt" asked to stop and wait (wrong image).`)
	// Of two requests it is the one that gave the stop its mode.
	got = next(t, Input{Execution: execution(), Requests: []v1alpha1.StopRequest{r, request("later", true)}, Now: at(1)})
	contains(t, message(t, &got), `StopRequest "later" asked to stop and abandon.`)
}

// The schema bounds messages at 1024 and reasons at 256 characters: a status that exceeds them could not be written.
func TestMessagesAreBounded(t *testing.T) {
	tests := []struct {
		name string
		text string
		cut  bool
	}{
		{"1024 letters fit", strings.Repeat("x", 1024), false},
		{"1025 letters are cut", strings.Repeat("x", 1025), true},
		{"1024 characters of three bytes fit", strings.Repeat("停", 1024), false},
		{"1025 characters of three bytes are cut on a character", strings.Repeat("停", 1025), true},
		{"an offset of one byte does not cut a character", "x" + strings.Repeat("🛑", 2000), true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := play(t, pipeline(stage("s", action("a", 1))), step{want: "InProgress | s InProgress: a=open"})
			o := map[ActionKey]Observation{{"s", "a"}: {Phase: PhaseFailed, Reason: tt.text, Message: tt.text}}
			got := next(t, Input{Execution: e, Observed: o, Now: at(2)})
			a := got.Stages[0].Actions[0]
			checkBound(t, "message", a.Message, tt.text, 1024, tt.cut)
			checkBound(t, "reason", a.Reason, tt.text, 256, true)
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

// 50 actions of the longest names make more than a condition can say.
func TestStoppingMessageIsBounded(t *testing.T) {
	var actions []v1alpha1.Action
	running := seen{}
	for i := range 50 {
		name := strings.Repeat("n", 98) + string(rune('A'+i/10)) + string(rune('0'+i%10))
		actions = append(actions, action(name, 1))
		running["s/"+name] = PhaseRunning
	}
	in := Input{Execution: execution(), Pipeline: pipeline(stage("s", actions...)), Revision: revision, Now: at(1)}
	in.Execution.Status = next(t, in)
	in.Observed, in.Requests = running.observed(), waits
	got := next(t, in)
	if n := utf8.RuneCountInString(message(t, &got)); n != 1024 || len(got.Stop.WaitingFor) != 50 {
		t.Errorf("message of %d characters about %d actions, want 1024 about 50", n, len(got.Stop.WaitingFor))
	}
}
