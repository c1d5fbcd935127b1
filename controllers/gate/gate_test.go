// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"fmt"
	"testing"

	"k8s.io/apimachinery/pkg/types"

	"haltline.dev/haltline/api/v1alpha1"
)

func TestNext(t *testing.T) {
	type executions = []*v1alpha1.PipelineExecution
	both := func(mode v1alpha1.ExecutionMode) *v1alpha1.Pipeline { return makePipeline(mode, "Build", "Deploy") }
	marked := both(queued)
	marked.Status.Stages = []v1alpha1.PipelineStageStatus{{
		Name: "Build", Waiting: []v1alpha1.WaitingExecution{{PipelineExecutionID: "a", Name: "a", SupersededBy: "gone"}},
	}}
	for _, tt := range []struct {
		name       string
		pipeline   *v1alpha1.Pipeline
		executions executions
		ended      string
		want       string
	}{
		{"PARALLEL lists nobody", both(parallel), executions{inStage("a", 1, "Build"), waiting("b", 2, "Build", 2)}, "", ""},
		{"PARALLEL lists the transitions that are disabled", makePipeline(parallel, "Build", "Deploy!"), nil, "", "Deploy!="},
		{"nobody", both(queued), nil, "", "Build= Deploy="},
		{"the only one", both(queued), executions{waiting("a", 1, "Build", 2)}, "", "Build=a Deploy="},
		{"one that is not bound yet does not wait", both(queued), executions{makeExecution("a", 1)}, "", "Build= Deploy="},
		{"first in, first out: who began to wait first", both(queued), executions{waiting("a", 1, "Deploy", 9), waiting("b", 2, "Deploy", 8)}, "", "Build= Deploy=b(a)"},
		{"of one second, who was created first", both(queued), executions{waiting("b", 1, "Build", 9), waiting("a", 2, "Build", 9)}, "", "Build=b(a) Deploy="},
		{"of one second, whose uid is smaller", both(queued), executions{waiting("b", 1, "Build", 9), waiting("a", 1, "Build", 9)}, "", "Build=a(b) Deploy="},
		{"a stage that somebody has is given to nobody", given(both(queued), "Build", "a"), executions{inStage("a", 1, "Build"), waiting("b", 2, "Build", 2)}, "",
			"Build=a(b) Deploy="},
		{"who has it and has not entered keeps it", given(both(queued), "Build", "b"), executions{waiting("a", 1, "Build", 1), waiting("b", 2, "Build", 2)}, "",
			"Build=b(a) Deploy="},
		{"who has it and is shown from before the wait keeps it", given(both(queued), "Deploy", "a"), executions{inStage("a", 1, "Build"), waiting("b", 2, "Deploy", 2)}, "",
			"Build=a Deploy=a(b)"},
		{"who has it and is not shown at all keeps it", given(both(queued), "Build", "a"), executions{waiting("b", 2, "Build", 2)}, "", "Build=a(b) Deploy="},
		{"who is known to be gone gives it back", given(both(queued), "Build", "a"), executions{waiting("b", 2, "Build", 2)}, "a", "Build=b Deploy="},
		{"who ended gives it back", given(both(queued), "Build", "a"), executions{ended(inStage("a", 1, "Build")), waiting("b", 2, "Build", 2)}, "", "Build=b Deploy="},
		{"who entered the next stage gives it back", given(both(queued), "Build", "a"), executions{inStage("a", 1, "Deploy"), waiting("b", 2, "Build", 2)}, "",
			"Build=b Deploy=a"},
		{"who waits before the next stage gives it back", given(given(both(queued), "Build", "a"), "Deploy", "c"),
			executions{waiting("a", 1, "Deploy", 3), waiting("b", 2, "Build", 2), inStage("c", 0, "Deploy")}, "", "Build=b Deploy=c(a)"},
		{"who is stopped while it waits is passed over", both(queued), executions{stopped(waiting("a", 1, "Build", 1)), waiting("b", 2, "Build", 2)}, "", "Build=b Deploy="},
		{"who is deleted while it waits is passed over", both(queued), executions{deleted(waiting("a", 1, "Build", 1)), waiting("b", 2, "Build", 2)}, "", "Build=b Deploy="},
		{"after PARALLEL, nobody enters a stage that somebody is in", both(queued),
			executions{inStage("b", 2, "Build"), inStage("a", 1, "Build"), waiting("c", 3, "Build", 3)}, "", "Build=a(c) Deploy="},
		{"after PARALLEL, until the last one has left it", given(both(queued), "Build", "a"),
			executions{inStage("b", 2, "Build"), inStage("a", 1, "Deploy"), waiting("c", 3, "Build", 3)}, "", "Build=b(c) Deploy=a"},
		{"a disabled transition gives the stage to nobody", makePipeline(queued, "Build", "Deploy!"), executions{waiting("a", 1, "Deploy", 1)}, "", "Build= Deploy!=(a)"},
		{"a disabled transition takes the stage from nobody", given(makePipeline(queued, "Build", "Deploy!"), "Deploy", "a"),
			executions{inStage("a", 1, "Deploy"), waiting("b", 2, "Deploy", 2)}, "", "Build= Deploy!=a(b)"},
		{"a stage that only executions have is one as well", makePipeline(queued, "Other"), executions{inStage("a", 1, "Deploy"), waiting("b", 2, "Build", 2), waiting("c", 3, "Build", 3)},
			"", "Other= Deploy=a Build=b(c)"},
		{"SUPERSEDED lets the newest in", both(superseded), executions{waiting("a", 1, "Build", 1), waiting("b", 2, "Build", 2), waiting("c", 3, "Build", 3)}, "",
			"Build=c(a<c b<c) Deploy="},
		{"SUPERSEDED: who has the stage is not superseded", given(both(superseded), "Build", "a"), executions{waiting("a", 1, "Build", 1), waiting("b", 2, "Build", 2)}, "",
			"Build=a(b) Deploy="},
		{"SUPERSEDED: the newest by creation, not by its wait", given(both(superseded), "Deploy", "x"), executions{waiting("a", 1, "Deploy", 9), waiting("b", 2, "Deploy", 5)}, "",
			"Build= Deploy=x(a<b b)"},
		{"SUPERSEDED: one that waits before another stage overtakes nobody", given(given(both(superseded), "Build", "x"), "Deploy", "y"),
			executions{waiting("a", 1, "Deploy", 1), waiting("b", 2, "Build", 2)}, "", "Build=x(b) Deploy=y(a)"},
		{"SUPERSEDED: before a disabled transition as well", makePipeline(superseded, "Build!", "Deploy"), executions{waiting("a", 1, "Build", 1), waiting("b", 2, "Build", 2)}, "",
			"Build!=(a<b b) Deploy="},
		{"who is marked stays marked, whatever the mode is and whoever is gone", marked, executions{waiting("a", 1, "Build", 1)}, "", "Build=(a<gone) Deploy="},
		{"who is marked does not keep others from entering", marked, executions{waiting("a", 1, "Build", 1), waiting("b", 2, "Build", 2)}, "", "Build=b(a<gone) Deploy="},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in := Input{Pipeline: tt.pipeline, Executions: tt.executions, Now: at(10), Ended: map[types.UID]bool{types.UID(tt.ended): true}}
			if got := describe(Next(in)); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

// A status is bounded, whoever waits. Those that are to end are among the ones that it lists, or they would never read it.
func TestNextIsBounded(t *testing.T) {
	pipeline := given(makePipeline(superseded, "Build"), "Build", "holder")
	in := Input{Pipeline: pipeline, Now: at(10)}
	for i := range 9 {
		in.Executions = append(in.Executions, waiting(fmt.Sprint("e", i), i, "Build", i))
	}
	if got, want := describe(Next(in)), "Build=holder(e0<e8 e1<e8 e2<e8 e3<e8 e4<e8 9 in all)"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	in.Executions = nil
	for i := range 100 {
		in.Executions = append(in.Executions, waiting(fmt.Sprint("e", i), i, fmt.Sprint("stage", i), 100-i))
	}
	in.Pipeline = makePipeline(queued, "Build")
	stages := Next(in)
	if len(stages) != v1alpha1.MaxStageStatuses || stages[1].Name != "stage99" {
		t.Errorf("%d stages, the first that only executions have is %s, and stage99 is waited for longest", len(stages), stages[1].Name)
	}
}

// The times are those at which something began, however often the status is derived.
func TestNextKeepsTimes(t *testing.T) {
	pipeline := makePipeline(queued, "Build", "Deploy!")
	executions := []*v1alpha1.PipelineExecution{waiting("a", 1, "Build", 2), waiting("b", 1, "Build", 3)}
	pipeline.Status.Stages = Next(Input{Pipeline: pipeline, Executions: executions, Now: at(10)})
	again := Next(Input{Pipeline: pipeline, Executions: executions, Now: at(20)})
	build, deploy := again[0], again[1]
	if !build.Execution.Since.Time.Equal(at(10).Time) || !build.Waiting[0].Since.Time.Equal(at(3).Time) || !deploy.DisabledTransition.Since.Time.Equal(at(10).Time) {
		t.Errorf("times have moved: %+v", again)
	}
	if deploy.DisabledTransition.Reason != "frozen" {
		t.Errorf("the reason is %q", deploy.DisabledTransition.Reason)
	}
}

func TestFindUnsure(t *testing.T) {
	pipeline := given(given(given(makePipeline(queued, "Build", "Deploy"), "Build", "seen"), "Deploy", "unseen"), "Old", "deleted")
	executions := []*v1alpha1.PipelineExecution{inStage("seen", 1, "Build"), deleted(waiting("deleted", 1, "Old", 1))}
	unsure := FindUnsure(Input{Pipeline: pipeline, Executions: executions})
	if len(unsure) != 2 || unsure[0].Name != "unseen" || unsure[1].Name != "deleted" {
		t.Errorf("unsure are %+v", unsure)
	}
}

func TestCheckEntry(t *testing.T) {
	withMode := func(e *v1alpha1.PipelineExecution, mode v1alpha1.ExecutionMode) *v1alpha1.PipelineExecution {
		e.Status.ExecutionMode = mode
		return e
	}
	a := waiting("a", 1, "Build", 1)
	marked := makePipeline(parallel, "Build")
	marked.Status.Stages = []v1alpha1.PipelineStageStatus{{
		Name: "Build", Waiting: []v1alpha1.WaitingExecution{{PipelineExecutionID: "a", Name: "a", SupersededBy: "b"}},
	}}
	for _, tt := range []struct {
		name         string
		pipeline     *v1alpha1.Pipeline
		execution    *v1alpha1.PipelineExecution
		open         bool
		reason       string
		supersededBy string
	}{
		{"PARALLEL", makePipeline(parallel, "Build"), a, true, "", ""},
		{"no mode", makePipeline("", "Build"), a, true, "", ""},
		{"QUEUED, and nobody has the stage", makePipeline(queued, "Build"), a, false, v1alpha1.ReasonWaitingForStage, ""},
		{"QUEUED, and somebody else has the stage", given(makePipeline(queued, "Build"), "Build", "b"), a, false, v1alpha1.ReasonWaitingForStage, ""},
		{"QUEUED, and it has another stage", given(makePipeline(queued, "Build"), "Deploy", "a"), a, false, v1alpha1.ReasonWaitingForStage, ""},
		{"QUEUED, and it has the stage", given(makePipeline(queued, "Build"), "Build", "a"), a, true, "", ""},
		{"SUPERSEDED, and it has the stage", given(makePipeline(superseded, "Build"), "Build", "a"), a, true, "", ""},
		{"disabled", makePipeline(parallel, "Build!"), a, false, v1alpha1.ReasonTransitionDisabled, ""},
		{"disabled, and it has the stage", given(makePipeline(queued, "Build!"), "Build", "a"), a, false, v1alpha1.ReasonTransitionDisabled, ""},
		{"another stage is disabled", makePipeline(parallel, "Build", "Deploy!"), a, true, "", ""},
		{"the Pipeline has no such stage any more", makePipeline(parallel, "Other!"), a, true, "", ""},
		{"superseded", marked, a, false, "", "b"},
		{"somebody else is superseded", marked, waiting("c", 1, "Build", 1), true, "", ""},
		{"no Pipeline any more, started as PARALLEL", nil, withMode(waiting("a", 1, "Build", 1), parallel), true, "", ""},
		{"no Pipeline any more, started as QUEUED", nil, withMode(waiting("a", 1, "Build", 1), queued), false, v1alpha1.ReasonWaitingForStage, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := CheckEntry(tt.pipeline, tt.execution, "Build")
			if got.IsOpen != tt.open || got.SupersededBy != tt.supersededBy || !got.IsOpen && got.Reason != tt.reason {
				t.Errorf("got %+v", got)
			}
			if !got.IsOpen && got.SupersededBy == "" && got.Message == "" {
				t.Error("nothing tells what it waits for")
			}
		})
	}
}

func TestSummarize(t *testing.T) {
	stages := Next(Input{Pipeline: makePipeline(queued, "Build", "Test", "Deploy!"), Executions: []*v1alpha1.PipelineExecution{
		inStage("a", 1, "Build"), waiting("b", 2, "Build", 2), waiting("c", 3, "Build", 3), waiting("d", 4, "Deploy", 4),
	}, Now: at(9)})
	if got, want := Summarize(stages), "Build: a, 2 waiting; Deploy: 1 waiting, disabled"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
