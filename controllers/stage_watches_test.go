// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
)

// makeQueue returns a Pipeline of a mode.
func makeQueue(mode v1alpha1.ExecutionMode, change ...func(*v1alpha1.Pipeline)) *v1alpha1.Pipeline {
	pipeline := makePipeline()
	pipeline.Spec.ExecutionMode, pipeline.Status.ExecutionMode = mode, mode
	for _, c := range change {
		c(pipeline)
	}
	return pipeline
}

// makePlaced returns an execution of a name that is in a stage, or waits before one, of the pipeline of makePipeline.
func makePlaced(name, current, waitsFor string, change ...func(*v1alpha1.PipelineExecution)) *v1alpha1.PipelineExecution {
	e := makeExecutionIn(v1alpha1.ExecutionInProgress)
	e.Name, e.UID = name, types.UID("uid-of-"+name)
	e.Status.PipelineExecutionID, e.Status.CurrentStage, e.Status.PipelineRevision = string(e.UID), current, "web-1"
	e.Status.Stages = []v1alpha1.StageStatus{{Name: "s"}, {Name: "u"}}
	if waitsFor != "" {
		e.Status.WaitingForStage = &v1alpha1.StageWait{Stage: waitsFor, Since: metav1.Unix(1e9, 0)}
	}
	for _, c := range change {
		c(e)
	}
	return e
}

func end(e *v1alpha1.PipelineExecution) { e.Status.State = v1alpha1.ExecutionFailed }

func askToStop(e *v1alpha1.PipelineExecution) {
	e.Status.Stop = &v1alpha1.StopStatus{Mode: v1alpha1.StopModeWait}
}

// Who is in which stage matters to a Pipeline of a queue, and nothing else of an execution does.
func TestWhichExecutionsBringBackTheirPipeline(t *testing.T) {
	renamed := func(e *v1alpha1.PipelineExecution) { e.Status.Version++ }
	for _, tt := range []struct {
		name          string
		before, after client.Object
		comes         bool
	}{
		{"one that waits is seen first", nil, makePlaced("a", "", "s"), true},
		{"one that is in a stage is seen first", nil, makePlaced("a", "s", ""), true},
		{"one that has ended is seen first", nil, makePlaced("a", "s", "", end), false},
		{"one that has not begun is created", nil, makePlaced("a", "", ""), false},
		{"it comes to wait", makePlaced("a", "", ""), makePlaced("a", "", "s"), true},
		{"it enters", makePlaced("a", "", "s"), makePlaced("a", "s", ""), true},
		{"it leaves, and waits before the next", makePlaced("a", "s", ""), makePlaced("a", "s", "u"), true},
		{"it ends", makePlaced("a", "s", ""), makePlaced("a", "s", "", end), true},
		{"it is asked to stop", makePlaced("a", "", "s"), makePlaced("a", "", "s", askToStop), true},
		{"something else of it changes", makePlaced("a", "s", ""), makePlaced("a", "s", "", renamed), false},
		{"something changes of one that has ended", makePlaced("a", "s", "", end), makePlaced("a", "", "", end), false},
		{"it is gone", makePlaced("a", "s", ""), nil, true},
	} {
		for mode, isSerial := range map[v1alpha1.ExecutionMode]bool{
			v1alpha1.ExecutionModeQueued: true, v1alpha1.ExecutionModeSuperseded: true, v1alpha1.ExecutionModeParallel: false,
		} {
			want := []string(nil)
			if tt.comes && isSerial {
				want = []string{"web"}
			}
			if diff := cmp.Diff(want, enqueuedBy(t, buildClient(t, makeQueue(mode)), "pipeline", tt.before, tt.after)); diff != "" {
				t.Errorf("%s, %s: it is enqueued for (-want +got):\n%s", mode, tt.name, diff)
			}
		}
	}
}

// What a Pipeline changes brings back the executions that wait for that: one that it gives a stage to or marks, or all of them.
func TestWhichPipelinesBringBackWhatWaitsBeforeAStage(t *testing.T) {
	const queued = v1alpha1.ExecutionModeQueued
	gives := func(name string) func(*v1alpha1.Pipeline) {
		return func(p *v1alpha1.Pipeline) {
			p.Status.Stages = []v1alpha1.PipelineStageStatus{{Name: "s", Execution: &v1alpha1.StageExecution{Name: name, PipelineExecutionID: "uid-of-" + name}}}
		}
	}
	marks := func(name string) func(*v1alpha1.Pipeline) {
		return func(p *v1alpha1.Pipeline) {
			p.Status.Stages = []v1alpha1.PipelineStageStatus{{Name: "s", Waiting: []v1alpha1.WaitingExecution{
				{Name: name, PipelineExecutionID: "uid-of-" + name, SupersededBy: "newest"}, {Name: "second", PipelineExecutionID: "uid-of-second"},
			}}}
		}
	}
	disabled := func(p *v1alpha1.Pipeline) { p.Spec.Stages[1].Transition = &v1alpha1.StageTransition{Disabled: true} }
	counts := func(p *v1alpha1.Pipeline) {
		p.Status.Stages = []v1alpha1.PipelineStageStatus{{Name: "s", WaitingCount: 2}}
	}
	another := func(p *v1alpha1.Pipeline) { p.UID = "another" }
	all := []string{"first", "second"}
	elsewhere := makePlaced("elsewhere", "", "s", func(e *v1alpha1.PipelineExecution) { e.Spec.PipelineName = "api" })
	c := buildClient(t, makePlaced("first", "", "s"), makePlaced("second", "s", "u"), makePlaced("third", "s", ""), makePlaced("ended", "s", "u", end), elsewhere)
	for _, tt := range []struct {
		name          string
		before, after *v1alpha1.Pipeline
		want          []string
	}{
		{"it gives a stage to one", makeQueue(queued), makeQueue(queued, gives("first")), []string{"first"}},
		{"it gives it to the next", makeQueue(queued, gives("third")), makeQueue(queued, gives("first")), []string{"first"}},
		{"it had given it before", makeQueue(queued, gives("first")), makeQueue(queued, gives("first"), disabledElsewhere), nil},
		{"it marks one as superseded", makeQueue(queued), makeQueue(queued, marks("first")), []string{"first"}},
		{"it counts those that wait", makeQueue(queued), makeQueue(queued, counts), nil},
		{"its mode changes", makeQueue(queued), makeQueue(v1alpha1.ExecutionModeParallel), all},
		{"a transition is disabled", makeQueue(queued), makeQueue(queued, disabled), all},
		{"a transition is enabled", makeQueue(queued, disabled), makeQueue(queued), all},
		{"another takes its place, in one event", makeQueue(queued), makeQueue(queued, another), all},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, enqueuedBy(t, c, "pipelineexecution", tt.before, tt.after)); diff != "" {
				t.Errorf("it is enqueued for (-want +got):\n%s", diff)
			}
		})
	}
	for name, objects := range map[string][2]client.Object{"created": {nil, makeQueue(queued)}, "deleted": {makeQueue(queued), nil}} {
		if diff := cmp.Diff(all, enqueuedBy(t, c, "pipelineexecution", objects[0], objects[1])); diff != "" {
			t.Errorf("it is %s: it is enqueued for (-want +got):\n%s", name, diff)
		}
	}
}

// disabledElsewhere changes something that nobody waits for.
func disabledElsewhere(p *v1alpha1.Pipeline) { p.Labels = map[string]string{"team": "web"} }

// An execution whose Pipeline cannot be looked up brings nothing back; the next look at the stages finds it.
func TestALookUpThatFailsBringsNothingBack(t *testing.T) {
	c := listAnswers{err: errors.New("no such index")}
	if got := enqueuedBy(t, c, "pipeline", nil, makePlaced("a", "s", "")); got != nil {
		t.Errorf("it is enqueued for %q", got)
	}
}
