// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"haltline.dev/haltline/api/v1alpha1"
)

// notedQueue keeps the names of what it is given.
type notedQueue struct {
	plainQueue
	names []string
}

func (q *notedQueue) Add(r reconcile.Request) { q.names = append(q.names, r.Name) }

func (q *notedQueue) AddAfter(r reconcile.Request, _ time.Duration) { q.Add(r) }

// enqueuedBy returns the names of what a controller is to reconcile when an object becomes another. A nil object is not there.
func enqueuedBy(t *testing.T, c client.Client, controller string, before, after client.Object) []string {
	t.Helper()
	queue := &notedQueue{}
	for _, w := range watchesOf(t, c, controller) {
		is := after
		if is == nil {
			is = before
		}
		if reflect.TypeOf(w.Object) != reflect.TypeOf(is) {
			continue
		}
		i := newInformers()
		if err := source.Kind(cache.Cache(i), w.Object, w.Handler, w.Predicates...).Start(t.Context(), queue); err != nil {
			t.Fatal(err)
		}
		switch listener := i.of(t, w.Object, 1)[0]; {
		case before == nil:
			listener.OnAdd(after, false)
		case after == nil:
			listener.OnDelete(before)
		default:
			listener.OnUpdate(before, after)
		}
	}
	slices.Sort(queue.names)
	return slices.Compact(queue.names)
}

func watchesOf(t *testing.T, c client.Client, controller string) []Watch {
	t.Helper()
	all := NewControllers(Dependencies{Nonce: foreseeable, Clock: clock.RealClock{}, Client: c, APIReader: c})
	i := slices.IndexFunc(all, func(o Controller) bool { return o.Name == controller })
	if i < 0 {
		t.Fatalf("no controller %q", controller)
	}
	return all[i].Watches
}

// makeWorkload makes an object one that the execution runs.
func makeWorkload[T client.Object](o T) T {
	o.SetNamespace(executionKey.Namespace)
	o.SetName("ran")
	o.SetLabels(map[string]string{v1alpha1.LabelExecutionID: executionUID})
	return o
}

// A change brings back what depends on it, and nothing else.
func TestWhatAChangeEnqueues(t *testing.T) {
	running := makeExecutionIn(v1alpha1.ExecutionInProgress)
	running.Status.PipelineRevision = "web-1"
	waiting := makeExecution()
	waiting.Name, waiting.UID = "waiting", "uid-of-waiting"
	awaitsAnother := makeExecution()
	awaitsAnother.Name, awaitsAnother.UID, awaitsAnother.Spec.PipelineName = "awaits-another", "uid-of-awaits-another", "another"
	younger := makePipeline()
	younger.Name, younger.UID, younger.Spec.PipelineName = "younger", "uid-of-younger", "web"
	another := makePipeline()
	another.Name, another.UID = "another", "uid-of-another"

	asked, acceptedOne, rejectedOne, elsewhere := makeStopRequest("asked", false), makeStopRequest("accepted", false),
		makeStopRequest("rejected", false), makeStopRequest("elsewhere", false)
	acceptedOne.Status.PipelineExecutionID = executionUID
	acceptedOne.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionAccepted, Status: metav1.ConditionTrue}}
	rejectedOne.Status.Conditions = []metav1.Condition{
		{Type: v1alpha1.ConditionAccepted, Status: metav1.ConditionFalse}, {Type: v1alpha1.ConditionFinished, Status: metav1.ConditionTrue},
	}
	elsewhere.Spec.PipelineExecutionID = "uid-of-waiting"

	stopping := running.DeepCopy()
	stopping.Status.State = v1alpha1.ExecutionStopping
	job, suspended := makeWorkload(&batchv1.Job{}), makeWorkload(&batchv1.Job{})
	suspended.Status.Conditions = []batchv1.JobCondition{{Type: batchv1.JobSuspended}}
	pod := makeWorkload(&metav1.PartialObjectMetadata{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"}})

	c := buildClient(t, running, waiting, awaitsAnother, younger, another, asked, acceptedOne, rejectedOne, elsewhere)
	successor := running.DeepCopy()
	successor.UID = "uid-of-successor"
	for _, tt := range []struct {
		name, controller string
		before, after    client.Object
		want             []string
	}{
		{"a stop is asked for", "pipelineexecution", nil, asked, []string{"run-1"}},
		{"a Job is created", "pipelineexecution", nil, job, []string{"run-1"}},
		{"a Job is suspended", "pipelineexecution", job, suspended, []string{"run-1"}},
		{"a Job is gone", "pipelineexecution", job, nil, []string{"run-1"}},
		{"a pod is gone", "pipelineexecution", pod, nil, []string{"run-1"}},
		{"a pod starts, which changes its Job", "pipelineexecution", nil, pod, nil},
		{"the Pipeline comes that an execution awaits", "pipelineexecution", nil, makePipeline(), []string{"waiting"}},
		{"the execution is created", "pipelineexecution", nil, running, []string{"run-1"}},
		{"the status of the execution changes", "pipelineexecution", running, stopping, []string{"run-1"}},
		{"the status of the execution changes", "stoprequest", running, stopping, []string{"accepted", "asked"}},
		{"the execution has stopped", "stoprequest", stopping, transformed(t, makeStopped()).(client.Object), []string{"accepted", "asked"}},
		{"the execution is gone", "stoprequest", stopping, nil, []string{"accepted", "asked"}},
		{"the execution is gone and another has its name, in one event", "stoprequest", stopping, successor, []string{"accepted", "asked"}},
		{"a stop is asked for", "stoprequest", nil, asked, []string{"asked"}},
		{"the older Pipeline of the name is gone", "pipeline", makePipeline(), nil, []string{"younger"}},
		{"a Pipeline is created", "pipeline", nil, another, []string{"another"}},
	} {
		t.Run(tt.name+", "+tt.controller, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, enqueuedBy(t, c, tt.controller, tt.before, tt.after)); diff != "" {
				t.Errorf("it is enqueued for (-want +got):\n%s", diff)
			}
		})
	}
}
