// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/transition"
)

// makeApproval returns an action that waits for approval for 30 seconds.
func makeApproval(name string, runOrder int32) v1alpha1.Action {
	return v1alpha1.Action{Name: name, RunOrder: runOrder, Approval: &v1alpha1.Approval{
		Message: "Is staging good?", URL: "https://example.com/42", TimeoutSeconds: ptr.To[int64](30),
	}}
}

func makeResults(status v1alpha1.ApprovalDecision, action string) []v1alpha1.ApprovalResult {
	submitted := at(1)
	return []v1alpha1.ApprovalResult{{
		ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "answer", UID: types.UID("uid-of-answer"), CreationTimestamp: at(1)},
		Spec: v1alpha1.ApprovalResultSpec{
			PipelineName: "deploy", PipelineExecutionID: executionUID, StageName: "s", ActionName: action, Status: status, Summary: "looked at it", DecidedBy: "ada",
		},
		Status: v1alpha1.ApprovalResultStatus{SubmittedTime: &submitted},
	}}
}

// approvalStep is one call of Next at a time, with the status that it must return.
type approvalStep struct {
	now      int
	observed phases
	requests []v1alpha1.StopRequest
	results  []v1alpha1.ApprovalResult
	want     string
}

func runApprovalSteps(t *testing.T, definition *v1alpha1.PipelineDefinition, steps ...approvalStep) *v1alpha1.PipelineExecution {
	t.Helper()
	execution := makeExecution()
	for i, s := range steps {
		in := Input{
			Execution: execution, Definition: definition, Revision: revisionName, Observed: s.observed.observations(),
			Requests: s.requests, Results: s.results, Now: at(s.now),
		}
		execution.Status = nextStatus(t, in)
		if got := summarizeApprovals(&execution.Status); got != s.want {
			t.Fatalf("step %d: %s\nwant: %s", i+1, got, s.want)
		}
		for _, op := range Operations(&execution.Status, definition) {
			if findDefinition(definition, op.Key).Approval != nil {
				t.Errorf("step %d: an approval asks for operation %d", i+1, op.Type)
			}
		}
	}
	return execution
}

// summarizeApprovals is summarizeStates with an approval that waits as "waiting".
func summarizeApprovals(status *v1alpha1.PipelineExecutionStatus) string {
	shown := status.DeepCopy()
	for _, a := range actions(shown) {
		if isWaitingForApproval(a) {
			a.Workload.UID, a.State = "none", "waiting"
			now := at(0)
			a.CompletionTime = &now
		}
	}
	return summarizeStates(shown)
}

// TestApprovals is the table of how an approval goes, and of what a stop makes of it.
func TestApprovals(t *testing.T) {
	alone := makeDefinition(makeStage("s", makeApproval("a", 1)), makeStage("u", makeApproval("b", 1)))
	beside := makeDefinition(makeStage("s", makeApproval("a", 1), makeAction("j", 1)), makeStage("u", makeApproval("b", 1)))
	onStop := makeDefinition(makeStage("s", withOnStopAbandon(makeApproval("a", 1))))
	yes, no := makeResults(v1alpha1.ApprovalApproved, "a"), makeResults(v1alpha1.ApprovalRejected, "a")
	const waits = "InProgress | s InProgress: a=waiting | u NotStarted: b=NotStarted"
	start := approvalStep{now: 1, want: waits}
	const abandoned = "Stopped | s Stopped: a=Abandoned | u NotStarted: b=NotStarted"
	tests := []struct {
		name       string
		definition *v1alpha1.PipelineDefinition
		steps      []approvalStep
	}{
		{"approved", alone, []approvalStep{start, {now: 2, results: yes, want: "InProgress | s Succeeded: a=Succeeded | u InProgress: b=waiting"}}},
		{"rejected", alone, []approvalStep{start, {now: 2, results: no, want: "Failed | s Failed: a=Failed | u NotStarted: b=NotStarted"}}},
		{"not in time", alone, []approvalStep{start, {now: 30, want: waits}, {now: 31, want: "Failed | s Failed: a=Failed | u NotStarted: b=NotStarted"}}},
		{"decided in time, and seen later", alone, []approvalStep{start, {now: 40, results: yes, want: "InProgress | s Succeeded: a=Succeeded | u InProgress: b=waiting"}}},
		{"beside a Job that goes on", beside, []approvalStep{
			{now: 1, want: "InProgress | s InProgress: a=waiting j=unconfirmed | u NotStarted: b=NotStarted"},
			{now: 2, observed: phases{"s/j": PhaseRunning}, want: "InProgress | s InProgress: a=waiting j=InProgress | u NotStarted: b=NotStarted"},
			{now: 3, results: yes, want: "InProgress | s InProgress: a=Succeeded j=InProgress | u NotStarted: b=NotStarted"},
			{now: 4, observed: phases{"s/j": PhaseSucceeded}, want: "InProgress | s Succeeded: a=Succeeded j=Succeeded | u InProgress: b=waiting"},
		}},
		{"wait, and approved", alone, []approvalStep{
			start, {now: 2, requests: waitRequests, want: "Stopping | s Stopping: a=waiting | u NotStarted: b=NotStarted"},
			{now: 3, results: yes, want: "Stopped | s Stopped: a=Succeeded | u NotStarted: b=NotStarted"},
		}},
		{"wait, and not in time", alone, []approvalStep{
			start, {now: 2, requests: waitRequests, want: "Stopping | s Stopping: a=waiting | u NotStarted: b=NotStarted"},
			{now: 31, want: "Stopped | s Stopped: a=Failed | u NotStarted: b=NotStarted"},
		}},
		{"wait and a result at once", alone, []approvalStep{start, {now: 2, requests: waitRequests, results: no, want: "Stopped | s Stopped: a=Failed | u NotStarted: b=NotStarted"}}},
		{"abandon", alone, []approvalStep{start, {now: 2, requests: abandonRequests, want: abandoned}}},
		{"abandon and a result at once: the stop comes first", alone, []approvalStep{start, {now: 2, requests: abandonRequests, results: yes, want: abandoned}}},
		{"wait, then abandon", alone, []approvalStep{
			start, {now: 2, requests: waitRequests, want: "Stopping | s Stopping: a=waiting | u NotStarted: b=NotStarted"},
			{now: 3, requests: abandonRequests, results: yes, want: abandoned},
		}},
		{"wait, with onStop: Abandon", onStop, []approvalStep{
			{now: 1, want: "InProgress | s InProgress: a=waiting"}, {now: 2, requests: waitRequests, results: yes, want: "Stopped | s Stopped: a=Abandoned"},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { runApprovalSteps(t, tt.definition, tt.steps...) })
	}
}

// What an approval shows: how to decide it while it waits, under a stop as well, and afterwards who did.
func TestApprovalsAreShown(t *testing.T) {
	definition := makeDefinition(makeStage("s", makeApproval("a", 1)), makeStage("u", makeApproval("b", 1)))
	start := approvalStep{now: 1, want: "InProgress | s InProgress: a=waiting | u NotStarted: b=NotStarted"}
	execution := runApprovalSteps(t, definition, start)
	if got := summarizeConditions(&execution.Status)[v1alpha1.ConditionReady]; got != "False/WaitingForApproval" {
		t.Errorf("Ready is %s", got)
	}
	checkContains(t, sharedMessage(t, &execution.Status), `Action "a" of stage "s" waits for approval`, "ApprovalResult", `"deploy"`, executionUID,
		"2026-03-01T12:00:31Z", `"Is staging good?"`, "https://example.com/42")

	execution = runApprovalSteps(t, definition, start, approvalStep{
		now: 2, requests: waitRequests, want: "Stopping | s Stopping: a=waiting | u NotStarted: b=NotStarted",
	})
	waiting := execution.Status.Stop.WaitingFor
	if len(waiting) != 1 || waiting[0].Reason != v1alpha1.ReasonWaitingForApproval || waiting[0].Workload != (v1alpha1.WorkloadReference{}) {
		t.Errorf("the stop waits for %+v", waiting)
	}

	execution = runApprovalSteps(t, definition, start, approvalStep{
		now: 2, results: makeResults(v1alpha1.ApprovalRejected, "a"), want: "Failed | s Failed: a=Failed | u NotStarted: b=NotStarted",
	})
	checkContains(t, sharedMessage(t, &execution.Status), "ApprovalRejected", `"ada"`, `"looked at it"`)
	execution = runApprovalSteps(t, definition, start, approvalStep{now: 31, want: "Failed | s Failed: a=Failed | u NotStarted: b=NotStarted"})
	checkContains(t, sharedMessage(t, &execution.Status), "ApprovalTimedOut", "2026-03-01T12:00:31Z")
}

// An execution that waits for a person is not looked at again and again, and in time for its end.
func TestRequeueAfterOfApprovals(t *testing.T) {
	definition := makeDefinition(makeStage("s", makeApproval("a", 1)))
	definition.Stages[0].Actions[0].Approval.TimeoutSeconds = nil
	waits := "InProgress | s InProgress: a=waiting"
	execution := runApprovalSteps(t, definition, approvalStep{now: 1, want: waits})
	week := 7 * 24 * time.Hour
	if got, want := execution.Status.Stages[0].Actions[0].Approval.ExpirationTime, metav1.NewTime(at(1).Add(week)); !got.Equal(&want) {
		t.Errorf("it waits until %s, want %s", got, want)
	}
	for name, tt := range map[string]struct {
		now  time.Duration
		want time.Duration
	}{
		"at first": {0, resyncInterval}, "a minute before": {week - time.Minute, time.Minute}, "too late": {week + time.Minute, time.Millisecond},
	} {
		if got := RequeueAfter(&execution.Status, metav1.NewTime(at(1).Add(tt.now))); got != tt.want {
			t.Errorf("%s: after %s, want %s", name, got, tt.want)
		}
	}
	execution = runApprovalSteps(t, definition, approvalStep{now: 1, want: waits}, approvalStep{now: 2, requests: waitRequests, want: "Stopping | s Stopping: a=waiting"})
	if got := RequeueAfter(&execution.Status, at(60)); got != resyncInterval {
		t.Errorf("under a stop that waits: after %s", got)
	}
}

// That it waits, and who approved, is reported once.
func TestTransitionsOfApprovals(t *testing.T) {
	definition := makeDefinition(makeStage("s", makeApproval("a", 1)))
	before := makeExecution()
	waiting := runApprovalSteps(t, definition, approvalStep{now: 1, want: "InProgress | s InProgress: a=waiting"})
	typesOf := func(all []transition.Transition) string {
		names := ""
		for _, tr := range all {
			names += string(tr.Type) + " "
		}
		return names
	}
	if got := typesOf(Transitions(&before.Status, waiting)); got != "Started WaitingForApproval " {
		t.Errorf("transitions %s", got)
	}
	if got := Transitions(&waiting.Status, waiting); got != nil {
		t.Errorf("it is reported again: %+v", got)
	}
	approved := runApprovalSteps(t, definition, approvalStep{now: 1, want: "InProgress | s InProgress: a=waiting"}, approvalStep{
		now: 2, results: makeResults(v1alpha1.ApprovalApproved, "a"), want: "Succeeded | s Succeeded: a=Succeeded",
	})
	all := Transitions(&waiting.Status, approved)
	if got := typesOf(all); got != "ActionApproved Succeeded " {
		t.Fatalf("transitions %s", got)
	}
	checkContains(t, all[0].Message, `"ada"`, `"looked at it"`)
}
