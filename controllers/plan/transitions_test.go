// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"k8s.io/utils/ptr"

	"haltline.dev/haltline/api/v1alpha1"
)

// maxNote is the bound of the API server: it counts bytes, though it says characters ("can have at most 1024
// characters", legacyValidateEvent in k8s.io/kubernetes/pkg/apis/core/validation/events.go).
const maxNote = 1024

// told is an event as "Type/Reason/Action".
func told(events []Event) []string {
	var s []string
	for _, e := range events {
		s = append(s, e.Type+"/"+e.Reason+"/"+e.Action)
	}
	return s
}

// tell is one call of Next, and the events of what it changed.
type tell struct {
	in   Input
	want []string
	says []string
}

// follow takes an execution through the steps and checks the events of each.
func follow(t *testing.T, p *v1alpha1.PipelineSpec, e *v1alpha1.PipelineExecution, steps ...tell) {
	t.Helper()
	for i, s := range steps {
		s.in.Execution, s.in.Now = e, at(i+1)
		if s.in.Pipeline == nil && p != nil {
			s.in.Pipeline, s.in.Revision = p, revision
		}
		status := next(t, s.in)
		events := Events(&e.Status, &status)
		if diff := cmp.Diff(s.want, told(events)); diff != "" {
			t.Fatalf("step %d, %s (-want +got):\n%s", i+1, show(&status), diff)
		}
		if again := Events(&status, &status); again != nil {
			t.Errorf("step %d: no transition, and %v is told", i+1, told(again))
		}
		var notes []string
		for _, event := range events {
			notes = append(notes, event.Note)
		}
		contains(t, strings.Join(notes, "\n"), s.says...)
		e.Status = status
	}
}

// "Events on the execution at each transition, after the write, once".
func TestEvents(t *testing.T) {
	one := pipeline(stage("s", action("a", 1)))
	two := pipeline(stage("s", action("a", 1), action("b", 1)), stage("u", action("c", 1)))
	requests := func(r ...v1alpha1.StopRequest) []v1alpha1.StopRequest { return r }
	see := func(s seen) Input { return Input{Observed: s.observed()} }
	starts := tell{want: []string{"Normal/Started/Start"}, says: []string{revision}}
	goes := tell{in: see(seen{"s/a": PhaseRunning})}

	asked := request("halt", false)
	asked.Spec.RequestedBy, asked.Spec.Reason = "alice", "wrong image"
	soon := request("soon", false)
	soon.Spec.EscalateAfterSeconds = ptr.To[int64](2)
	waitsFor := func(reason, message string) Input {
		return Input{Observed: map[ActionKey]Observation{{"s", "a"}: {Phase: PhaseRunning, UID: "job-of-s/a", Reason: reason, Message: message}}}
	}

	tests := []struct {
		name  string
		p     *v1alpha1.PipelineSpec
		steps []tell
	}{
		{"runs and succeeds", one, []tell{
			starts, goes, goes,
			{in: see(seen{"s/a": PhaseSucceeded}), want: []string{"Normal/Succeeded/Run"}, says: []string{"Every action succeeded."}},
			{},
		}},
		{"waits for its Pipeline", nil, []tell{
			{want: []string{"Normal/WaitingForPipeline/Run"}, says: []string{`"deploy"`}},
			{},
			{in: Input{Pipeline: one, Revision: revision}, want: []string{"Normal/Started/Start"}},
		}},
		{"is stopped while it waits for its Pipeline", nil, []tell{
			{want: []string{"Normal/WaitingForPipeline/Run"}},
			{in: Input{Requests: waits}, want: []string{"Normal/Stopped/Stop"}},
			{in: Input{Pipeline: one, Revision: revision}},
		}},
		{"another group and another stage are no events", two, []tell{
			starts,
			{in: see(seen{"s/a": PhaseSucceeded, "s/b": PhaseRunning})},
			{in: see(seen{"s/b": PhaseSucceeded})},
			{in: see(seen{"u/c": PhaseSucceeded}), want: []string{"Normal/Succeeded/Run"}},
		}},
		{"an action fails", one, []tell{
			starts, goes,
			{
				in: see(seen{"s/a": PhaseFailed}), want: []string{"Warning/ActionFailed/Run", "Warning/Failed/Run"},
				says: []string{`Action "a" of stage "s" failed: BackoffLimitExceeded: Job has reached the specified backoff limit`},
			},
			{},
		}},
		{"one of two fails, and the other is waited for", two, []tell{
			starts,
			{in: see(seen{"s/a": PhaseFailed, "s/b": PhaseRunning}), want: []string{"Warning/ActionFailed/Run"}, says: []string{`Action "a"`}},
			{in: see(seen{"s/b": PhaseRunning})},
			{in: see(seen{"s/b": PhaseSucceeded}), want: []string{"Warning/Failed/Run"}},
		}},
		{"both fail", two, []tell{
			starts,
			{
				in:   see(seen{"s/a": PhaseFailed, "s/b": PhaseFailed}),
				want: []string{"Warning/ActionFailed/Run", "Warning/ActionFailed/Run", "Warning/Failed/Run"}, says: []string{`Action "a"`, `Action "b"`},
			},
		}},
		{"cannot be run at all", one, []tell{
			{in: Input{Problem: &Problem{"InvalidVariables", "spec.variables: x"}}, want: []string{"Warning/Failed/Run"}, says: []string{"spec.variables: x"}},
			{},
		}},
		{"a start is refused, then not", one, []tell{
			starts,
			{in: see(seen{"s/a": PhaseBlocked}), want: []string{"Warning/StartBlocked/Run"}, says: []string{"exceeded quota"}},
			{in: see(seen{"s/a": PhaseBlocked})},
			goes,
		}},
		{"stop and wait", one, []tell{
			starts, goes,
			{
				in: Input{Requests: requests(asked)}, want: []string{"Normal/Stopping/Stop"},
				says: []string{`StopRequest "halt" of alice asked to stop and wait (wrong image).`, "to finish: s/a"},
			},
			{in: Input{Requests: requests(asked)}},
			{in: see(seen{"s/a": PhaseSucceeded}), want: []string{"Normal/Stopped/Stop"}, says: []string{`StopRequest "halt" of alice`}},
			{},
		}},
		{"stop and wait, the action fails", one, []tell{
			starts, goes,
			{in: Input{Requests: waits}, want: []string{"Normal/Stopping/Stop"}},
			{in: see(seen{"s/a": PhaseFailed}), want: []string{"Warning/ActionFailed/Run", "Normal/Stopped/Stop"}},
		}},
		{"stop and abandon", one, []tell{
			starts, goes,
			{in: Input{Requests: abandons}, want: []string{"Normal/Stopping/Stop"}, says: []string{"to end: s/a"}},
			{in: see(seen{"s/a": PhaseEnded}), want: []string{"Normal/Stopped/Stop"}},
		}},
		{"a wait and an abandon in one write are one stop", one, []tell{
			starts, goes,
			{in: Input{Requests: requests(request("w", false), request("x", true))}, want: []string{"Normal/Stopping/Stop"}, says: []string{`"x"`, "abandon"}},
		}},
		{"a stop that must be fenced", one, []tell{
			starts,
			{in: Input{Requests: waits}, want: []string{"Normal/Fencing/Stop"}},
			{in: see(seen{"s/a": PhaseBlocked})},
			{in: see(seen{"s/a": PhaseNeverStarted}), want: []string{"Normal/Stopped/Stop"}},
		}},
		{"an abandon escalates", one, []tell{
			starts, goes,
			{in: Input{Requests: waits}, want: []string{"Normal/Stopping/Stop"}},
			{in: Input{Requests: abandons}, want: []string{"Normal/Escalated/Stop"}, says: []string{`StopRequest "a" asked to stop and abandon.`}},
			{in: Input{Requests: abandons}},
			{in: see(seen{"s/a": PhaseEnded}), want: []string{"Normal/Stopped/Stop"}},
		}},
		{"an abandon comes with the end", one, []tell{
			starts, goes,
			{in: Input{Requests: waits}, want: []string{"Normal/Stopping/Stop"}},
			{
				in:   Input{Requests: abandons, Observed: seen{"s/a": PhaseSucceeded}.observed()},
				want: []string{"Normal/Escalated/Stop", "Normal/Stopped/Stop"},
			},
		}},
		{"time escalates", one, []tell{
			starts, goes,
			{in: Input{Requests: requests(soon)}, want: []string{"Normal/Stopping/Stop"}},
			{},
			{want: []string{"Normal/Escalated/Stop"}, says: []string{`StopRequest "soon" asked to stop and wait, and escalated to abandon when its time was up.`}},
			{},
			{in: see(seen{"s/a": PhaseEnded}), want: []string{"Normal/Stopped/Stop"}},
		}},
		{"what a stop waits for: once for each reason", one, []tell{
			starts, goes,
			{in: Input{Requests: waits}, want: []string{"Normal/Stopping/Stop"}},
			{
				in:   waitsFor("ImagePullBackOff", `Container "main" cannot start.`),
				want: []string{"Warning/StopWaiting/Stop"}, says: []string{`s/a: ImagePullBackOff: Container "main" cannot start.`},
			},
			{in: waitsFor("ImagePullBackOff", `Container "main" cannot start.`)},
			{in: waitsFor("ImagePullBackOff", "Another message.")},
			{in: waitsFor("PodNotEnding", "See whether its node is lost."), want: []string{"Warning/StopWaiting/Stop"}, says: []string{"PodNotEnding"}},
			{in: waitsFor("", "")},
			{in: see(seen{"s/a": PhaseSucceeded}), want: []string{"Normal/Stopped/Stop"}},
		}},
		{"a stop that waits as it should has nothing to say", one, []tell{
			starts, goes,
			{in: Input{Requests: waits}, want: []string{"Normal/Stopping/Stop"}},
			{in: waitsFor("", "Job is being deleted by another.")},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { follow(t, tt.p, execution(), tt.steps...) })
	}
}

// All that can come together, in the order in which it happened; of the actions the order is that of the pipeline.
func TestEventsInOrder(t *testing.T) {
	p := pipeline(stage("s", action("a", 1), action("b", 1), action("c", 1)))
	e := execution()
	follow(t, p, e,
		tell{want: []string{"Normal/Started/Start"}},
		tell{in: Input{Observed: seen{"s/a": PhaseRunning, "s/b": PhaseRunning, "s/c": PhaseRunning}.observed(), Requests: waits}, want: []string{"Normal/Stopping/Stop"}},
		tell{
			in: Input{
				Observed: map[ActionKey]Observation{
					{"s", "a"}: {Phase: PhaseFailed, Reason: "DeadlineExceeded"},
					{"s", "b"}: {Phase: PhaseRunning, Reason: "PodTerminating", Message: "In its grace period."},
					{"s", "c"}: {Phase: PhaseRunning, Reason: "PodNotEnding", Message: "Past it."},
				},
			},
			want: []string{"Warning/ActionFailed/Run", "Warning/StopWaiting/Stop", "Warning/StopWaiting/Stop"},
			says: []string{"DeadlineExceeded\ns/b: PodTerminating: In its grace period.\ns/c: PodNotEnding"},
		},
	)
}

// What is told of an action names its Job, so that the same of two actions is not taken for one; what is told of the
// execution names none.
func TestEventsNameTheirJob(t *testing.T) {
	var e *v1alpha1.PipelineExecution
	job := func(name string) string { return WorkloadName(e, ActionKey{"s", name}, 1) }
	about := func(in Input) []string {
		in.Execution, in.Now = e, at(9)
		status := next(t, in)
		var all []string
		for _, event := range Events(&e.Status, &status) {
			all = append(all, event.Reason+" of "+event.Workload.Name+" "+event.Workload.UID)
		}
		e.Status = status
		return all
	}
	check := func(what string, got []string, want ...string) {
		t.Helper()
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	p := pipeline(stage("s", action("a", 1), action("b", 1)))
	e = execution()
	check("it starts", about(Input{Pipeline: p, Revision: revision}), "Started of  ")
	check("one fails, and one could not be created", about(Input{Observed: map[ActionKey]Observation{
		{"s", "a"}: {Phase: PhaseFailed, UID: "job-of-a", Reason: "R"}, {"s", "b"}: {Phase: PhaseFailed, Reason: v1alpha1.ReasonJobRefused},
	}}), "ActionFailed of "+job("a")+" job-of-a", "ActionFailed of "+job("b")+" ", "Failed of  ")

	e = execution()
	about(Input{Pipeline: p, Revision: revision})
	waiting := map[ActionKey]Observation{{"s", "a"}: {Phase: PhaseRunning, UID: "a", Reason: "NoPod"}, {"s", "b"}: {Phase: PhaseRunning, UID: "b", Reason: "NoPod"}}
	check("a stop waits for both", about(Input{Observed: waiting, Requests: waits}),
		"StopWaiting of "+job("a")+" ", "StopWaiting of "+job("b")+" ", "Stopping of  ")
	check("it escalates", about(Input{Observed: waiting, Requests: abandons}), "Escalated of  ")
}

// The first write of an execution that ends at once tells both.
func TestEventsOfOneWrite(t *testing.T) {
	before := execution().Status
	e := play(t, pipeline(stage("s", action("a", 1))),
		step{want: "InProgress | s InProgress: a=open"},
		step{see: seen{"s/a": PhaseFailed}, want: "Failed | s Failed: a=Failed"},
	)
	want := []string{"Normal/Started/Start", "Warning/ActionFailed/Run", "Warning/Failed/Run"}
	if diff := cmp.Diff(want, told(Events(&before, &e.Status))); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

// long are texts that the actions, users and requests of a pipeline can bring about.
var long = map[string]string{
	"letters":               strings.Repeat("x", 5000),
	"three bytes each":      strings.Repeat("停", 2000),
	"four bytes each":       strings.Repeat("🛑", 2000),
	"an offset of a byte":   "x" + strings.Repeat("🛑", 2000),
	"just too long":         strings.Repeat("x", 1025),
	"characters that fit":   strings.Repeat("é", 700),
	"nothing to cut at all": "short",
}

// longEvents are the events about actions that failed, that a stop waits for, and that cannot start, with such a text.
func longEvents(t *testing.T, text string) []Event {
	t.Helper()
	var all []Event
	add := func(e *v1alpha1.PipelineExecution, in Input) {
		in.Execution, in.Now = e, at(9)
		status := next(t, in)
		all = append(all, Events(&e.Status, &status)...)
	}
	opened := func() *v1alpha1.PipelineExecution {
		return play(t, pipeline(stage("s", action("a", 1))), step{want: "InProgress | s InProgress: a=open"})
	}
	o := func(p Phase) map[ActionKey]Observation {
		return map[ActionKey]Observation{{"s", "a"}: {p, "j", text, text}}
	}
	r := request("w", false)
	r.Spec.RequestedBy, r.Spec.Reason = string([]rune(text)[:min(256, utf8.RuneCountInString(text))]), string([]rune(text)[:min(200, utf8.RuneCountInString(text))])
	add(opened(), Input{Observed: o(PhaseFailed)})
	add(opened(), Input{Observed: map[ActionKey]Observation{{"s", "a"}: {Phase: PhaseBlocked, Message: text}}})
	add(opened(), Input{Observed: o(PhaseRunning), Requests: []v1alpha1.StopRequest{r}})
	if len(all) < 4 {
		t.Fatalf("only %v is told", told(all))
	}
	return all
}

func TestEventNotesAreBounded(t *testing.T) {
	for name, text := range long {
		t.Run(name, func(t *testing.T) {
			for _, e := range longEvents(t, text) {
				if n := utf8.RuneCountInString(e.Note); n > maxNote || n == 0 || !utf8.ValidString(e.Note) {
					t.Errorf("%s: a note of %d characters, valid: %v", e.Reason, n, utf8.ValidString(e.Note))
				}
			}
		})
	}
}

// An event whose note is too long is refused, and the transition would be told by none.
func TestEventNotesFitTheAPIServer(t *testing.T) {
	for name, text := range long {
		t.Run(name, func(t *testing.T) {
			for _, e := range longEvents(t, text) {
				if len(e.Note) > maxNote {
					t.Errorf("%s: the note has %d bytes; the API server takes %d", e.Reason, len(e.Note), maxNote)
				}
			}
		})
	}
}

// Over whole runs: what happened is told exactly once, and what did not is not told.
func TestSimulatedRunsTellEverythingOnce(t *testing.T) {
	reasons := map[string]int{}
	for seed := range int64(300) {
		s := newSimulated(t, seed)
		counted := map[string]int{}
		for !s.e.Status.State.IsFinal() && s.now < maxSteps {
			before := s.e.Status.DeepCopy()
			s.step()
			for _, e := range Events(before, &s.e.Status) {
				counted[e.Reason]++
				reasons[e.Reason]++
			}
		}
		if diff := cmp.Diff(wantTold(&s.e.Status, counted), counted); diff != "" {
			t.Fatalf("seed %d, %s: events (-want +got):\n%s", seed, show(&s.e.Status), diff)
		}
	}
	for _, r := range []string{"Started", "ActionFailed", "Succeeded", "Failed", "Stopping", "Stopped", "Escalated", "Fencing", "WaitingForPipeline"} {
		if reasons[r] < 10 {
			t.Errorf("only %d runs tell of %s", reasons[r], r)
		}
	}
}

// wantTold counts what an execution must have told of by its end. What leaves no trace in the end is taken from got, if
// it is at most once.
func wantTold(status *v1alpha1.PipelineExecutionStatus, got map[string]int) map[string]int {
	want := map[string]int{string(status.State): 1}
	if status.StartTime != nil {
		want["Started"] = 1
	}
	for _, s := range status.Stages {
		for _, a := range s.Actions {
			if hasFailed(&a) {
				want["ActionFailed"]++
			}
		}
	}
	for _, passing := range []string{"Stopping", "Fencing", "WaitingForPipeline"} {
		if got[passing] > 0 {
			want[passing] = 1
		}
	}
	if status.Stop != nil && len(status.Stop.Requests) == 2 && got["Escalated"] > 0 {
		want["Escalated"] = 1
	}
	return want
}

// "a person who runs kubectl describe on a stopping execution knows who stopped it, why, since when, and what it is still
// waiting for"
func TestConditionsSayWhoAsked(t *testing.T) {
	tests := []struct {
		name            string
		by, reason      string
		abandon         bool
		escalated       bool
		whileWaiting    string
		stopping, ended string
	}{
		{
			name: "nobody is named", stopping: `StopRequest "r" asked to stop and wait. Waiting for actions in progress to finish: s/a.`,
			ended: `StopRequest "r" asked to stop and wait. Everything that was in progress has ended.`,
		},
		{
			name: "who", by: "alice@example.com",
			stopping: `StopRequest "r" of alice@example.com asked to stop and wait. Waiting for actions in progress to finish: s/a.`,
			ended:    `StopRequest "r" of alice@example.com asked to stop and wait. Everything that was in progress has ended.`,
		},
		{
			name: "who and why", by: "alice", reason: "wrong image", abandon: true,
			stopping: `StopRequest "r" of alice asked to stop and abandon (wrong image). Waiting for actions in progress to end: s/a.`,
			ended:    `StopRequest "r" of alice asked to stop and abandon (wrong image). Everything that was in progress has ended.`,
		},
		{
			name: "why", reason: "100% wrong",
			stopping: `StopRequest "r" asked to stop and wait (100% wrong). Waiting for actions in progress to finish: s/a.`,
			ended:    `StopRequest "r" asked to stop and wait (100% wrong). Everything that was in progress has ended.`,
		},
		{
			name: "and that it escalated", by: "alice", reason: "wrong image", escalated: true,
			stopping: `StopRequest "r" of alice asked to stop and wait, and escalated to abandon when its time was up (wrong image). ` +
				`Waiting for actions in progress to end: s/a.`,
			ended: `StopRequest "r" of alice asked to stop and wait, and escalated to abandon when its time was up (wrong image). ` +
				`Everything that was in progress has ended.`,
		},
		{
			name: "and what keeps it", by: "alice", whileWaiting: "ImagePullBackOff",
			stopping: `StopRequest "r" of alice asked to stop and wait. Waiting for actions in progress to finish: s/a (ImagePullBackOff).`,
			ended:    `StopRequest "r" of alice asked to stop and wait. Everything that was in progress has ended.`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := play(t, pipeline(stage("s", action("a", 1))), step{want: "InProgress | s InProgress: a=open"})
			r := request("r", tt.abandon)
			r.Spec.RequestedBy, r.Spec.Reason = tt.by, tt.reason
			if tt.escalated {
				r.Spec.EscalateAfterSeconds = ptr.To[int64](1)
			}
			running := map[ActionKey]Observation{{"s", "a"}: {Phase: PhaseRunning, UID: "j", Reason: tt.whileWaiting}}
			for now := 2; now < 5; now++ {
				e.Status = next(t, Input{Execution: e, Observed: running, Requests: []v1alpha1.StopRequest{r}, Now: at(now)})
			}
			if got := message(t, &e.Status); got != tt.stopping {
				t.Errorf("while stopping:\n%s\nwant\n%s", got, tt.stopping)
			}
			e.Status = next(t, Input{Execution: e, Observed: seen{"s/a": PhaseEnded}.observed(), Now: at(9)})
			if e.Status.State == v1alpha1.ExecutionStopping { // A wait ends with its action.
				e.Status = next(t, Input{Execution: e, Observed: seen{"s/a": PhaseSucceeded}.observed(), Now: at(10)})
			}
			if got := message(t, &e.Status); got != tt.ended {
				t.Errorf("in the end:\n%s\nwant\n%s", got, tt.ended)
			}
		})
	}
}

// What a stop waits for changes the conditions, and so the object; the same reason again does not.
func TestWaitingForHasItsReason(t *testing.T) {
	e := play(t, pipeline(stage("s", action("a", 1), action("b", 1))),
		step{want: "InProgress | s InProgress: a=open b=open"},
		step{ask: waits, see: seen{"s/a": PhaseRunning, "s/b": PhaseRunning}, want: "Stopping | s Stopping: a=InProgress b=InProgress"},
	)
	observed := map[ActionKey]Observation{
		{"s", "a"}: {Phase: PhaseRunning, Reason: "PodNotEnding", Message: `Pod "p" should have ended.`}, {"s", "b"}: {Phase: PhaseRunning},
	}
	e.Status = next(t, Input{Execution: e, Observed: observed, Now: at(9)})
	job := func(name string) string { return WorkloadName(e, ActionKey{"s", name}, 1) }
	want := []v1alpha1.PendingAction{
		{Stage: "s", Action: "a", Workload: v1alpha1.WorkloadReference{Name: job("a")}, Reason: "PodNotEnding", Message: `Pod "p" should have ended.`},
		{Stage: "s", Action: "b", Workload: v1alpha1.WorkloadReference{Name: job("b")}, Message: fmt.Sprintf("Job %q has to finish.", job("b"))},
	}
	if diff := cmp.Diff(want, e.Status.Stop.WaitingFor); diff != "" {
		t.Errorf("waitingFor (-want +got):\n%s", diff)
	}
	contains(t, message(t, &e.Status), "to finish: s/a (PodNotEnding), s/b.")
	if diff := cmp.Diff(e.Status, next(t, Input{Execution: e, Observed: observed, Now: at(30)})); diff != "" {
		t.Errorf("nothing happened, and the status changed (-before +after):\n%s", diff)
	}
}
