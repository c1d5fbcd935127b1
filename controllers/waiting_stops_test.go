// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"
	testingclock "k8s.io/utils/clock/testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"haltline.dev/haltline/api/v1alpha1"
)

// Executions of the tests of waitingStops.
const (
	oneID, otherID = "uid-of-one", "uid-of-other"
)

func newTestedStops(t *testing.T) (*waitingStops, *testingclock.FakeClock) {
	t.Helper()
	one, other, ended := makeExecutionIn(v1alpha1.ExecutionInProgress), makeExecutionIn(v1alpha1.ExecutionInProgress), makeExecutionIn(v1alpha1.ExecutionStopped)
	one.Name, one.UID = "one", oneID
	other.Name, other.UID = "other", otherID
	ended.Name, ended.UID = "ended", "uid-of-ended"
	clock := testingclock.NewFakeClock(time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC))
	return newWaitingStops(buildClient(t, one, other, ended), clock), clock
}

func makeRequestFor(executionID, name string) *v1alpha1.StopRequest {
	sr := makeStopRequest(name, true)
	sr.Spec.PipelineExecutionID = executionID
	return sr
}

func TestHold(t *testing.T) {
	forOne, again, forOther := makeRequestFor(oneID, "stop-one"), makeRequestFor(oneID, "stop-one-again"), makeRequestFor(otherID, "stop-other")
	answered := forOne.DeepCopy()
	answered.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionAccepted, Status: metav1.ConditionTrue}}
	ended := forOne.DeepCopy()
	ended.Status.ObservedGeneration, ended.Status.UID = ended.Generation, string(ended.UID)
	ended.Status.Conditions = []metav1.Condition{
		{Type: v1alpha1.ConditionAccepted, Status: metav1.ConditionFalse}, {Type: v1alpha1.ConditionFinished, Status: metav1.ConditionTrue},
	}
	rejected := transformed(t, ended).(*v1alpha1.StopRequest)
	appear := func(requests ...*v1alpha1.StopRequest) func(*waitingStops, *testingclock.FakeClock) {
		return func(w *waitingStops, _ *testingclock.FakeClock) {
			for _, sr := range requests {
				w.Appeared(t.Context(), sr)
			}
		}
	}
	taken := func(requests ...*v1alpha1.StopRequest) func(*waitingStops, *testingclock.FakeClock) {
		return func(w *waitingStops, _ *testingclock.FakeClock) {
			for _, sr := range requests {
				w.accept([]v1alpha1.StopRequest{*sr})
			}
		}
	}
	look := func(id types.UID) func(*waitingStops, *testingclock.FakeClock) {
		return func(w *waitingStops, _ *testingclock.FakeClock) { w.see(id) }
	}
	vanish := func(sr *v1alpha1.StopRequest) func(*waitingStops, *testingclock.FakeClock) {
		return func(w *waitingStops, _ *testingclock.FakeClock) { w.Vanished(t.Context(), sr) }
	}
	pass := func(d time.Duration) func(*waitingStops, *testingclock.FakeClock) {
		return func(_ *waitingStops, c *testingclock.FakeClock) { c.Step(d) }
	}
	type events []func(*waitingStops, *testingclock.FakeClock)
	for _, tt := range []struct {
		name                       string
		events                     events
		holdsOne, holdsOther, rest bool
	}{
		{"nothing waits", nil, false, false, false},
		{"one is to be stopped: it takes its request, and the rest waits", events{appear(forOne)}, false, true, true},
		{"it has taken its request: its own work goes on beside the verdict", events{appear(forOne), taken(forOne)}, false, true, true},
		{"it has its verdict", events{appear(forOne), taken(forOne), appear(answered)}, false, false, false},
		{"it is rejected, of which the cache keeps only that it has ended", events{appear(forOne, forOther), appear(rejected)}, true, false, true},
		{"the request is deleted", events{appear(forOne), vanish(forOne)}, false, false, false},
		{"both are to be stopped", events{appear(forOne, forOther)}, false, false, true},
		{"one has taken its request, and waits for the other", events{appear(forOne, forOther), taken(forOne)}, true, false, true},
		{"both have taken theirs, and wait for the verdicts", events{appear(forOne, forOther), taken(forOne, forOther)}, true, true, true},
		{"the one has its verdict, the other does not", events{appear(forOne, forOther), taken(forOne, forOther), appear(answered)}, true, false, true},
		{"one is asked for once more, and has that to take", events{appear(forOne, forOther), taken(forOne), appear(again)}, false, false, true},
		{"an event comes twice", events{appear(forOne, forOne), appear(answered)}, false, false, false},
		{"a request that is not known is taken", events{taken(forOne)}, false, false, false},
		{"a stop of no execution", events{appear(makeRequestFor("none", "none"))}, false, false, false},
		{"a stop of one that has ended", events{appear(makeRequestFor("uid-of-ended", "late"))}, false, false, false},
		{"it was looked at, and waits for almost too long", events{appear(forOne), look(oneID), pass(maxWait - 1)}, false, true, true},
		{"it was looked at, and waits for too long", events{appear(forOne), look(oneID), pass(maxWait)}, false, false, false},
		{"and its event comes again", events{appear(forOne), look(oneID), pass(maxWait), appear(forOne)}, false, false, false},
		{"and another comes: one has still to take its own", events{appear(forOne), look(oneID), pass(maxWait), appear(forOther)}, false, false, true},
		{"and is taken then", events{appear(forOne), look(oneID), pass(maxWait), taken(forOne), appear(answered)}, false, false, false},
		{
			"and is taken then, and waits for the other",
			events{appear(forOne), look(oneID), pass(maxWait), taken(forOne), appear(forOther)}, true, false, true,
		},
		{"it is looked at once more", events{appear(forOne), look(oneID), pass(maxWait - 1), look(oneID), pass(1)}, false, false, false},
		{"one that was looked at is asked for once more", events{appear(forOne), look(oneID), appear(again), pass(maxWait)}, false, true, true},
		{"an answered one is looked at", events{appear(forOne), appear(answered), look(oneID)}, false, false, false},
		{"one whose turn has not come holds up others for longer", events{appear(forOne, forOther), pass(maxHold - 1)}, false, false, true},
		{"but not without end", events{appear(forOne, forOther), taken(forOne), pass(maxHold)}, false, false, false},
		{"no request is for what is looked at", events{look(oneID)}, false, false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w, clock := newTestedStops(t)
			for _, happen := range tt.events {
				happen(w, clock)
			}
			for id, want := range map[types.UID]bool{oneID: tt.holdsOne, otherID: tt.holdsOther, "uid-of-another": tt.rest} {
				if _, got := w.hold(id, work{}); got != want {
					t.Errorf("hold(%s) is %v", id, got)
				}
			}
		})
	}
}

func holdsOther(w *waitingStops) bool {
	_, held := w.hold(otherID, work{})
	return held
}

// What was held up goes on at once when nothing holds it up any more, and is not looked at before.
func TestHeldWorkGoesOn(t *testing.T) {
	forOne, forOther := makeRequestFor(oneID, "stop-one"), makeRequestFor(otherID, "stop-other")
	w, clock := newTestedStops(t)
	queue := startWaitlist(t, w.held)
	check := func(what string, want ...string) {
		t.Helper()
		if diff := cmp.Diff(want, popNames(queue)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	hold := func(ids ...types.UID) {
		t.Helper()
		for _, id := range ids {
			if again, held := w.hold(id, workOf(string(id), endPriority)); !held || again.RequeueAfter != wakeLimit {
				t.Errorf("%s is held: %v, %+v", id, held, again)
			}
		}
	}
	w.Appeared(t.Context(), forOne)
	w.Appeared(t.Context(), forOther)
	w.accept([]v1alpha1.StopRequest{*forOne, *forOther})
	hold("third", oneID, otherID)
	check("all are held")
	w.Vanished(t.Context(), forOther)
	check("only one's own request is left", oneID)
	w.Vanished(t.Context(), forOne)
	check("none is left", "third", otherID)
	w.Appeared(t.Context(), forOne)
	hold("third")
	w.see(oneID)
	clock.Step(maxWait)
	w.Appeared(t.Context(), forOther)
	check("the first has waited for too long, and the second has just come", "third")
}

// One whose request waits is known, also when that does not hold up others any more.
func TestIsAskedFor(t *testing.T) {
	w, clock := newTestedStops(t)
	check := func(want bool) {
		t.Helper()
		if w.isAskedFor(oneID) != want || w.isAskedFor(otherID) {
			t.Errorf("one: %v, other: %v", w.isAskedFor(oneID), w.isAskedFor(otherID))
		}
	}
	check(false)
	w.Appeared(t.Context(), makeRequestFor(oneID, "a"))
	w.Appeared(t.Context(), makeRequestFor(oneID, "b"))
	clock.Step(maxWait)
	check(true)
	w.Vanished(t.Context(), makeRequestFor(oneID, "a"))
	check(true)
	w.Vanished(t.Context(), makeRequestFor(oneID, "b"))
	check(false)
}

// Whoever asks without end does not keep the others from going on for ever. Once nobody waits, it begins anew.
func TestHoldEnds(t *testing.T) {
	w, clock := newTestedStops(t)
	var names []string
	for since := time.Duration(0); since < maxHold; since += maxWait - time.Second {
		names = append(names, since.String())
		w.Appeared(t.Context(), makeRequestFor(oneID, since.String()))
		w.see(oneID)
		if !holdsOther(w) {
			t.Errorf("the other is not held %s after the first request", since)
		}
		clock.Step(maxWait - time.Second)
	}
	if holdsOther(w) {
		t.Error("the other waits still")
	}
	for _, name := range names {
		w.Vanished(t.Context(), makeRequestFor(oneID, name))
	}
	w.Appeared(t.Context(), makeRequestFor(oneID, "f"))
	if !holdsOther(w) {
		t.Error("the other does not wait for a request that came after a pause")
	}
	w.Vanished(t.Context(), makeRequestFor(oneID, "f"))
	if len(w.requests)+len(w.executions)+w.holding() > 0 {
		t.Errorf("it remembers %v and %v", w.requests, w.executions)
	}
}
