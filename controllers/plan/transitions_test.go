// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/transition"
)

// transitionTypes returns the types of transitions, as words.
func transitionTypes(transitions []transition.Transition) []string {
	var types []string
	for _, tr := range transitions {
		types = append(types, string(tr.Type))
	}
	return types
}

// writeStatus gives the execution its next status and returns the transitions.
func writeStatus(execution *v1alpha1.PipelineExecution, status v1alpha1.PipelineExecutionStatus) []transition.Transition {
	before := execution.Status
	execution.Status = status
	return Transitions(&before, execution)
}

// transitionStep is one call of Next, with the types of the transitions, and with parts of their messages.
type transitionStep struct {
	in       Input
	want     []string
	messages []string
}

// checkTransitions takes an execution through the steps and checks the transitions of each.
func checkTransitions(t *testing.T, definition *v1alpha1.PipelineDefinition, execution *v1alpha1.PipelineExecution, steps ...transitionStep) {
	t.Helper()
	for i, s := range steps {
		s.in.Execution, s.in.Now = execution, at(i+1)
		if s.in.Definition == nil && definition != nil {
			s.in.Definition, s.in.Revision = definition, revisionName
		}
		transitions := writeStatus(execution, nextStatus(t, s.in))
		if diff := cmp.Diff(s.want, transitionTypes(transitions)); diff != "" {
			t.Fatalf("step %d, %s (-want +got):\n%s", i+1, summarizeStates(&execution.Status), diff)
		}
		if again := writeStatus(execution, execution.Status); again != nil {
			t.Errorf("step %d: nothing changed, and there is %v", i+1, transitionTypes(again))
		}
		var messages []string
		for _, tr := range transitions {
			messages = append(messages, tr.Message)
		}
		checkContains(t, strings.Join(messages, "\n"), s.messages...)
	}
}

func observe(p phases) Input { return Input{Observed: p.observations()} }

// observeReason returns that the action s/a runs, with a reason why it does.
func observeReason(reason, message string) Input {
	return Input{Observed: map[ActionKey]Observation{
		{"s", "a"}: {Phase: PhaseRunning, UID: "job-of-s/a", Reason: reason, Message: message},
	}}
}

// Steps of an execution of the one action s/a.
var (
	intentStep  = transitionStep{want: []string{"Started"}, messages: []string{revisionName}}
	confirmStep = transitionStep{in: observe(phases{"s/a": PhaseRunning}), want: []string{"ActionStarted"}, messages: []string{`"a"`, `"s"`, `Job "run-1-`}}
	runStep     = transitionStep{in: observe(phases{"s/a": PhaseRunning})}
	waitStep    = transitionStep{in: Input{Requests: waitRequests}, want: []string{"Stopping"}}
)

func oneAction() *v1alpha1.PipelineDefinition {
	return makeDefinition(makeStage("s", makeAction("a", 1)))
}

// Each transition is there once, whatever happens; a write that changes nothing has none.
func TestTransitionsOfARun(t *testing.T) {
	tests := []struct {
		name       string
		definition *v1alpha1.PipelineDefinition
		steps      []transitionStep
	}{
		{"runs and succeeds", oneAction(), []transitionStep{
			intentStep, confirmStep, runStep,
			{
				in: observe(phases{"s/a": PhaseSucceeded}), want: []string{"ActionSucceeded", "Succeeded"},
				messages: []string{`Action "a" of stage "s" succeeded.`, "Every action succeeded."},
			},
			{},
		}},
		{"ends before it was first observed", oneAction(), []transitionStep{
			intentStep,
			{in: observe(phases{"s/a": PhaseSucceeded}), want: []string{"ActionSucceeded", "Succeeded"}},
		}},
		{"waits for its Pipeline", nil, []transitionStep{
			{want: []string{"WaitingForPipeline"}, messages: []string{`"deploy"`}},
			{},
			{in: Input{Definition: oneAction(), Revision: revisionName}, want: []string{"Started"}},
		}},
		{"is stopped while it waits for its Pipeline", nil, []transitionStep{
			{want: []string{"WaitingForPipeline"}},
			{in: Input{Requests: waitRequests}, want: []string{"Stopped"}},
			{in: Input{Definition: oneAction(), Revision: revisionName}},
		}},
		{"another group and another stage", twoThenOne(), []transitionStep{
			intentStep,
			{in: observe(phases{"s/a": PhaseSucceeded, "s/b": PhaseRunning}), want: []string{"ActionSucceeded", "ActionStarted"}},
			{in: observe(phases{"s/b": PhaseSucceeded}), want: []string{"ActionSucceeded"}},
			{in: observe(phases{"u/c": PhaseSucceeded}), want: []string{"ActionSucceeded", "Succeeded"}},
		}},
		{"an action fails", oneAction(), []transitionStep{
			intentStep, confirmStep,
			{
				in: observe(phases{"s/a": PhaseFailed}), want: []string{"ActionFailed", "Failed"},
				messages: []string{`Action "a" of stage "s" failed: BackoffLimitExceeded: Job has reached the specified backoff limit`},
			},
			{},
		}},
		{"one of two fails, and the other is waited for", twoThenOne(), []transitionStep{
			intentStep,
			{in: observe(phases{"s/a": PhaseFailed, "s/b": PhaseRunning}), want: []string{"ActionFailed", "ActionStarted", "Failing"}, messages: []string{`Action "a"`}},
			{in: observe(phases{"s/b": PhaseRunning})},
			{in: observe(phases{"s/b": PhaseSucceeded}), want: []string{"ActionSucceeded", "Failed"}},
		}},
		{"both fail", twoThenOne(), []transitionStep{
			intentStep,
			{
				in:   observe(phases{"s/a": PhaseFailed, "s/b": PhaseFailed}),
				want: []string{"ActionFailed", "ActionFailed", "Failed"}, messages: []string{`Action "a"`, `Action "b"`},
			},
		}},
		{"cannot be run at all", oneAction(), []transitionStep{
			{in: Input{Problem: &Problem{"InvalidVariables", "spec.variables: x"}}, want: []string{"Failed"}, messages: []string{"spec.variables: x"}},
			{},
		}},
		{"a start is refused, then not", oneAction(), []transitionStep{
			intentStep,
			{in: observe(phases{"s/a": PhaseBlocked}), want: []string{"StartBlocked"}, messages: []string{"exceeded quota"}},
			{in: observe(phases{"s/a": PhaseBlocked})},
			confirmStep,
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { checkTransitions(t, tt.definition, makeExecution(), tt.steps...) })
	}
}

func TestTransitionsOfAStop(t *testing.T) {
	named := makeRequest("halt", false)
	named.Spec.RequestedBy, named.Spec.Reason = "alice", "wrong image"
	escalating := makeRequest("soon", false)
	escalating.Spec.EscalateAfterSeconds = ptr.To[int64](2)
	tests := []struct {
		name  string
		steps []transitionStep
	}{
		{"stop and wait", []transitionStep{
			intentStep, confirmStep,
			{
				in: Input{Requests: []v1alpha1.StopRequest{named}}, want: []string{"Stopping"},
				messages: []string{`StopRequest "halt" of "alice" asked to stop and wait ("wrong image").`, "to finish: s/a"},
			},
			{in: Input{Requests: []v1alpha1.StopRequest{named}}},
			{
				in: observe(phases{"s/a": PhaseSucceeded}), want: []string{"ActionSucceeded", "Stopped"},
				messages: []string{`StopRequest "halt" of "alice"`},
			},
			{},
		}},
		{"stop and wait, the action fails", []transitionStep{
			intentStep, confirmStep, waitStep,
			{in: observe(phases{"s/a": PhaseFailed}), want: []string{"ActionFailed", "Stopped"}},
		}},
		{"stop and abandon", []transitionStep{
			intentStep, confirmStep,
			{
				in: Input{Requests: abandonRequests}, want: []string{"ActionAbandoned", "Stopping"},
				messages: []string{`Action "a" of stage "s" is abandoned.`, "to end: s/a"},
			},
			{in: observe(phases{"s/a": PhaseRunning})},
			{in: observe(phases{"s/a": PhaseEnded}), want: []string{"Stopped"}},
		}},
		{"a wait and an abandon in one write are one stop", []transitionStep{
			intentStep, confirmStep,
			{
				in:   Input{Requests: []v1alpha1.StopRequest{makeRequest("w", false), makeRequest("x", true)}},
				want: []string{"ActionAbandoned", "Stopping"}, messages: []string{`"x"`, "abandon"},
			},
		}},
		{"a stop that must be fenced", []transitionStep{
			intentStep,
			{in: Input{Requests: waitRequests}, want: []string{"Fencing"}},
			{in: observe(phases{"s/a": PhaseBlocked})},
			{in: observe(phases{"s/a": PhaseNeverStarted}), want: []string{"Stopped"}},
		}},
		{"a fence finds a Job", []transitionStep{
			intentStep,
			{in: Input{Requests: waitRequests}, want: []string{"Fencing"}},
			{in: observe(phases{"s/a": PhaseRunning}), want: []string{"ActionStarted", "Stopping"}},
		}},
		{"an abandon escalates", []transitionStep{
			intentStep, confirmStep, waitStep,
			{
				in: Input{Requests: abandonRequests}, want: []string{"ActionAbandoned", "Escalated"},
				messages: []string{`StopRequest "a" asked to stop and abandon.`},
			},
			{in: Input{Requests: abandonRequests}},
			{in: observe(phases{"s/a": PhaseEnded}), want: []string{"Stopped"}},
		}},
		{"an abandon comes with the end", []transitionStep{
			intentStep, confirmStep, waitStep,
			{
				in:   Input{Requests: abandonRequests, Observed: phases{"s/a": PhaseSucceeded}.observations()},
				want: []string{"ActionSucceeded", "Escalated", "Stopped"},
			},
		}},
		{"time escalates", []transitionStep{
			intentStep, confirmStep,
			{in: Input{Requests: []v1alpha1.StopRequest{escalating}}, want: []string{"Stopping"}},
			{},
			{
				want:     []string{"ActionAbandoned", "Escalated"},
				messages: []string{`StopRequest "soon" asked to stop and wait, and escalated to abandon when its time was up.`},
			},
			{},
			{in: observe(phases{"s/a": PhaseEnded}), want: []string{"Stopped"}},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { checkTransitions(t, oneAction(), makeExecution(), tt.steps...) })
	}
}

// What a stop waits for is a transition once for each reason. A grace period that is not over is one of its own.
func TestTransitionsOfWaiting(t *testing.T) {
	tests := []struct {
		name  string
		steps []transitionStep
	}{
		{"once for each reason", []transitionStep{
			intentStep, confirmStep, waitStep,
			{
				in:   observeReason("ImagePullBackOff", `Container "main" cannot start.`),
				want: []string{"StopWaiting"}, messages: []string{`s/a: ImagePullBackOff: Container "main" cannot start.`},
			},
			{in: observeReason("ImagePullBackOff", `Container "main" cannot start.`)},
			{in: observeReason("ImagePullBackOff", "Another message.")},
			{in: observeReason("PodNotEnding", "See whether its node is lost."), want: []string{"StopWaiting"}, messages: []string{"PodNotEnding"}},
			{in: observeReason("", "")},
			{in: observe(phases{"s/a": PhaseSucceeded}), want: []string{"ActionSucceeded", "Stopped"}},
		}},
		{"a grace period, and what keeps the pod after it", []transitionStep{
			intentStep, confirmStep,
			{in: Input{Requests: abandonRequests}, want: []string{"ActionAbandoned", "Stopping"}},
			{in: observeReason("InGracePeriod", "Until 12:00."), want: []string{"StopInGracePeriod"}, messages: []string{"s/a: InGracePeriod: Until 12:00."}},
			{in: observeReason("InGracePeriod", "Until 12:00.")},
			{in: observeReason("PodFinalizer", "example.com/hold"), want: []string{"StopWaiting"}},
			{in: observe(phases{"s/a": PhaseEnded}), want: []string{"Stopped"}},
		}},
		{"a stop that waits as it should", []transitionStep{
			intentStep, confirmStep, waitStep,
			{in: observeReason("", "Job is being deleted by somebody else.")},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { checkTransitions(t, oneAction(), makeExecution(), tt.steps...) })
	}
}

// All that can come together is in the order in which it happened; of the actions the order is that of the pipeline.
func TestTransitionsInOrder(t *testing.T) {
	definition := makeDefinition(makeStage("s", makeAction("a", 1), makeAction("b", 1), makeAction("c", 1)))
	checkTransitions(t, definition, makeExecution(),
		intentStep,
		transitionStep{
			in:   Input{Observed: phases{"s/a": PhaseRunning, "s/b": PhaseRunning, "s/c": PhaseRunning}.observations(), Requests: waitRequests},
			want: []string{"ActionStarted", "ActionStarted", "ActionStarted", "Stopping"},
		},
		transitionStep{
			in: Input{
				Observed: map[ActionKey]Observation{
					{"s", "a"}: {Phase: PhaseFailed, Reason: "DeadlineExceeded"},
					{"s", "b"}: {Phase: PhaseRunning, Reason: "InGracePeriod", Message: "In its grace period."},
					{"s", "c"}: {Phase: PhaseRunning, Reason: "PodNotEnding", Message: "Past it."},
				},
			},
			want:     []string{"ActionFailed", "StopInGracePeriod", "StopWaiting"},
			messages: []string{"DeadlineExceeded\ns/b: InGracePeriod: In its grace period.\ns/c: PodNotEnding"},
		},
	)
}

// How long an execution waits before its first stage is up to others, so it is no delay of its start.
func TestAnExecutionThatWaitedForItsStageHasNoStartDelay(t *testing.T) {
	created, started := at(-30), at(1)
	execution := makeExecution()
	execution.CreationTimestamp = created
	execution.Status.StartTime = &started
	for name, tt := range map[string]struct {
		waited *v1alpha1.StageWait
		want   *metav1.Time
	}{
		"it waited":  {&v1alpha1.StageWait{Stage: "s", Since: created}, nil},
		"it did not": {nil, &created},
	} {
		got := Transitions(&v1alpha1.PipelineExecutionStatus{WaitingForStage: tt.waited}, execution)
		if len(got) == 0 || got[0].Type != transition.Started || !cmp.Equal(got[0].Since, tt.want) {
			t.Errorf("%s: got %v, want Started, measured since %v", name, got, tt.want)
		}
	}
}

// A transition of an action names the action and its workload, so that one of two actions is not taken for the other; one of
// the execution names none. Each has the time at which that began which it ends.
func TestTransitionFields(t *testing.T) {
	created := at(-30)
	execution := makeExecution()
	execution.CreationTimestamp = created
	definition := makeDefinition(makeStage("s", makeAction("a", 1), makeAction("b", 1)))
	checkFields := func(what string, in Input, want ...transition.Transition) {
		t.Helper()
		in.Execution = execution
		got := writeStatus(execution, nextStatus(t, in))
		if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(transition.Transition{}, "Message")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	describe := func(name string, transitionType transition.Type, since *metav1.Time, mode v1alpha1.StopMode) transition.Transition {
		return transition.Transition{
			Type: transitionType, Stage: "s", Action: name, Workload: makeJob(execution, ActionKey{"s", name}, "job-of-"+name), Since: since, Mode: mode,
		}
	}
	const wait, abandon = v1alpha1.StopModeWait, v1alpha1.StopModeAbandon
	noPod := func(name string) Observation {
		return Observation{Phase: PhaseRunning, UID: "job-of-" + name, Reason: "NoPod", Message: "m"}
	}

	checkFields("the intent", Input{Definition: definition, Revision: revisionName, Now: at(1)},
		transition.Transition{Type: transition.Started, Since: &created})
	intent := at(1)
	checkFields("one is confirmed, and one could not be created", Input{
		Observed: map[ActionKey]Observation{
			{"s", "a"}: {Phase: PhaseRunning, UID: "job-of-a"}, {"s", "b"}: {Phase: PhaseFailed, Reason: v1alpha1.ReasonJobRefused},
		}, Now: at(5),
	},
		describe("a", transition.ActionStarted, &intent, ""),
		transition.Transition{
			Type: transition.ActionFailed, Stage: "s", Action: "b", Workload: makeJob(execution, ActionKey{"s", "b"}, ""), Since: &intent,
		},
		transition.Transition{Type: transition.Failing})
	checkFields("a stop", Input{Requests: waitRequests, Now: at(10)}, transition.Transition{Type: transition.Stopping, Mode: wait})
	checkFields("it waits", Input{Observed: map[ActionKey]Observation{{"s", "a"}: noPod("a")}, Now: at(11)},
		describe("a", transition.StopWaiting, nil, wait))
	checkFields("it escalates", Input{Observed: map[ActionKey]Observation{{"s", "a"}: noPod("a")}, Requests: abandonRequests, Now: at(20)},
		describe("a", transition.ActionAbandoned, &intent, ""),
		transition.Transition{Type: transition.Escalated, Mode: abandon})
	accepted := at(10)
	checkFields("it ends", Input{Observed: map[ActionKey]Observation{{"s", "a"}: {Phase: PhaseEnded}}, Now: at(30)},
		transition.Transition{Type: transition.Stopped, Mode: abandon, Since: &accepted})

	for phase, want := range map[Phase]transition.Type{PhaseSucceeded: transition.Succeeded, PhaseFailed: transition.Failed} {
		execution = runSteps(t, oneAction(), step{want: "InProgress | s InProgress: a=unconfirmed"})
		execution.CreationTimestamp = created
		ofAction := transition.ActionSucceeded
		if phase == PhaseFailed {
			ofAction = transition.ActionFailed
		}
		checkFields("an end by itself", Input{Observed: map[ActionKey]Observation{{"s", "a"}: {Phase: phase, UID: "job-of-a"}}, Now: at(9)},
			describe("a", ofAction, &intent, ""), transition.Transition{Type: want, Since: &created})
	}
}

// Two actions for which a stop waits for one reason are two transitions, each with its workload.
func TestTransitionsOfTwoThatWait(t *testing.T) {
	execution := runSteps(t, makeDefinition(makeStage("s", makeAction("a", 1), makeAction("b", 1))),
		step{want: "InProgress | s InProgress: a=unconfirmed b=unconfirmed"})
	waiting := map[ActionKey]Observation{{"s", "a"}: {Phase: PhaseRunning, UID: "a", Reason: "NoPod"}, {"s", "b"}: {Phase: PhaseRunning, UID: "b", Reason: "NoPod"}}
	describe := func(transitions []transition.Transition) []string {
		var all []string
		for _, tr := range transitions {
			all = append(all, string(tr.Type)+" of "+tr.Action+" "+tr.Workload.Name+" "+tr.Workload.UID)
		}
		return all
	}
	job := func(name string) string { return WorkloadName(execution, ActionKey{"s", name}, 1, "") }
	got := describe(writeStatus(execution, nextStatus(t, Input{Execution: execution, Observed: waiting, Requests: waitRequests, Now: at(9)})))
	want := []string{
		"ActionStarted of a " + job("a") + " a", "ActionStarted of b " + job("b") + " b",
		"StopWaiting of a " + job("a") + " a", "StopWaiting of b " + job("b") + " b", "Stopping of   ",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("transitions (-want +got):\n%s", diff)
	}
}

// The first write of an execution that ends at once has both.
func TestTransitionsOfOneWrite(t *testing.T) {
	before := makeExecution().Status
	execution := runSteps(t, oneAction(),
		step{want: "InProgress | s InProgress: a=unconfirmed"},
		step{observed: phases{"s/a": PhaseFailed}, want: "Failed | s Failed: a=Failed"},
	)
	want := []string{"Started", "ActionFailed", "Failed"}
	if diff := cmp.Diff(want, transitionTypes(Transitions(&before, execution))); diff != "" {
		t.Errorf("transitions (-want +got):\n%s", diff)
	}
}

// A status whose stop lost its requests, or that has no conditions, has transitions without a time or without a message.
func TestTransitionsOfAnOddStatus(t *testing.T) {
	execution := makeExecution()
	for _, stop := range []*v1alpha1.StopStatus{nil, {Mode: v1alpha1.StopModeWait}} {
		execution.Status = v1alpha1.PipelineExecutionStatus{State: v1alpha1.ExecutionStopping, Stop: stop}
		for _, tr := range writeStatus(execution, nextStatus(t, Input{Execution: execution, Now: at(1)})) {
			if tr.Type == transition.Stopped && tr.Since != nil {
				t.Errorf("stopped since %s, and nobody asked", tr.Since)
			}
		}
	}
	if got := writeStatus(execution, v1alpha1.PipelineExecutionStatus{State: v1alpha1.ExecutionStopped}); got != nil {
		t.Errorf("a status without conditions has %v", transitionTypes(got))
	}
}

// Over whole runs: what happened is a transition exactly once, and what did not is none.
func TestSimulatedRunsHaveEachTransitionOnce(t *testing.T) {
	runs := map[string]int{}
	for seed := range int64(400) {
		s := newSimulation(t, seed)
		counted := map[string]int{}
		for !s.execution.Status.State.IsFinal() && s.now < maxSteps {
			before := s.execution.Status.DeepCopy()
			s.step()
			for _, tr := range Transitions(before, s.execution) {
				counted[string(tr.Type)]++
				runs[string(tr.Type)]++
			}
		}
		if diff := cmp.Diff(expectTransitions(&s.execution.Status, counted), counted); diff != "" {
			t.Fatalf("seed %d, %s: transitions (-want +got):\n%s", seed, summarizeStates(&s.execution.Status), diff)
		}
	}
	for _, name := range []string{
		"Started", "ActionStarted", "ActionSucceeded", "ActionFailed", "ActionAbandoned",
		"Succeeded", "Failed", "Stopping", "Stopped", "Escalated", "Fencing", "WaitingForPipeline", "Failing",
	} {
		if runs[name] < 10 {
			t.Errorf("only %d runs have %s", runs[name], name)
		}
	}
}

// expectTransitions counts the transitions that an execution must have had by its end. What leaves no trace in the end is
// taken from got, if it is at most once.
func expectTransitions(status *v1alpha1.PipelineExecutionStatus, got map[string]int) map[string]int {
	want := map[string]int{string(status.State): 1}
	if status.StartTime != nil {
		want["Started"] = 1
	}
	confirmed := 0
	for _, a := range actions(status) {
		switch a.State {
		case v1alpha1.ActionFailed:
			want["ActionFailed"]++
		case v1alpha1.ActionSucceeded:
			want["ActionSucceeded"]++
		case v1alpha1.ActionAbandoned:
			want["ActionAbandoned"]++
		}
		if a.Workload.UID != "" {
			confirmed++
		}
	}
	// One that had ended when it was first observed has no ActionStarted.
	if n := got["ActionStarted"]; n > 0 && n <= confirmed {
		want["ActionStarted"] = n
	}
	for _, passing := range []string{"Stopping", "Fencing", "WaitingForPipeline", "Failing"} {
		if got[passing] > 0 {
			want[passing] = 1
		}
	}
	if status.Stop != nil && len(status.Stop.Requests) == 2 && got["Escalated"] > 0 {
		want["Escalated"] = 1
	}
	return want
}
