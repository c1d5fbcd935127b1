// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"haltline.dev/haltline/api/v1alpha1"
)

// makeStarting returns an execution that waits to start, or one that runs.
func makeStarting(name string, runs bool) *v1alpha1.PipelineExecution {
	execution := makeExecution()
	execution.Name, execution.UID = name, types.UID(name)
	if runs {
		execution.Status.StartTime = ptr.To(metav1.Now())
	}
	return execution
}

// slotsUnderTest are slots with the queue that they wake.
type slotsUnderTest struct {
	*startSlots
	queue priorityqueue.PriorityQueue[reconcile.Request]
	runs  map[string]bool
}

func newSlotsUnderTest(t *testing.T, workers int) *slotsUnderTest {
	s := &slotsUnderTest{startSlots: newStartSlots(workers), queue: newTestQueue(t), runs: map[string]bool{}}
	for _, l := range s.waitlists() {
		if err := l.start(t.Context(), s.queue); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// look is what a reconciliation does that leaves the slot taken, if it gets one.
func (s *slotsUnderTest) look(name string) bool {
	_, ok := s.enter(makeStarting(name, s.runs[name]), workOf(name, 0))
	s.wakeNext(workOf(name, 0).NamespacedName)
	return ok
}

// end is the end of a reconciliation that had a slot. It returns who is woken.
func (s *slotsUnderTest) end(name string) []string {
	s.leave()
	s.wakeNext(workOf(name, 0).NamespacedName)
	return popNames(s.queue)
}

func expectWoken(t *testing.T, got []string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("woken (-want +got):\n%s", diff)
	}
}

// Of eight workers one starts executions. The others wait in the order in which they came.
func TestStartSlots(t *testing.T) {
	s := newSlotsUnderTest(t, startShare)
	if !s.look("a") || s.look("b") || s.look("c") || s.look("b") {
		t.Error("not one alone has entered")
	}
	expectWoken(t, popNames(s.queue))
	expectWoken(t, s.end("a"), "b")
	if s.look("d") || s.look("c") {
		t.Error("it has entered, and it is the turn of another")
	}
	expectWoken(t, popNames(s.queue))
	if !s.look("b") {
		t.Error("it was woken, and has not entered")
	}
	expectWoken(t, s.end("b"), "c")
	if !s.look("c") {
		t.Error("it was woken, and has not entered")
	}
	expectWoken(t, s.end("c"), "d")
	if !s.look("d") {
		t.Error("it was woken, and has not entered")
	}
	expectWoken(t, s.end("d"))
}

// However many come later, whoever came first is next.
func TestStartSlotsAreFair(t *testing.T) {
	s := newSlotsUnderTest(t, 2*startShare)
	names := []string{"0"}
	s.look("0")
	s.look("another")
	for i := range 50 {
		names = append(names, strconv.Itoa(i+1))
		s.look(names[i+1])
	}
	var order []string
	inside := []string{"0", "another"}
	for len(inside) > 0 {
		woken := s.end(inside[0])
		inside = inside[1:]
		// Others come before those that were woken.
		s.look("late-" + strconv.Itoa(len(order)))
		for _, name := range woken {
			if !s.look(name) {
				t.Fatalf("%s was woken, and has not entered", name)
			}
			order, inside = append(order, name), append(inside, name)
		}
		if len(order) >= 50 {
			break
		}
	}
	if diff := cmp.Diff(names[1:51], order[:50]); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}

// What runs does not wait for a storm of starts, and keeps the slots only while it needs them.
func TestStartSlotsOfWhatRuns(t *testing.T) {
	s := newSlotsUnderTest(t, startShare)
	s.runs["running"], s.runs["also-running"] = true, true
	if !s.look("a") || s.look("b") || s.look("running") || s.look("c") || s.look("also-running") {
		t.Error("not one alone has entered")
	}
	for _, step := range [][2]string{{"a", "running"}, {"running", "also-running"}, {"also-running", "b"}, {"b", "c"}} {
		expectWoken(t, s.end(step[0]), step[1])
		if !s.look(step[1]) {
			t.Errorf("%s was woken, and has not entered", step[1])
		}
	}
	expectWoken(t, s.end("c"))
}

// Whoever was woken and finds the slot taken stays in front.
func TestAWokenOneStaysInFront(t *testing.T) {
	s := newSlotsUnderTest(t, startShare)
	s.look("a")
	s.look("b")
	s.look("c")
	expectWoken(t, s.end("a"), "b")
	s.runs["running"] = true
	if !s.look("running") || s.look("b") {
		t.Error("what runs goes before what is to start")
	}
	expectWoken(t, popNames(s.queue))
	expectWoken(t, s.end("running"), "b")
}

func TestStartSlotsOf(t *testing.T) {
	for workers, want := range map[int]int{1: 1, 8: 1, 15: 1, 16: 2, 32: 4} {
		s, n := newStartSlots(workers), 0
		for i := range workers + 1 {
			if _, ok := s.enter(makeStarting(strconv.Itoa(i), false), work{}); ok {
				n++
			}
		}
		if n != want {
			t.Errorf("of %d workers %d start executions, want %d", workers, n, want)
		}
	}
	var none *startSlots
	if _, ok := none.enter(makeStarting("a", false), work{}); !ok {
		t.Error("it waits, and nothing is bounded")
	}
	none.leave()
	none.wakeNext(types.NamespacedName{})
	if len(none.waitlists()) > 0 {
		t.Error("there is a waitlist, and nobody waits")
	}
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
			slots := newSlotsUnderTest(t, 1)
			op.executions.Starts = slots.startSlots
			slots.look("another")
			again, err := op.reconcileExecution()
			cluster.must(err)
			if waits := slots.running.len()+slots.fresh.len() == 1 && again.RequeueAfter == wakeLimit; waits != tt.waits {
				t.Errorf("it waits: %v; again after %s; %s", waits, again.RequeueAfter, cluster.summarize())
			}
			if woken := slots.end("another"); slices.Contains(woken, executionKey.Name) != tt.waits {
				t.Errorf("%v were woken", woken)
			}
			cluster.must(op.settle())
			if !slots.look("another") {
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
			slots := newSlotsUnderTest(t, 1)
			op.executions.Starts = slots.startSlots
			slots.look("another")
			slots.enter(makeStarting(executionKey.Name, false), work{reconcile.Request{NamespacedName: executionKey}, 0})
			slots.look("next")
			expectWoken(t, slots.end("another"), executionKey.Name)
			_, err := op.reconcileExecution()
			cluster.must(err)
			expectWoken(t, popNames(slots.queue), "next")
		})
	}
}
