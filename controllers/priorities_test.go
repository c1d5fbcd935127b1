// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"haltline.dev/haltline/api/v1alpha1"
)

// makeStoppedIn returns an execution that is asked to stop, in a state.
func makeStoppedIn(state v1alpha1.ExecutionState) *v1alpha1.PipelineExecution {
	e := makeExecutionIn(state)
	e.Status.Stop = &v1alpha1.StopStatus{}
	return e
}

func TestPriorities(t *testing.T) {
	answered := makeStopRequest("stop", true)
	answered.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionAccepted, Status: metav1.ConditionTrue}}
	for _, tt := range []struct {
		name       string
		priorityOf func(client.Object) int
		o          client.Object
		want       int
	}{
		{"an execution that runs", priorityOfExecution, makeExecutionIn(v1alpha1.ExecutionInProgress), 0},
		{"one that is asked to stop, and has to end", priorityOfExecution, makeStoppedIn(v1alpha1.ExecutionStopping), endPriority},
		{"one that was stopped", priorityOfExecution, makeStoppedIn(v1alpha1.ExecutionStopped), 0},
		{"a request without a verdict", priorityOfRequest, makeStopRequest("stop", true), acceptPriority},
		{"a request with a verdict", priorityOfRequest, answered, 0},
		{"the requests for an execution that has recorded them", priorityOfVerdict, makeStoppedIn(v1alpha1.ExecutionStopping), acceptPriority},
		{"the requests for an execution that has ended", priorityOfVerdict, makeStoppedIn(v1alpha1.ExecutionStopped), endPriority},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.priorityOf(tt.o); got != tt.want {
				t.Errorf("the priority is %d, not %d", got, tt.want)
			}
			q := newTestQueue(t)
			enqueueWork(withPriority(mapToItself, tt.priorityOf)).Create(t.Context(), event.CreateEvent{Object: tt.o}, q)
			if _, got, _ := q.GetWithPriority(); got != tt.want {
				t.Errorf("it is in the queue with %d, not %d", got, tt.want)
			}
		})
	}
}

// What the queue of executions has is worked on in this order, whatever came first.
func TestAcceptingGoesBeforeEndingAndEndingBeforeStarting(t *testing.T) {
	starts, known, ends, asked := makeExecutionIn(v1alpha1.ExecutionInProgress), makeExecutionIn(v1alpha1.ExecutionInProgress),
		makeStoppedIn(v1alpha1.ExecutionStopping), makeExecutionIn(v1alpha1.ExecutionInProgress)
	starts.Name, known.Name, ends.Name, asked.Name, asked.UID = "starts", "known", "ends", "asked", oneID
	of := enqueueWork(withPriority(mapToItself, priorityOfExecution))
	byRequest := enqueueWork(withPriority(mapRequestToExecution(buildClient(t, asked)), priorityOfRequest))
	q := newTestQueue(t)
	of.Create(t.Context(), event.CreateEvent{Object: known, IsInInitialList: true}, q)
	of.Create(t.Context(), event.CreateEvent{Object: starts}, q)
	of.Create(t.Context(), event.CreateEvent{Object: asked}, q)
	of.Create(t.Context(), event.CreateEvent{Object: ends, IsInInitialList: true}, q)
	byRequest.Create(t.Context(), event.CreateEvent{Object: makeRequestFor(oneID, "stop"), IsInInitialList: true}, q)
	if diff := cmp.Diff([]string{"asked", "ends", "starts", "known"}, popNames(q)); diff != "" {
		t.Errorf("the order (-want +got):\n%s", diff)
	}
}

// What a resync brings can wait for everything else, unless it has to end.
func TestAResyncWaits(t *testing.T) {
	q := newTestQueue(t)
	same := func(o client.Object) event.UpdateEvent { return event.UpdateEvent{ObjectOld: o, ObjectNew: o} }
	for _, tt := range []struct {
		o    client.Object
		want int
	}{
		{makeExecutionIn(v1alpha1.ExecutionInProgress), handler.LowPriority}, {makeStoppedIn(v1alpha1.ExecutionStopping), endPriority},
	} {
		enqueueWork(withPriority(mapToItself, priorityOfExecution)).Update(t.Context(), same(tt.o), q)
		r, got, _ := q.GetWithPriority()
		q.Done(r)
		if got != tt.want {
			t.Errorf("the priority is %d, not %d", got, tt.want)
		}
	}
}
