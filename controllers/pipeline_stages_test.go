// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"haltline.dev/haltline/api/v1alpha1"
)

// stageSetter sets the stages of a Pipeline from what the cache shows and from what the API server has.
type stageSetter struct {
	cached, live []client.Object
	// fails is what the API server does not answer: "list" or "get".
	fails string
	// reads are the calls of the API server.
	reads []string
}

func (s *stageSetter) set(t *testing.T, pipeline *v1alpha1.Pipeline) (v1alpha1.PipelineStatus, time.Duration, error) {
	t.Helper()
	answer := func(verb string) error {
		s.reads = append(s.reads, verb)
		if verb == s.fails {
			return errTimeout
		}
		return nil
	}
	live := interceptor.NewClient(buildClient(t, s.live...), interceptor.Funcs{
		Get: func(ctx context.Context, raw client.WithWatch, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
			if err := answer("get"); err != nil {
				return err
			}
			return raw.Get(ctx, key, o, opts...)
		},
		List: func(ctx context.Context, raw client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
			if err := answer("list"); err != nil {
				return err
			}
			return raw.List(ctx, list, opts...)
		},
	})
	r := &PipelineReconciler{Client: buildClient(t, append([]client.Object{pipeline.DeepCopy()}, s.cached...)...), APIReader: live}
	next := *pipeline.Status.DeepCopy()
	again, err := r.setStages(t.Context(), pipeline, &next, metav1.Unix(2e9, 0))
	return next, again, err
}

// describeStages returns who has each stage, and who waits before it.
func describeStages(status v1alpha1.PipelineStatus) string {
	var text string
	for _, s := range status.Stages {
		text += s.Name + ":"
		if s.Execution != nil {
			text += " " + s.Execution.Name
		}
		for _, w := range s.Waiting {
			text += fmt.Sprintf(" (%s)", w.Name)
		}
		text += "; "
	}
	return text
}

func TestSetStages(t *testing.T) {
	const queued = v1alpha1.ExecutionModeQueued
	has := func(name string) func(*v1alpha1.Pipeline) {
		return func(p *v1alpha1.Pipeline) {
			p.Status.Stages = []v1alpha1.PipelineStageStatus{{Name: "s", Execution: &v1alpha1.StageExecution{Name: name, PipelineExecutionID: "uid-of-" + name}}}
		}
	}
	wasParallel := func(p *v1alpha1.Pipeline) { p.Status.ExecutionMode = v1alpha1.ExecutionModeParallel }
	older := makePipeline()
	older.Name, older.UID, older.Spec.PipelineName = "older", "uid-of-older", "web"
	older.CreationTimestamp = metav1.Unix(1, 0)
	younger := func(p *v1alpha1.Pipeline) {
		p.Name, p.Spec.PipelineName, p.CreationTimestamp = "younger", "web", metav1.Unix(2, 0)
		has("a")(p)
	}
	deleted := func(e *v1alpha1.PipelineExecution) {
		e.Finalizers, e.DeletionTimestamp = []string{"example.com/hold"}, &metav1.Time{Time: time.Unix(1e9, 0)}
	}
	restored := func(e *v1alpha1.PipelineExecution) { e.Status.PipelineExecutionID = "uid-of-another" }
	objects := func(all ...*v1alpha1.PipelineExecution) []client.Object {
		var o []client.Object
		for _, e := range all {
			o = append(o, e)
		}
		return o
	}
	waits := makePlaced("b", "", "s")
	for _, tt := range []struct {
		name     string
		pipeline *v1alpha1.Pipeline
		setter   stageSetter
		want     string
		again    time.Duration
		reads    int
	}{
		{"PARALLEL keeps no account", makeQueue(v1alpha1.ExecutionModeParallel), stageSetter{cached: objects(makePlaced("a", "s", ""))}, "", 0, 0},
		{"the first that waits gets the stage", makeQueue(queued), stageSetter{cached: objects(waits)}, "s: b; u:; ", stagesResync, 0},
		{"who is in the stage keeps it", makeQueue(queued, has("a")), stageSetter{cached: objects(makePlaced("a", "s", ""), waits)}, "s: a (b); u:; ", stagesResync, 0},
		// The cache may not show yet who is in a stage.
		{"after PARALLEL the executions are read live", makeQueue(queued, wasParallel), stageSetter{cached: objects(waits), live: objects(makePlaced("a", "s", ""), waits)},
			"s: a (b); u:; ", stagesResync, 2},
		{"of these a restored copy is none", makeQueue(queued, wasParallel), stageSetter{live: objects(makePlaced("a", "s", "", restored), waits)}, "s: b; u:; ", stagesResync, 2},
		{"who has it, and whom the cache does not show, keeps it if it is there", makeQueue(queued, has("a")),
			stageSetter{cached: objects(waits), live: objects(makePlaced("a", "", "s"), waits)}, "s: a (b); u:; ", stagesResync, 1},
		{"and loses it if it has ended", makeQueue(queued, has("a")),
			stageSetter{cached: objects(waits), live: objects(makePlaced("a", "s", "", end), waits)}, "s: b; u:; ", stagesResync, 1},
		{"or is gone", makeQueue(queued, has("a")), stageSetter{cached: objects(waits), live: objects(waits)}, "s: b; u:; ", stagesResync, 1},
		{"a final state is believed that the cache shows", makeQueue(queued, has("a")), stageSetter{cached: objects(makePlaced("a", "s", "", end), waits)},
			"s: b; u:; ", stagesResync, 0},
		{"who is deleted before it entered loses it", makeQueue(queued, has("a")),
			stageSetter{cached: objects(makePlaced("a", "", "s", deleted), waits), live: objects(makePlaced("a", "", "s", deleted))}, "s: b; u:; ", stagesResync, 1},
		{"who is deleted when it has entered keeps it", makeQueue(queued, has("a")),
			stageSetter{cached: objects(makePlaced("a", "", "s", deleted), waits), live: objects(makePlaced("a", "s", "", deleted))}, "s: a (b); u:; ", stagesResync, 1},
		{"another one has the name", makeQueue(queued, younger), stageSetter{cached: append(objects(waits), older)}, "", 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			status, again, err := tt.setter.set(t, tt.pipeline)
			if got := describeStages(status); err != nil || got != tt.want || again != tt.again || len(tt.setter.reads) != tt.reads {
				t.Errorf("%q, again after %s, %d live reads, %v; want %q, %s, %d", got, again, len(tt.setter.reads), err, tt.want, tt.again, tt.reads)
			}
		})
	}
	if status, _, _ := (&stageSetter{cached: append(objects(waits), older)}).set(t, makeQueue(queued, younger)); status.ExecutionMode != "" || status.StageSummary != "" {
		t.Errorf("another one has the name, and the status shows %+v", status)
	}
}

// Nobody gets a stage as long as it is not known whether somebody is in it.
func TestStagesAreNotGivenAwayUnseen(t *testing.T) {
	holds := makeQueue(v1alpha1.ExecutionModeQueued, func(p *v1alpha1.Pipeline) {
		p.Status.Stages = []v1alpha1.PipelineStageStatus{{Name: "s", Execution: &v1alpha1.StageExecution{Name: "a", PipelineExecutionID: "uid-of-a"}}}
	})
	unknown := makeQueue(v1alpha1.ExecutionModeQueued, func(p *v1alpha1.Pipeline) { p.Status.ExecutionMode = "" })
	for fails, pipeline := range map[string]*v1alpha1.Pipeline{"get": holds, "list": unknown} {
		s := &stageSetter{cached: []client.Object{makePlaced("b", "", "s")}, fails: fails}
		if status, _, err := s.set(t, pipeline); !errors.Is(err, errTimeout) || describeStages(status) != describeStages(pipeline.Status) {
			t.Errorf("%s fails: %v, %q", fails, err, describeStages(status))
		}
	}
}

// A live list comes in pages of ten, and costs a request for each page and state.
func TestTheRunningExecutionsComeInPages(t *testing.T) {
	cluster := newCluster(t, makePlaced("a", "s", ""), makePlaced("b", "", "s"), makePlaced("c", "", "s"))
	op := cluster.newOperator("op")
	op.pages = 1
	var limits []int64
	counting := interceptor.NewClient(op.newClient("live ").(client.WithWatch), interceptor.Funcs{
		List: func(ctx context.Context, raw client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
			limits = append(limits, (&client.ListOptions{}).ApplyOptions(opts).Limit)
			return raw.List(ctx, list, opts...)
		},
	})
	running, err := listRunningLive(t.Context(), counting, "team", "web")
	if err != nil || len(running) != 3 {
		t.Errorf("%d executions, %v", len(running), err)
	}
	if !slices.Equal(limits, []int64{10, 10, 10, 10}) {
		t.Errorf("lists of %v executions", limits)
	}
}
