// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"
	"pgregory.net/rapid"

	"haltline.dev/haltline/api/v1alpha1"
)

// world has all versions of some executions and of their Pipeline, so that anybody can read an old one.
type world struct {
	t          *rapid.T
	second     int
	executions [][]*v1alpha1.PipelineExecution
	pipelines  []*v1alpha1.Pipeline
	entered    map[string][]string
}

func last[T any](versions []T) T { return versions[len(versions)-1] }

// drawOld returns any version.
func drawOld[T any](t *rapid.T, versions []T) T {
	return versions[rapid.IntRange(0, len(versions)-1).Draw(t, "version")]
}

func (w *world) change(i int, edit func(*v1alpha1.PipelineExecution)) {
	e := last(w.executions[i]).DeepCopy()
	edit(e)
	w.executions[i] = append(w.executions[i], e)
}

// advance has an execution go on: it enters a stage if an old status of the Pipeline lets it in, leaves the stage, ends, or is stopped.
func (w *world) advance(i int) {
	e := last(w.executions[i])
	status := &e.Status
	switch {
	case status.State.IsFinal():
	case rapid.IntRange(0, 9).Draw(w.t, "stop") == 0:
		w.change(i, func(e *v1alpha1.PipelineExecution) { ended(e).Status.WaitingForStage = nil })
	case status.WaitingForStage != nil:
		entry := CheckEntry(drawOld(w.t, w.pipelines), e, status.WaitingForStage.Stage)
		if entry.IsOpen || entry.SupersededBy != "" {
			w.change(i, func(e *v1alpha1.PipelineExecution) { w.enter(e, entry) })
		}
	case status.CurrentStage == "Deploy":
		w.change(i, func(e *v1alpha1.PipelineExecution) { e.Status.State = v1alpha1.ExecutionSucceeded })
	default:
		next := "Build"
		if status.CurrentStage == "Build" {
			next = "Deploy"
		}
		w.change(i, func(e *v1alpha1.PipelineExecution) {
			e.Status.WaitingForStage = &v1alpha1.StageWait{Stage: next, Since: at(w.second)}
		})
	}
}

func (w *world) enter(e *v1alpha1.PipelineExecution, entry Entry) {
	stage := e.Status.WaitingForStage.Stage
	e.Status.WaitingForStage = nil
	if entry.SupersededBy != "" {
		e.Status.State = v1alpha1.ExecutionSuperseded
		return
	}
	for i := range w.executions {
		if other := last(w.executions[i]); isIn(other, stage) {
			w.t.Fatalf("%s enters %s while %s is in it", e.Name, stage, other.Name)
		}
	}
	e.Status.CurrentStage = stage
	w.entered[stage] = append(w.entered[stage], e.Name)
}

// give derives the stages of the newest Pipeline, since its write is guarded, from old executions.
func (w *world) give(read func([]*v1alpha1.PipelineExecution) *v1alpha1.PipelineExecution) {
	in := Input{Pipeline: last(w.pipelines), Now: at(w.second), Ended: map[types.UID]bool{}}
	for _, versions := range w.executions {
		if e := read(versions); e.Status.State.IsFinal() {
			in.Ended[e.UID] = true
		} else {
			in.Executions = append(in.Executions, e)
		}
	}
	next := last(w.pipelines).DeepCopy()
	next.Status.Stages = Next(in)
	slices.Reverse(in.Executions)
	if diff := cmp.Diff(next.Status.Stages, Next(in)); diff != "" {
		w.t.Fatalf("the order of the executions matters:\n%s", diff)
	}
	w.pipelines = append(w.pipelines, next)
}

// However old what anybody reads is, at most one execution is in a stage. When everybody reads what is new, all of them end.
func TestOneExecutionIsInAStage(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		mode := rapid.SampledFrom([]v1alpha1.ExecutionMode{queued, superseded}).Draw(t, "mode")
		w := &world{t: t, pipelines: []*v1alpha1.Pipeline{makePipeline(mode, "Build", "Deploy")}, entered: map[string][]string{}}
		for i := range rapid.IntRange(1, 4).Draw(t, "executions") {
			w.executions = append(w.executions, []*v1alpha1.PipelineExecution{makeExecution(fmt.Sprint("e", i), i)})
		}
		steps := rapid.IntRange(0, 60).Draw(t, "steps")
		for w.second = range steps {
			if rapid.Bool().Draw(t, "give") {
				w.give(func(versions []*v1alpha1.PipelineExecution) *v1alpha1.PipelineExecution { return drawOld(t, versions) })
			} else {
				w.advance(rapid.IntRange(0, len(w.executions)-1).Draw(t, "execution"))
			}
		}
		w.finish()
	})
}

// finish has everybody read what is new until nothing changes.
func (w *world) finish() {
	for range 20 * len(w.executions) {
		w.second++
		in := Input{Pipeline: last(w.pipelines), Now: at(w.second)}
		for i := range w.executions {
			in.Executions = append(in.Executions, last(w.executions[i]))
		}
		next := last(w.pipelines).DeepCopy()
		next.Status.Stages = Next(in)
		w.pipelines = []*v1alpha1.Pipeline{next}
		for i := range w.executions {
			w.advance(i)
		}
	}
	for i := range w.executions {
		if e := last(w.executions[i]); !e.Status.State.IsFinal() {
			w.t.Fatalf("%s does not end; the stages are %s", e.Name, describe(last(w.pipelines).Status.Stages))
		}
	}
}

// In a queue the order in which executions enter a stage is that in which they began to wait.
func TestFirstInFirstOut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &world{t: t, pipelines: []*v1alpha1.Pipeline{makePipeline(queued, "Build")}, entered: map[string][]string{}}
		var want []string
		order := rapid.Permutation([]int{0, 1, 2, 3, 4}).Draw(t, "order")
		for i := range order {
			w.executions = append(w.executions, []*v1alpha1.PipelineExecution{waiting(fmt.Sprint("e", i), i, "Build", order[i])})
		}
		for second := range order {
			want = append(want, fmt.Sprint("e", slices.Index(order, second)))
		}
		var got []string
		for range order {
			w.give(last[*v1alpha1.PipelineExecution])
			holder := last(w.pipelines).Status.Stages[0].Execution.Name
			got = append(got, holder)
			i := slices.IndexFunc(w.executions, func(v []*v1alpha1.PipelineExecution) bool { return v[0].Name == holder })
			w.change(i, func(e *v1alpha1.PipelineExecution) { ended(e) })
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("order (-want +got):\n%s", diff)
		}
	})
}
