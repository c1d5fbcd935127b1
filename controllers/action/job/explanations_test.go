// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package job

import (
	"slices"
	"testing"
	"time"

	testingclock "k8s.io/utils/clock/testing"

	"haltline.dev/haltline/controllers/action"
	"haltline.dev/haltline/controllers/plan"
)

// In a storm everything takes long. Lists of pods would take what it needs to go on.
func TestFewExplanationsAtOnce(t *testing.T) {
	for name, of := range map[string]plan.OperationType{
		"stops that take long": plan.OperationTerminate, "starts that take long": plan.OperationObserve,
	} {
		t.Run(name, func(t *testing.T) {
			clock := testingclock.NewFakeClock(at(60).Time)
			cluster := newCluster(t, makeJob())
			p := cluster.provider()
			p.Explanations = NewExplanations(clock)
			look := func(explained bool) (lists int, err error) {
				scope, op := makeScope(), makeConfirmed(of)
				scope.Now, scope.Explain, op.StartTime, op.Explained = at(60), of == plan.OperationTerminate, timeAt(0), explained
				cluster.calls = nil
				_, err = action.NewRegistry(p).Execute(t.Context(), scope, op)
				return len(slices.DeleteFunc(cluster.calls, func(c string) bool { return c != "live list Pod" })), err
			}
			lists := 0
			for range 10 * explanationBurst {
				n, err := look(false)
				lists += n
				if err != nil && !action.IsPending(err) {
					t.Fatal(err)
				}
			}
			if lists != explanationBurst {
				t.Errorf("%d lists, want %d", lists, explanationBurst)
			}
			if n, err := look(true); n == 0 || err != nil {
				t.Errorf("what is explained is not looked at any more: %d lists, %v", n, err)
			}
			clock.Step(time.Second)
			if n, err := look(false); n == 0 || err != nil {
				t.Errorf("a second later: %d lists, %v", n, err)
			}
		})
	}
}

// Work that takes long, and is not looked at now, is looked at later.
func TestAnExplanationComesLater(t *testing.T) {
	clock := testingclock.NewFakeClock(at(60).Time)
	cluster := newCluster(t, makeJob())
	p := cluster.provider()
	p.Explanations = NewExplanations(clock)
	for p.Explanations.TryAccept() {
	}
	scope, op := makeScope(), makeConfirmed(plan.OperationObserve)
	scope.Now, op.StartTime = at(60), timeAt(0)
	if o, err := action.NewRegistry(p).Execute(t.Context(), scope, op); !action.IsPending(err) || o.Phase != plan.PhaseRunning {
		t.Errorf("got %+v, %v", o, err)
	}
}
