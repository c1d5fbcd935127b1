// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package retry

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"haltline.dev/haltline/api/v1alpha1"
)

const (
	failed    = v1alpha1.StageFailed
	stopped   = v1alpha1.StageStopped
	notBegun  = v1alpha1.StageNotStarted
	succeeded = v1alpha1.StageSucceeded
)

// makeOriginal returns the execution "first" that ended in the stage Deploy, in which one of two actions failed.
func makeOriginal(edits ...func(*v1alpha1.PipelineExecution)) *v1alpha1.PipelineExecution {
	at := metav1.Unix(100, 0)
	job := v1alpha1.WorkloadReference{APIVersion: "batch/v1", Kind: "Job", Name: "j", UID: "uid-of-j"}
	e := &v1alpha1.PipelineExecution{
		ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "first", UID: "first"},
		Spec:       v1alpha1.PipelineExecutionSpec{PipelineName: "web", Variables: []v1alpha1.Variable{{Name: "TAG", Value: "v1"}}},
		Status: v1alpha1.PipelineExecutionStatus{
			State: v1alpha1.ExecutionFailed, PipelineExecutionID: "first", PipelineRevision: "web-1", CurrentStage: "Deploy",
			Stages: []v1alpha1.StageStatus{
				{Name: "Build", State: succeeded, Actions: []v1alpha1.ActionStatus{{
					Name: "compile", State: v1alpha1.ActionSucceeded, RunOrder: 1, Attempt: 1, Workload: job, CompletionTime: &at,
					Outputs: []v1alpha1.Variable{{Name: "DIGEST", Value: "d"}},
				}}},
				{Name: "Deploy", State: failed, Actions: []v1alpha1.ActionStatus{
					{Name: "copy", State: v1alpha1.ActionSucceeded, RunOrder: 1, Attempt: 1, Workload: job, CompletionTime: &at},
					{Name: "roll-out", State: v1alpha1.ActionFailed, RunOrder: 1, Attempt: 1, Workload: job, CompletionTime: &at, Reason: "BackoffLimitExceeded"},
				}},
				{Name: "Announce", State: notBegun, Actions: []v1alpha1.ActionStatus{{Name: "mail", State: v1alpha1.ActionNotStarted, RunOrder: 1}}},
			},
		},
	}
	for _, edit := range edits {
		edit(e)
	}
	return e
}

func inState(state v1alpha1.ExecutionState) func(*v1alpha1.PipelineExecution) {
	return func(e *v1alpha1.PipelineExecution) { e.Status.State = state }
}

func withStage(state v1alpha1.StageState) func(*v1alpha1.PipelineExecution) {
	return func(e *v1alpha1.PipelineExecution) { e.Status.Stages[1].State = state }
}

func allSucceeded(e *v1alpha1.PipelineExecution) {
	e.Status.Stages[1].Actions[1].State = v1alpha1.ActionSucceeded
}

func retriedBy(id string) func(*v1alpha1.PipelineExecution) {
	return func(e *v1alpha1.PipelineExecution) {
		e.Status.RetriedBy = &v1alpha1.RetriedBy{PipelineExecutionID: id, Name: id}
	}
}

// thatRetries makes the original one a retry itself, of the execution "zero", which was in the stage before.
func thatRetries(e *v1alpha1.PipelineExecution) {
	e.Spec.Variables = nil
	e.Spec.RetryOf = &v1alpha1.RetryOf{PipelineExecutionID: "zero", StageName: "Deploy", RetryMode: v1alpha1.RetryModeAllActions}
	e.Status.RetryOf = &v1alpha1.RetryStatus{PipelineExecutionID: "zero", Name: "zero", StageExecutionID: "zero", Variables: []v1alpha1.Variable{{Name: "TAG", Value: "v0"}}}
}

func makeRetry(stage string, mode v1alpha1.RetryMode) *v1alpha1.PipelineExecution {
	return &v1alpha1.PipelineExecution{
		ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "second", UID: "second"},
		Spec: v1alpha1.PipelineExecutionSpec{PipelineName: "web", RetryOf: &v1alpha1.RetryOf{
			PipelineExecutionID: "first", StageName: stage, RetryMode: mode,
		}},
	}
}

func makePipeline(mode v1alpha1.ExecutionMode, latest string, waiting ...string) *v1alpha1.Pipeline {
	p := &v1alpha1.Pipeline{Spec: v1alpha1.PipelineSpec{ExecutionMode: mode}}
	stage := v1alpha1.PipelineStageStatus{Name: "Deploy", LatestExecutionID: latest}
	for _, name := range waiting {
		stage.Waiting = append(stage.Waiting, v1alpha1.WaitingExecution{PipelineExecutionID: name, Name: name})
	}
	p.Status.Stages = []v1alpha1.PipelineStageStatus{stage}
	return p
}

func makeRival(state v1alpha1.ExecutionState, took bool) *v1alpha1.PipelineExecution {
	e := &v1alpha1.PipelineExecution{ObjectMeta: metav1.ObjectMeta{Name: "rival", UID: "rival"}}
	e.Status.State, e.Status.PipelineExecutionID = state, "rival"
	if took {
		e.Status.RetryOf = &v1alpha1.RetryStatus{PipelineExecutionID: "first", Name: "first"}
	}
	return e
}

func TestCheck(t *testing.T) {
	const (
		notFound, noStage           = v1alpha1.ReasonPipelineExecutionNotFound, v1alpha1.ReasonStageNotFound
		notRetryable, notLatest     = v1alpha1.ReasonStageNotRetryable, v1alpha1.ReasonNotLatestPipelineExecution
		parallel, queued, supersede = v1alpha1.ExecutionModeParallel, v1alpha1.ExecutionModeQueued, v1alpha1.ExecutionModeSuperseded
	)
	deleted := func(e *v1alpha1.PipelineExecution) { e.DeletionTimestamp = &metav1.Time{} }
	ofAnother := func(e *v1alpha1.PipelineExecution) { e.Spec.PipelineName = "other" }
	restored := func(e *v1alpha1.PipelineExecution) { e.Status.PipelineExecutionID = "another" }
	for _, tt := range []struct {
		name     string
		original *v1alpha1.PipelineExecution
		rival    *v1alpha1.PipelineExecution
		// stage is Deploy if it is empty, mode FAILED_ACTIONS, and pipeline one that is PARALLEL.
		stage    string
		mode     v1alpha1.RetryMode
		pipeline *v1alpha1.Pipeline
		want     string
		says     string
	}{
		{name: "a failed one", original: makeOriginal()},
		{name: "a stopped one", original: makeOriginal(inState(v1alpha1.ExecutionStopped), withStage(stopped))},
		{name: "none of the id", want: notFound, says: `"first"`},
		{name: "one that is being deleted", original: makeOriginal(deleted), want: notFound, says: "being deleted"},
		{name: "one of another pipeline", original: makeOriginal(ofAnother), want: notFound, says: `is of the pipeline "other"`},
		{name: "one that runs", original: makeOriginal(inState(v1alpha1.ExecutionInProgress)), want: notRetryable, says: "has not ended"},
		{name: "one that is stopping", original: makeOriginal(inState(v1alpha1.ExecutionStopping)), want: notRetryable, says: "has not ended"},
		{name: "a copy that a restore made", original: makeOriginal(restored), want: notRetryable, says: "has not ended"},
		{name: "one that succeeded", original: makeOriginal(inState(v1alpha1.ExecutionSucceeded)), want: notRetryable, says: "is Succeeded"},
		{name: "one that was superseded", original: makeOriginal(inState(v1alpha1.ExecutionSuperseded)), want: notRetryable, says: "is Superseded"},
		{name: "a stage that is not there", original: makeOriginal(), stage: "Test", want: noStage, says: `ended in, "Deploy"`},
		{name: "a stage that succeeded", original: makeOriginal(), stage: "Build", want: notRetryable, says: "is Succeeded"},
		{name: "a stage that was not entered", original: makeOriginal(), stage: "Announce", want: notRetryable, says: "is NotStarted"},
		{name: "no failed action", original: makeOriginal(inState(v1alpha1.ExecutionStopped), withStage(stopped), allSucceeded), want: notRetryable, says: "use ALL_ACTIONS"},
		{name: "no failed action, and all of them", original: makeOriginal(inState(v1alpha1.ExecutionStopped), withStage(stopped), allSucceeded), mode: v1alpha1.RetryModeAllActions},
		{name: "claimed by this one", original: makeOriginal(retriedBy("second")), pipeline: makePipeline(queued, "later")},
		{name: "retried by another that runs", original: makeOriginal(retriedBy("rival")), rival: makeRival(v1alpha1.ExecutionInProgress, true), want: notLatest, says: `"rival"`},
		{name: "retried by another that is not bound", original: makeOriginal(retriedBy("rival")), rival: makeRival("", false), want: notLatest, says: `"rival"`},
		{name: "retried by another that failed", original: makeOriginal(retriedBy("rival")), rival: makeRival(v1alpha1.ExecutionFailed, true), want: notLatest, says: `"rival"`},
		{name: "retried by another that is gone", original: makeOriginal(retriedBy("rival")), want: notLatest, says: `"rival"`},
		{name: "retried by another that ended before it took over anything", original: makeOriginal(retriedBy("rival")), rival: makeRival(v1alpha1.ExecutionStopped, false)},
		{name: "PARALLEL: a later one had the stage", original: makeOriginal(), pipeline: makePipeline(parallel, "later")},
		{name: "QUEUED: it had the stage last", original: makeOriginal(), pipeline: makePipeline(queued, "first")},
		{name: "QUEUED: nobody knows who had the stage", original: makeOriginal(), pipeline: makePipeline(queued, "")},
		{name: "QUEUED: a later one had the stage", original: makeOriginal(), pipeline: makePipeline(queued, "later"), want: notLatest, says: "later"},
		{name: "QUEUED: others wait before the stage", original: makeOriginal(), pipeline: makePipeline(queued, "first", "waits")},
		{name: "SUPERSEDED: others wait before the stage", original: makeOriginal(), pipeline: makePipeline(supersede, "first", "waits"), want: notLatest, says: `"waits"`},
		{name: "SUPERSEDED: it had the stage last", original: makeOriginal(), pipeline: makePipeline(supersede, "first")},
		{name: "a retry that never entered its stage", original: makeOriginal(thatRetries, withStage(notBegun)), pipeline: makePipeline(queued, "zero")},
		{name: "a retry that never entered, and a later one did", original: makeOriginal(thatRetries, withStage(notBegun)), pipeline: makePipeline(queued, "later"), want: notLatest, says: "later"},
		{name: "a retry that entered its stage, and the first one had it last", original: makeOriginal(thatRetries), pipeline: makePipeline(queued, "zero"), want: notLatest, says: "zero"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in := Input{Execution: makeRetry("Deploy", v1alpha1.RetryModeFailedActions), Original: tt.original, Rival: tt.rival, Pipeline: makePipeline(parallel, "")}
			if tt.stage != "" {
				in.Execution.Spec.RetryOf.StageName = tt.stage
			}
			if tt.mode != "" {
				in.Execution.Spec.RetryOf.RetryMode = tt.mode
			}
			if tt.pipeline != nil {
				in.Pipeline = tt.pipeline
			}
			got := Check(in)
			switch {
			case got == nil && tt.want != "" || got != nil && got.Reason != tt.want:
				t.Errorf("got %+v, want %q", got, tt.want)
			case got != nil && (!strings.HasPrefix(got.Message, "spec.retryOf.") || !strings.Contains(got.Message, tt.says)):
				t.Errorf("the message is %q, want %q", got.Message, tt.says)
			}
		})
	}
}

func TestTakeOver(t *testing.T) {
	for _, tt := range []struct {
		name     string
		mode     v1alpha1.RetryMode
		original *v1alpha1.PipelineExecution
		// want has each action that was taken over, with the execution that ran it.
		want      map[string]string
		variables string
	}{
		{"the failed actions", v1alpha1.RetryModeFailedActions, makeOriginal(), map[string]string{"compile": "first", "copy": "first"}, "v1"},
		{"all actions", v1alpha1.RetryModeAllActions, makeOriginal(), map[string]string{"compile": "first"}, "v1"},
		{"of a retry", v1alpha1.RetryModeFailedActions, makeOriginal(thatRetries, func(e *v1alpha1.PipelineExecution) {
			e.Status.Stages[0].Actions[0].TakenOverFrom = "zero"
		}), map[string]string{"compile": "zero", "copy": "first"}, "v0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			original := tt.original.DeepCopy()
			retry := makeRetry("Deploy", tt.mode)
			for _, s := range original.Status.Stages {
				stage := v1alpha1.StageStatus{Name: s.Name, State: notBegun}
				for _, a := range s.Actions {
					stage.Actions = append(stage.Actions, v1alpha1.ActionStatus{Name: a.Name, State: v1alpha1.ActionNotStarted, RunOrder: a.RunOrder})
				}
				retry.Status.Stages = append(retry.Status.Stages, stage)
			}
			TakeOver(&retry.Status, retry.Spec.RetryOf, tt.original, nil)
			got := map[string]string{}
			for _, s := range retry.Status.Stages {
				for _, a := range s.Actions {
					switch {
					case a.TakenOverFrom == "" && a.State != v1alpha1.ActionNotStarted:
						t.Errorf("%s is %s", a.Name, a.State)
					case a.TakenOverFrom != "":
						got[a.Name] = a.TakenOverFrom
						if a.State != v1alpha1.ActionSucceeded || a.CompletionTime == nil || a.Attempt != 0 || a.Workload != (v1alpha1.WorkloadReference{}) {
							t.Errorf("%s was taken over as %+v", a.Name, a)
						}
					}
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("taken over (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff([]v1alpha1.StageState{succeeded, notBegun, notBegun}, []v1alpha1.StageState{
				retry.Status.Stages[0].State, retry.Status.Stages[1].State, retry.Status.Stages[2].State,
			}); diff != "" {
				t.Errorf("stages (-want +got):\n%s", diff)
			}
			if got := Variables(retry); len(got) != 1 || got[0].Value != tt.variables {
				t.Errorf("variables %v, want %s", got, tt.variables)
			}
			if diff := cmp.Diff([]v1alpha1.Variable{{Name: "DIGEST", Value: "d"}}, retry.Status.Stages[0].Actions[0].Outputs); diff != "" {
				t.Errorf("outputs (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(original, tt.original); diff != "" {
				t.Errorf("the original one was changed:\n%s", diff)
			}
		})
	}
}

// A retry that was given its stage and was stopped before it entered had the stage last, and so has the one that retries it and never enters either.
func TestTheLatestOfRetriesThatNeverEnter(t *testing.T) {
	second := makeOriginal(thatRetries, withStage(notBegun))
	for latest, want := range map[string]string{"first": "first", "zero": "zero", "": "zero"} {
		third := makeRetry("Deploy", v1alpha1.RetryModeFailedActions)
		pipeline := makePipeline(v1alpha1.ExecutionModeQueued, latest)
		TakeOver(&third.Status, third.Spec.RetryOf, second, pipeline)
		third.Status.State = v1alpha1.ExecutionStopped
		third.Status.Stages = []v1alpha1.StageStatus{{Name: "Deploy", State: notBegun, Actions: []v1alpha1.ActionStatus{{Name: "copy"}}}}
		if got := third.Status.RetryOf.StageExecutionID; got != want {
			t.Errorf("the latest is %q: had by %q, want %q", latest, got, want)
		}
		fourth := makeRetry("Deploy", v1alpha1.RetryModeFailedActions)
		fourth.UID = "fourth"
		if got := Check(Input{Execution: fourth, Original: third, Pipeline: pipeline}); got != nil {
			t.Errorf("the latest is %q: refused with %+v", latest, got)
		}
	}
}

func TestClaim(t *testing.T) {
	original, retry := makeOriginal(), makeRetry("Deploy", v1alpha1.RetryModeAllActions)
	if IsClaimedBy(original, retry) {
		t.Error("claimed by nobody, and the retry has the claim")
	}
	original.Status.RetriedBy = NewClaim(retry)
	if !IsClaimedBy(original, retry) {
		t.Error("claimed, and the retry does not have the claim")
	}
	retry.UID = types.UID("another of the same name")
	if IsClaimedBy(original, retry) {
		t.Error("another of the same name has the claim")
	}
	if got := RefuseLostRevision(original); got.Reason != v1alpha1.ReasonRevisionLost || !strings.Contains(got.Message, `"web-1"`) {
		t.Errorf("got %+v", got)
	}
}
