// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package approve

import (
	"fmt"
	"math/rand"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/verdict"
)

const executionID = "0b9c2f4e-52a1-4d0c-9a57-3f1f6f1d2c11"

// at returns a time that many seconds after a fixed one.
func at(seconds int) metav1.Time {
	return metav1.NewTime(time.Date(2026, 3, 1, 12, 0, seconds, 0, time.UTC))
}

// makeExecution returns an execution of ada's with a Job "compile", an approval "approve" that waits until second 100, and one
// "publish" that has not started.
func makeExecution(change func(approve *v1alpha1.ActionStatus)) *v1alpha1.PipelineExecution {
	waiting := v1alpha1.ActionStatus{
		Name: "approve", State: v1alpha1.ActionInProgress, Approval: &v1alpha1.ApprovalStatus{ExpirationTime: at(100)},
	}
	if change != nil {
		change(&waiting)
	}
	return &v1alpha1.PipelineExecution{
		ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "run-1", UID: executionID},
		Spec:       v1alpha1.PipelineExecutionSpec{PipelineName: "deploy", StartedBy: "ada"},
		Status: v1alpha1.PipelineExecutionStatus{
			State: v1alpha1.ExecutionInProgress, PipelineExecutionID: executionID, PipelineRevision: "deploy-1",
			Stages: []v1alpha1.StageStatus{
				{Name: "Build", Actions: []v1alpha1.ActionStatus{{
					Name: "compile", State: v1alpha1.ActionSucceeded, Workload: v1alpha1.WorkloadReference{APIVersion: "batch/v1", Kind: "Job", Name: "j", UID: "u"},
				}}},
				{Name: "Release", Actions: []v1alpha1.ActionStatus{waiting, {Name: "publish", State: v1alpha1.ActionNotStarted}}},
			},
		},
	}
}

func makeResult(name string, status v1alpha1.ApprovalDecision, created int, change ...func(*v1alpha1.ApprovalResult)) v1alpha1.ApprovalResult {
	submitted := at(created)
	ar := v1alpha1.ApprovalResult{
		ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: name, UID: types.UID("uid-of-" + name), Generation: 1, CreationTimestamp: at(created)},
		Spec: v1alpha1.ApprovalResultSpec{
			PipelineName: "deploy", PipelineExecutionID: executionID, StageName: "Release", ActionName: "approve",
			Status: status, Summary: "because of " + name, DecidedBy: "grace",
		},
		Status: v1alpha1.ApprovalResultStatus{ObservedGeneration: -1, SubmittedTime: &submitted},
	}
	for _, c := range change {
		c(&ar)
	}
	return ar
}

func by(name string) func(*v1alpha1.ApprovalResult) {
	return func(ar *v1alpha1.ApprovalResult) { ar.Spec.DecidedBy = name }
}

func about(stage, action string) func(*v1alpha1.ApprovalResult) {
	return func(ar *v1alpha1.ApprovalResult) { ar.Spec.StageName, ar.Spec.ActionName = stage, action }
}

const (
	approved = v1alpha1.ApprovalApproved
	rejected = v1alpha1.ApprovalRejected
)

// TestDecide is the table of the rules: what an execution shows, a result, and its verdict.
func TestDecide(t *testing.T) {
	forbidsStarter := func(a *v1alpha1.ActionStatus) { a.Approval.ForbidStarter = true }
	ended := func(state v1alpha1.ActionState) func(*v1alpha1.ActionStatus) {
		return func(a *v1alpha1.ActionStatus) { a.State, a.CompletionTime = state, &metav1.Time{Time: at(50).Time} }
	}
	decidedBy := func(name string) func(*v1alpha1.ActionStatus) {
		return func(a *v1alpha1.ActionStatus) {
			ended(v1alpha1.ActionSucceeded)(a)
			a.Approval.Result = &v1alpha1.AcceptedApprovalResult{UID: "uid-of-" + name, Name: name, Status: approved, DecidedBy: "linus", Summary: "fine"}
		}
	}
	tests := []struct {
		name   string
		action func(*v1alpha1.ActionStatus)
		result v1alpha1.ApprovalResult
		// want is the reason of the verdict, or nothing while it is pending; parts are in its message.
		want  string
		parts []string
	}{
		{"it waits", nil, makeResult("r", approved, 1), "", []string{"waits for approval"}},
		{"it was decided by this very result", decidedBy("r"), makeResult("r", approved, 1), v1alpha1.ReasonAccepted, []string{`"approve"`, `"Release"`, "approved by this result"}},
		{"twice", decidedBy("other"), makeResult("r", rejected, 1), v1alpha1.ReasonApprovalAlreadyCompleted, []string{"already been approved or rejected", `"linus"`, `"other"`, `"fine"`}},
		{"no such stage", nil, makeResult("r", approved, 1, about("Ship", "approve")), v1alpha1.ReasonStageNotFound, []string{"spec.stageName", `"Ship"`, `"run-1"`}},
		{"no such action", nil, makeResult("r", approved, 1, about("Release", "check")), v1alpha1.ReasonActionNotFound, []string{"spec.actionName", `"check"`}},
		{"a Job", nil, makeResult("r", approved, 1, about("Build", "compile")), v1alpha1.ReasonApprovalNotPending, []string{"is no approval", `Job "j"`}},
		{"not started", nil, makeResult("r", approved, 1, about("Release", "publish")), v1alpha1.ReasonApprovalNotPending, []string{"has not started", "when it waits"}},
		{"abandoned", ended(v1alpha1.ActionAbandoned), makeResult("r", approved, 1), v1alpha1.ReasonApprovalNotPending, []string{"Abandoned"}},
		{"timed out", ended(v1alpha1.ActionFailed), makeResult("r", approved, 1), v1alpha1.ReasonApprovalNotPending, []string{"Failed"}},
		{"late, and nobody has seen that its time is up", nil, makeResult("r", approved, 100), v1alpha1.ReasonApprovalNotPending, []string{"its time was up at 2026-03-01T12:01:40Z"}},
		{"in the last second", nil, makeResult("r", approved, 99), "", nil},
		{"by the starter", forbidsStarter, makeResult("r", approved, 1, by("ada")), v1alpha1.ReasonApproverNotAllowed, []string{"forbidStarter", `"ada"`, "Somebody else"}},
		{"by nobody knows whom", forbidsStarter, makeResult("r", approved, 1, by("")), v1alpha1.ReasonApproverNotAllowed, []string{"spec.decidedBy is empty"}},
		{"by somebody else than the starter", forbidsStarter, makeResult("r", approved, 1), "", nil},
		{"rejected by the starter", forbidsStarter, makeResult("r", rejected, 1, by("ada")), "", nil},
		{"by the starter, who may", nil, makeResult("r", approved, 1, by("ada")), "", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v := Decide(makeExecution(tt.action), &tt.result)
			if v.Reason != tt.want || v.Decided != (tt.want != "") || v.Accepted != (tt.want == v1alpha1.ReasonAccepted) {
				t.Errorf("verdict %+v, want %s", v, tt.want)
			}
			for _, part := range tt.parts {
				if !strings.Contains(v.Message, part) {
					t.Errorf("%q does not have %q", v.Message, part)
				}
			}
		})
	}
}

func TestDecideOfAnUnknownStarter(t *testing.T) {
	execution := makeExecution(func(a *v1alpha1.ActionStatus) { a.Approval.ForbidStarter = true })
	execution.Spec.StartedBy = ""
	ar := makeResult("r", approved, 1)
	if v := Decide(execution, &ar); v.Reason != v1alpha1.ReasonApproverNotAllowed || !strings.Contains(v.Message, "spec.startedBy") {
		t.Errorf("verdict %+v", v)
	}
}

func TestDecideBeforeAndAfterTheExecutionRuns(t *testing.T) {
	ar := makeResult("r", approved, 1)
	for name, tt := range map[string]struct {
		change func(*v1alpha1.PipelineExecution)
		want   string
	}{
		"without stages":     {func(e *v1alpha1.PipelineExecution) { e.Status.Stages = nil }, "has not started. Create another"},
		"failed at once":     {func(e *v1alpha1.PipelineExecution) { e.Status.Stages, e.Status.State = nil, v1alpha1.ExecutionFailed }, "never will"},
		"stopped before":     {func(e *v1alpha1.PipelineExecution) { e.Status.Stages, e.Status.Stop = nil, &v1alpha1.StopStatus{} }, "never will"},
		"final and not over": {func(e *v1alpha1.PipelineExecution) { e.Status.State = v1alpha1.ExecutionStopped }, "any more"},
	} {
		execution := makeExecution(nil)
		tt.change(execution)
		if v := Decide(execution, &ar); v.Reason != v1alpha1.ReasonApprovalNotPending || !strings.Contains(v.Message, tt.want) {
			t.Errorf("%s: verdict %+v", name, v)
		}
	}
	execution := makeExecution(nil)
	execution.Status.PipelineExecutionID = "another"
	if v := Decide(execution, &ar); v.Decided || IsWaitedFor(execution, &ar) {
		t.Errorf("a restored copy: %+v", v)
	}
}

func TestDecideNotFound(t *testing.T) {
	ar := makeResult("r", approved, 1)
	if v := DecideNotFound(&ar, false); v.Reason != v1alpha1.ReasonPipelineNotFound || !strings.Contains(v.Message, `"deploy"`) {
		t.Errorf("no Pipeline: %+v", v)
	}
	if v := DecideNotFound(&ar, true); v.Reason != v1alpha1.ReasonPipelineExecutionNotFound || !strings.Contains(v.Message, executionID) {
		t.Errorf("no execution: %+v", v)
	}
}

// "Of several undecided results the oldest goes first (creation time, then name)"; one that is not submitted, late or not allowed is
// passed over.
func TestAccept(t *testing.T) {
	unsubmitted := func(ar *v1alpha1.ApprovalResult) { ar.Status.SubmittedTime = nil }
	tests := []struct {
		name    string
		results []v1alpha1.ApprovalResult
		want    string
	}{
		{"none", nil, ""},
		{"one", []v1alpha1.ApprovalResult{makeResult("a", approved, 1)}, "a"},
		{"the older one", []v1alpha1.ApprovalResult{makeResult("a", approved, 2), makeResult("b", rejected, 1)}, "b"},
		{"of one age, the first by name", []v1alpha1.ApprovalResult{makeResult("b", approved, 1), makeResult("a", rejected, 1)}, "a"},
		{"not what is not submitted", []v1alpha1.ApprovalResult{makeResult("a", approved, 1, unsubmitted), makeResult("b", rejected, 2)}, "b"},
		{"not what is late", []v1alpha1.ApprovalResult{makeResult("a", approved, 100)}, ""},
		{"not by the starter", []v1alpha1.ApprovalResult{makeResult("a", approved, 1, by("ada")), makeResult("b", approved, 2)}, "b"},
		{"not for another action", []v1alpha1.ApprovalResult{makeResult("a", approved, 1, about("Release", "publish"))}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			execution := makeExecution(func(a *v1alpha1.ActionStatus) { a.Approval.ForbidStarter = true })
			Accept(&execution.Status, "ada", tt.results, at(9))
			got, result := "", execution.Status.Stages[1].Actions[0].Approval.Result
			if result != nil {
				got = result.Name
			}
			if got != tt.want {
				t.Errorf("accepted %q, want %q", got, tt.want)
			}
		})
	}
}

// The record outlives the ApprovalResult, so it holds who decided what, why and when.
func TestAcceptRecords(t *testing.T) {
	execution := makeExecution(nil)
	Accept(&execution.Status, "ada", []v1alpha1.ApprovalResult{makeResult("a", rejected, 1)}, at(9))
	want := &v1alpha1.AcceptedApprovalResult{
		UID: "uid-of-a", Name: "a", Status: rejected, Summary: "because of a", DecidedBy: "grace", DecidedTime: at(9),
	}
	if diff := cmp.Diff(want, execution.Status.Stages[1].Actions[0].Approval.Result); diff != "" {
		t.Errorf("record (-want +got):\n%s", diff)
	}
}

// What JSON writes for a summary of 512 characters has up to 3 KiB, and an execution has up to 50 of them.
func TestAcceptBoundsTheSummary(t *testing.T) {
	for name, tt := range map[string]struct{ summary, want string }{
		"512 characters of three bytes": {strings.Repeat("停", 512), strings.Repeat("停", 512)},
		"512 characters of six bytes":   {strings.Repeat("<", 512), strings.Repeat("<", 255) + "…"},
	} {
		t.Run(name, func(t *testing.T) {
			execution := makeExecution(nil)
			wordy := func(ar *v1alpha1.ApprovalResult) { ar.Spec.Summary = tt.summary }
			Accept(&execution.Status, "ada", []v1alpha1.ApprovalResult{makeResult("a", approved, 1, wordy)}, at(9))
			if got := execution.Status.Stages[1].Actions[0].Approval.Result.Summary; got != tt.want {
				t.Errorf("got %d bytes, want %d", len(got), len(tt.want))
			}
		})
	}
}

// I1: whatever an execution shows later, a verdict that was decided once stays, and what reads Accepted is what was recorded.
func TestVerdictsAreStable(t *testing.T) {
	for seed := range int64(500) {
		rnd := rand.New(rand.NewSource(seed))
		var results []v1alpha1.ApprovalResult
		for i := range 1 + rnd.Intn(4) {
			results = append(results, makeResult(fmt.Sprintf("r%d", i), []v1alpha1.ApprovalDecision{approved, rejected}[rnd.Intn(2)], rnd.Intn(120)))
		}
		execution := makeExecution(nil)
		given := map[string]verdict.Verdict{}
		for step := range 10 {
			a := &execution.Status.Stages[1].Actions[0]
			Accept(&execution.Status, "ada", results[:rnd.Intn(len(results)+1)], at(step))
			if (a.Approval.Result != nil || rnd.Intn(4) == 0) && a.CompletionTime == nil {
				end := at(step)
				a.State, a.CompletionTime = v1alpha1.ActionFailed, &end
			}
			for _, ar := range results {
				v := Decide(execution, &ar)
				before, known := given[ar.Name]
				if known && (before.Accepted != v.Accepted || !v.Decided) {
					t.Fatalf("seed %d: the verdict on %s was %+v and is %+v", seed, ar.Name, before, v)
				}
				if v.Decided {
					given[ar.Name] = v
				}
			}
		}
	}
}

func TestNextStatus(t *testing.T) {
	ar := makeResult("r", rejected, 1, func(ar *v1alpha1.ApprovalResult) { ar.Status.SubmittedTime = nil })
	ar.Status = NextStatus(&ar, verdict.NewPending("it waits"), at(2))
	if ar.Status.SubmittedTime == nil || !meta.IsStatusConditionTrue(ar.Status.Conditions, v1alpha1.ConditionReconciling) || verdict.FindGiven(ar.Status.Conditions) != nil {
		t.Fatalf("submitted: %+v", ar.Status)
	}
	if diff := cmp.Diff(ar.Status, NextStatus(&ar, verdict.NewPending("it waits"), at(3))); diff != "" {
		t.Errorf("it is submitted once (-first +second):\n%s", diff)
	}
	done := NextStatus(&ar, verdict.NewAcceptance("done"), at(4))
	finished := meta.FindStatusCondition(done.Conditions, v1alpha1.ConditionFinished)
	if !verdict.IsAccepted(done.Conditions) || finished == nil || finished.Reason != v1alpha1.ReasonApprovalRejected ||
		!meta.IsStatusConditionTrue(done.Conditions, v1alpha1.ConditionReady) || done.ObservedGeneration != 1 {
		t.Errorf("accepted: %+v", done)
	}
	ar.Status = NextStatus(&ar, verdict.NewRejection(v1alpha1.ReasonApprovalNotPending, "no"), at(4))
	if verdict.IsAccepted(ar.Status.Conditions) || !meta.IsStatusConditionTrue(ar.Status.Conditions, v1alpha1.ConditionStalled) {
		t.Errorf("rejected: %+v", ar.Status)
	}
	if diff := cmp.Diff(ar.Status, NextStatus(&ar, verdict.NewAcceptance("done"), at(5))); diff != "" {
		t.Errorf("a verdict is given once (-first +second):\n%s", diff)
	}
}
