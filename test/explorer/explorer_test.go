// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package explorer

import (
	"fmt"
	"os"
	"runtime/debug"
	"sync"
	"testing"

	"k8s.io/utils/clock"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/simcluster"
)

// TestMain trades memory for time: a run leaves much garbage, and nothing else.
func TestMain(m *testing.M) {
	debug.SetGCPercent(400)
	os.Exit(m.Run())
}

func TestScenariosEndAsTheContractSays(t *testing.T) {
	t.Parallel()
	for _, sc := range Scenarios() {
		t.Run(sc.Name, func(t *testing.T) {
			t.Parallel()
			s := NewSim(sc)
			s.Run()
			if found := Check(s); len(found) > 0 {
				t.Fatal(s.Trace(found))
			}
			for name, want := range sc.Want {
				if got := ending(s, name); got != want {
					t.Errorf("%q ended %q, not %q\n%s", name, got, want, s.Trace(nil))
				}
			}
		})
	}
}

func ending(s *Sim, name string) string {
	if e, ok := s.Store.Find(simcluster.Execution, key(name)).(*v1alpha1.PipelineExecution); ok {
		return string(e.Status.State)
	}
	if r, ok := s.Store.Find(simcluster.StopRequest, key(name)).(*v1alpha1.StopRequest); ok {
		return verdictOf(r)
	}
	return "gone"
}

func TestSingles(t *testing.T) {
	exploreAll(t, Scenarios(), func(x *exploration, base *Sim) {
		for i, injection := range Singles(base) {
			if x.enough() {
				return
			}
			if i%*sample == 0 {
				x.try(injection)
			}
		}
	})
}

// tally counts what was explored.
type tally struct {
	points, runs, void, violations int
	states                         map[uint64]bool
	byInvariant                    map[string]int
}

func newTally() tally { return tally{states: map[uint64]bool{}, byInvariant: map[string]int{}} }

func (n *tally) String() string {
	return fmt.Sprintf("%d injection points, %d runs, %d distinct states, %d injections that changed nothing, %d violations %v",
		n.points, n.runs, len(n.states), n.void, n.violations, n.byInvariant)
}

func (n *tally) add(other tally) {
	n.points += other.points
	n.runs += other.runs
	n.void += other.void
	n.violations += other.violations
	for state := range other.states {
		n.states[state] = true
	}
	for i, count := range other.byInvariant {
		n.byInvariant[i] += count
	}
}

// exploreAll explores scenarios beside each other, and tells how much was explored.
func exploreAll(t *testing.T, scenarios []*Scenario, explore func(x *exploration, base *Sim)) {
	began := clock.RealClock{}.Now()
	var lock sync.Mutex
	all, total, explored := t, newTally(), 0
	t.Run("scenario", func(t *testing.T) {
		for _, sc := range scenarios {
			t.Run(sc.Name, func(t *testing.T) {
				t.Parallel()
				x := &exploration{t: t, all: all, scenario: sc, tally: newTally(), shortest: shortest{}, rested: map[uint64]bool{}}
				base := x.try()
				x.points = len(base.firstCalls())
				explore(x, base)
				t.Log(&x.tally)
				x.shortest.tell(t)
				lock.Lock()
				defer lock.Unlock()
				total.add(x.tally)
				explored++
			})
		}
	})
	t.Logf("%d scenarios, one in %d, %v, %.0f seconds", explored, *sample, &total, clock.RealClock{}.Since(began).Seconds())
}

// exploration is that of one scenario.
type exploration struct {
	tally
	// t is the test of the scenario, all the one that it is a part of.
	t, all   *testing.T
	scenario *Scenario
	shortest shortest
	rested   map[uint64]bool
}

// try runs the scenario with injections and checks what came of it.
func (x *exploration) try(trouble ...*Injection) *Sim {
	s := NewSim(x.scenario, trouble...)
	s.Rested = x.rested
	s.Run()
	for state := range s.States {
		x.states[state] = true
	}
	if s.Void {
		x.void++
		return s
	}
	x.runs++
	found := Check(s)
	if len(found) == 0 {
		return s
	}
	x.t.Fail()
	x.violations++
	x.byInvariant[found[0].Invariant]++
	// With EXPLORE_LIST=1 every violation has a line; the shortest trace for each invariant is told at the end.
	if os.Getenv("EXPLORE_LIST") != "" {
		x.t.Log(s.Name(), found[0])
	}
	x.shortest.offer(s, found)
	return s
}
