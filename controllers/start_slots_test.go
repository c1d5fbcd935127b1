// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"

	"haltline.dev/haltline/api/v1alpha1"
)

// Of four workers one starts executions. The others wait in the order in which they came.
func TestStartSlots(t *testing.T) {
	list := newWaitlist()
	q := startWaitlist(t, list)
	s := newStartSlots(startShare, list)
	enter := func(name string) bool {
		_, ok := s.enter(types.UID(name), workOf(name, 0))
		return ok
	}
	if !enter("a") || enter("b") || enter("c") || enter("b") {
		t.Error("not one alone has entered")
	}
	s.wakeNext()
	if woken := popNames(q); len(woken) > 0 {
		t.Errorf("%v were woken while the slot is taken", woken)
	}
	s.leave()
	s.wakeNext()
	if diff := cmp.Diff([]string{"b"}, popNames(q)); diff != "" {
		t.Errorf("woken (-want +got):\n%s", diff)
	}
	if !enter("c") || enter("b") {
		t.Error("not the one that came first has entered")
	}
	s.leave()
	s.wakeNext()
	if diff := cmp.Diff([]string{"b"}, popNames(q)); diff != "" {
		t.Errorf("woken (-want +got):\n%s", diff)
	}
	if !enter("b") {
		t.Error("it was woken, and has not entered")
	}
	s.leave()
	s.wakeNext()
	if woken := popNames(q); len(woken) > 0 {
		t.Errorf("%v were woken and do not wait", woken)
	}
}

func TestStartSlotsOf(t *testing.T) {
	for workers, want := range map[int]int{1: 1, 4: 1, 7: 1, 8: 2, 32: 8} {
		s, n := newStartSlots(workers, newWaitlist()), 0
		for range workers + 1 {
			if _, ok := s.enter("a", work{}); ok {
				n++
			}
		}
		if n != want {
			t.Errorf("of %d workers %d start executions, want %d", workers, n, want)
		}
	}
	var none *startSlots
	if _, ok := none.enter("a", work{}); !ok {
		t.Error("it waits, and nothing is bounded")
	}
	none.leave()
	none.wakeNext()
}

// When all slots are taken, an execution that starts waits, and one that somebody stops does not.
func TestStopsNeedNoSlot(t *testing.T) {
	for name, tt := range map[string]struct {
		prepare func(*testing.T, *fakeCluster, *operator)
		waits   bool
	}{
		"it starts": {func(*testing.T, *fakeCluster, *operator) {}, true},
		"it runs":   {func(_ *testing.T, cluster *fakeCluster, op *operator) { cluster.must(op.settle()) }, true},
		"it is asked to stop": {func(t *testing.T, cluster *fakeCluster, op *operator) {
			cluster.must(op.settle())
			cluster.createStopRequest("stop", true)
			op.executions.Waiting.Appeared(t.Context(), cluster.getRequest("stop"))
		}, false},
		"it is stopping": {func(_ *testing.T, cluster *fakeCluster, op *operator) {
			cluster.must(op.settle())
			cluster.createStopRequest("stop", true)
			_, err := op.reconcileExecution()
			cluster.must(err)
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			cluster := newCluster(t, makePipeline(), makeExecution())
			op := cluster.newOperator("op")
			tt.prepare(t, cluster, op)
			list := newWaitlist()
			q := startWaitlist(t, list)
			op.executions.Starts = newStartSlots(1, list)
			op.executions.Starts.enter("another", workOf("another", 0))
			again, err := op.reconcileExecution()
			cluster.must(err)
			if waits := list.waiting.Len() == 1 && again.RequeueAfter == wakeLimit; waits != tt.waits {
				t.Errorf("it waits: %v; again after %s; %s", waits, again.RequeueAfter, cluster.summarize())
			}
			op.executions.Starts.leave()
			op.executions.Starts.wakeNext()
			if woken := popNames(q); slices.Contains(woken, executionKey.Name) != tt.waits {
				t.Errorf("%v were woken", woken)
			}
			cluster.must(op.settle())
			if _, ok := op.executions.Starts.enter("another", workOf("another", 0)); !ok {
				t.Error("a slot is taken, and nothing is worked on")
			}
			if s := cluster.getExecution().Status.State; tt.waits != (s == v1alpha1.ExecutionInProgress) {
				t.Errorf("in the end it is %s", s)
			}
		})
	}
}

// Whoever is woken and needs no slot any more lets the next one have it.
func TestAFreeSlotIsPassedOn(t *testing.T) {
	for name, prepare := range map[string]func(*fakeCluster, *operator){
		"the one that is woken is gone": func(cluster *fakeCluster, _ *operator) {
			cluster.must(cluster.raw.Delete(t.Context(), cluster.getExecution()))
		},
		"the one that is woken is stopping": func(cluster *fakeCluster, op *operator) {
			cluster.must(op.settle())
			cluster.createStopRequest("stop", true)
			cluster.must(op.settle())
		},
	} {
		t.Run(name, func(t *testing.T) {
			cluster := newCluster(t, makePipeline(), makeExecution())
			op := cluster.newOperator("op")
			prepare(cluster, op)
			list := newWaitlist()
			q := startWaitlist(t, list)
			op.executions.Starts = newStartSlots(1, list)
			op.executions.Starts.enter("another", workOf("another", 0))
			op.executions.Starts.enter(executionUID, workOf(executionKey.Name, 0))
			op.executions.Starts.enter("next", workOf("next", 0))
			op.executions.Starts.leave()
			op.executions.Starts.wakeNext()
			if diff := cmp.Diff([]string{executionKey.Name}, popNames(q)); diff != "" {
				t.Errorf("woken (-want +got):\n%s", diff)
			}
			_, err := op.reconcileExecution()
			cluster.must(err)
			if diff := cmp.Diff([]string{"next"}, popNames(q)); diff != "" {
				t.Errorf("woken then (-want +got):\n%s", diff)
			}
		})
	}
}
