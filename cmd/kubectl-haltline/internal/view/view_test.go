// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package view_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/cmd/kubectl-haltline/internal/golden"
	"haltline.dev/haltline/cmd/kubectl-haltline/internal/sample"
	"haltline.dev/haltline/cmd/kubectl-haltline/internal/view"
)

// What is told in a few words about an execution in every state.
func TestEveryStateInAFewWords(t *testing.T) {
	var all strings.Builder
	for _, c := range sample.Cases() {
		e := c.Execution
		waits := view.WaitsFor(e)
		fmt.Fprintf(&all, "%s\n  %s | waits for: %s | for %s | took %s | started by: %s | stopped by: %s | why: %s\n", c.Name, view.MarkExecution(e),
			waits, view.Ago(view.Since(e), c.Now), view.Duration(view.Took(e, c.Now)), view.StartedBy(e), view.StoppedBy(e), view.WhyStopped(e))
		if view.IsFinished(e) != (waits == "") {
			t.Errorf("%s: finished is %v, and it waits for %q", c.Name, view.IsFinished(e), waits)
		}
	}
	golden.Compare(t, "words", all.String())
}

// Every state has a symbol and a word of its own: a color is never the only difference.
func TestMarksDifferWithoutColors(t *testing.T) {
	seen := map[string]string{}
	note := func(kind, state string, m view.Mark) {
		if m.Word != state && state != "" {
			t.Errorf("the mark of the %s %s has the word %q", kind, state, m.Word)
		}
		if before, known := seen[kind+m.Symbol]; known {
			t.Errorf("the %ss %s and %s have the same symbol", kind, before, state)
		}
		seen[kind+m.Symbol] = state
	}
	for _, state := range v1alpha1.ExecutionStates() {
		note("execution", string(state), view.MarkExecution(&v1alpha1.PipelineExecution{Status: v1alpha1.PipelineExecutionStatus{State: state}}))
	}
	note("execution", "", view.MarkExecution(&v1alpha1.PipelineExecution{}))
	for _, state := range []v1alpha1.StageState{
		v1alpha1.StageNotStarted, v1alpha1.StageInProgress, v1alpha1.StageStopping, v1alpha1.StageStopped, v1alpha1.StageSucceeded, v1alpha1.StageFailed,
	} {
		note("stage", string(state), view.MarkStage(state))
	}
	for _, state := range []v1alpha1.ActionState{
		v1alpha1.ActionNotStarted, v1alpha1.ActionInProgress, v1alpha1.ActionSucceeded, v1alpha1.ActionFailed, v1alpha1.ActionAbandoned,
	} {
		note("action", string(state), view.MarkAction(&v1alpha1.ActionStatus{State: state}))
	}
}

func TestQuestion(t *testing.T) {
	tests := []struct{ name, message, want string }{
		{"nothing is asked", `Approve or reject it by 2026, with an ApprovalResult of pipelineName "p", stageName "s", actionName "a"`, ""},
		{"something is asked", `Approve it, with an ApprovalResult of actionName "a": "Is it good?" <https://example.com>`, `"Is it good?" <https://example.com>`},
		{"only a URL", `Approve it, with an ApprovalResult of actionName "a" <https://example.com>`, `<https://example.com>`},
		{"the question looks like the rest", `Approve it, of actionName "a": "an actionName \"b\": c"`, `"an actionName \"b\": c"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := view.Question(&v1alpha1.ActionStatus{Message: tt.message}); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// A clock of the user that is behind that of the cluster makes no negative times.
func TestTimesAreNeverNegative(t *testing.T) {
	start := metav1.NewTime(sample.Start)
	a := &v1alpha1.ActionStatus{StartTime: &start}
	if got := view.ActionTook(a, sample.Start.Add(-time.Minute)); got != 0 {
		t.Errorf("an action took %s", got)
	}
	if got := view.Ago(start, sample.Start.Add(-time.Minute)); got != "0s" {
		t.Errorf("something was %s ago", got)
	}
	if got := view.Ago(metav1.Time{}, sample.Start); got != "" {
		t.Errorf("something unknown was %s ago", got)
	}
}

func TestWhyStopped(t *testing.T) {
	wait := v1alpha1.AcceptedStopRequest{Mode: v1alpha1.StopModeWait, Reason: "a freeze"}
	silentWait := v1alpha1.AcceptedStopRequest{Mode: v1alpha1.StopModeWait}
	abandon := v1alpha1.AcceptedStopRequest{Mode: v1alpha1.StopModeAbandon, Reason: "it must go"}
	silentAbandon := v1alpha1.AcceptedStopRequest{Mode: v1alpha1.StopModeAbandon}
	escalated := wait
	escalated.EscalatedTime = &metav1.Time{Time: sample.Start}
	tests := map[string]struct {
		mode     v1alpha1.StopMode
		requests []v1alpha1.AcceptedStopRequest
		want     string
	}{
		"a wait":                       {v1alpha1.StopModeWait, []v1alpha1.AcceptedStopRequest{wait}, "wait: a freeze"},
		"a wait without a reason":      {v1alpha1.StopModeWait, []v1alpha1.AcceptedStopRequest{silentWait}, "wait"},
		"an abandon":                   {v1alpha1.StopModeAbandon, []v1alpha1.AcceptedStopRequest{wait, abandon}, "abandon: it must go"},
		"an abandon without a reason":  {v1alpha1.StopModeAbandon, []v1alpha1.AcceptedStopRequest{wait, silentAbandon}, "abandon; wait: a freeze"},
		"two without a reason":         {v1alpha1.StopModeAbandon, []v1alpha1.AcceptedStopRequest{silentWait, silentAbandon}, "abandon"},
		"a wait that escalated":        {v1alpha1.StopModeAbandon, []v1alpha1.AcceptedStopRequest{escalated}, "abandon: a freeze"},
		"requests that nobody records": {v1alpha1.StopModeWait, nil, "wait"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			e := &v1alpha1.PipelineExecution{}
			e.Status.State, e.Status.Stop = v1alpha1.ExecutionStopped, &v1alpha1.StopStatus{Mode: test.mode, Requests: test.requests}
			if got := view.WhyStopped(e); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
