// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	batchv1 "k8s.io/api/batch/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
)

// scenario is what happens to an execution from its beginning to its end.
type scenario struct {
	name     string
	pipeline *v1alpha1.Pipeline
	// before can refuse calls, from the beginning to the end.
	before func(apiCall) error
	// happens are what happens, one after the other, each when everything has settled.
	happens []func(*fakeCluster)
	state   v1alpha1.ExecutionState
}

func listScenarios() []scenario {
	finish := func(name string, how batchv1.JobConditionType) func(*fakeCluster) {
		return func(cluster *fakeCluster) { cluster.finishJob(name, how) }
	}
	ask := func(name string, abandon bool) func(*fakeCluster) {
		return func(cluster *fakeCluster) { cluster.createStopRequest(name, abandon) }
	}
	both := func(f ...func(*fakeCluster)) func(*fakeCluster) {
		return func(cluster *fakeCluster) {
			for _, g := range f {
				g(cluster)
			}
		}
	}
	const complete, failed = batchv1.JobComplete, batchv1.JobFailed
	return []scenario{
		{"it succeeds", makePipeline(), nil, []func(*fakeCluster){both(finish("a", complete), finish("b", complete)), finish("c", complete)}, v1alpha1.ExecutionSucceeded},
		{"it fails", makePipeline(), nil, []func(*fakeCluster){finish("a", failed), finish("b", complete)}, v1alpha1.ExecutionFailed},
		{"stop and wait", makePipeline(), nil, []func(*fakeCluster){ask("w", false), both(finish("a", complete), finish("b", failed))}, v1alpha1.ExecutionStopped},
		{"stop and abandon", makePipeline(), nil, []func(*fakeCluster){ask("x", true)}, v1alpha1.ExecutionStopped},
		{"wait, then abandon, and duplicates", makePipeline(), nil, []func(*fakeCluster){ask("w", false), ask("v", false), ask("x", true)}, v1alpha1.ExecutionStopped},
		{"stop before the start", makePipeline(), nil, []func(*fakeCluster){}, v1alpha1.ExecutionStopped},
		{"stop and wait with an unconfirmed intent", makePipeline(), refuseJobs("b"), []func(*fakeCluster){ask("w", false), finish("a", complete)}, v1alpha1.ExecutionStopped},
		{"stop and abandon with unconfirmed intents", makePipeline(), refuseJobs("a", "b"), []func(*fakeCluster){ask("x", true)}, v1alpha1.ExecutionStopped},
	}
}

// fault is how the call of an index goes wrong.
type fault struct {
	name string
	// effect is set if the call is carried out; dies, if the operator does nothing more until it starts again.
	effect, dies bool
}

var faults = []fault{
	{"is refused", false, false}, {"loses its answer", true, false}, {"is not reached", false, true}, {"is the last", true, true},
}

// isFirstCall reports whether a reconciliation begins with the call.
func isFirstCall(c apiCall) bool {
	return c.name == "get PipelineExecution" || c.name == "get StopRequest"
}

// play runs a scenario in which the call of an index, if it is not negative, goes wrong. It returns the cluster in the end, and
// how many calls there were.
func (s *scenario) play(t *testing.T, index int, f fault) (*fakeCluster, int) {
	objects := []client.Object{s.pipeline.DeepCopy(), makeExecution()}
	if len(s.happens) == 0 {
		objects = append(objects, makeStopRequest("w", false))
	}
	cluster := newCluster(t, objects...)
	op := cluster.newOperator("op")
	calls, dead := 0, false
	fails := func(c apiCall, after bool) error {
		switch {
		case dead:
			return errDied
		case calls == index+1 && after == f.effect:
			dead = f.dies
			return errTimeout
		case s.before != nil && !after:
			return s.before(c)
		}
		return nil
	}
	cluster.before = func(c apiCall) error {
		if isFirstCall(c) {
			dead = false
		}
		if !dead {
			calls++
		}
		return fails(c, false)
	}
	cluster.after = func(c apiCall) error { return fails(c, true) }
	_ = op.settle()
	for _, happen := range s.happens {
		happen(cluster)
		_ = op.settle()
	}
	return cluster, calls
}

// After a crash between any two calls the same is done again. Each call of each scenario goes wrong in each way, and in the end
// everything is as if it had not.
func TestACrashAfterEachCall(t *testing.T) {
	for _, s := range listScenarios() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			healthy, calls := s.play(t, -1, fault{effect: true})
			checkHistory(t, healthy)
			want := healthy.summarize()
			read, ended := map[string]bool{}, map[string]bool{}
			if got := healthy.getExecution().Status.State; got != s.state {
				t.Fatalf("without a fault it ends %s, want %s:\n%s", got, s.state, want)
			}
			for _, f := range faults {
				for index := range calls {
					if c := healthy.calls[index]; isRead(c.name) {
						// A read has no effect, and one that fails ends a reconciliation. The same read of the same cluster counts once.
						same := fmt.Sprint(c.name, c.effects)
						if f.effect || f.dies || read[same] {
							continue
						}
						read[same] = true
					}
					call := fmt.Sprint(index, f.effect)
					if f.dies && ended[call] {
						continue // Nothing more was done after it anyway.
					}
					cluster, _ := s.play(t, index, f)
					ended[call] = index+1 == len(cluster.calls) || isFirstCall(cluster.calls[index+1])
					checkHistory(t, cluster)
					if diff := cmp.Diff(want, cluster.summarize()); diff != "" {
						t.Errorf("call %d of %d (%s) %s (-want +got):\n%s", index+1, calls, healthy.calls[index].name, f.name, diff)
					}
					if t.Failed() {
						t.Fatalf("call %d of %d %s: %v", index+1, calls, f.name, cluster.callNames())
					}
				}
			}
		})
	}
}

// checkHistory checks I3, nothing starts after Accepted, and I4, one workload.
func checkHistory(t *testing.T, cluster *fakeCluster) {
	t.Helper()
	created := map[string]int{}
	for _, c := range cluster.jobs {
		created[c.name]++
		if c.published && !c.placeholder {
			t.Errorf("I3: %+v after the stop was published", c)
		}
	}
	for name, n := range created {
		if n > 1 {
			t.Errorf("I4: %d Jobs of the name %s: %+v", n, name, cluster.jobs)
		}
	}
}
