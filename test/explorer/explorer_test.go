// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package explorer

import (
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"sync"
	"testing"

	"k8s.io/utils/clock"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/simcluster"
)

// TestMain trades memory for time: a run leaves much garbage.
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
				if got := endOf(s, name); got != want {
					t.Errorf("%q ended %q, not %q\n%s", name, got, want, s.Trace(nil))
				}
			}
		})
	}
}

// endOf returns the state of the execution of a name, or the verdict on the stop request.
func endOf(s *Sim, name string) string {
	if e, ok := s.Store.Find(simcluster.Execution, key(name)).(*v1alpha1.PipelineExecution); ok {
		return string(e.Status.State)
	}
	return s.verdictOf(name)
}

func TestSingles(t *testing.T) {
	exploreAll(t, Scenarios(), func(x *exploration, base *Sim) {
		injections := listInjections(base)
		for _, i := range pick(len(injections), *sample, *most) {
			if x.isDone() {
				return
			}
			if !isLeftOut(base.Scenario, injections[i]) {
				x.try(injections[i])
			}
		}
	})
}

func isLeftOut(sc *Scenario, injection *Injection) bool {
	freesNames, showsOld := sc.FreesNames || sc.Retains, strings.Contains(injection.What, "relist.PipelineExecution")
	if sc.RetriesInTime && strings.Contains(injection.What, "hour-") {
		return true
	}
	return freesNames && forgetsJobs(injection) || sc.Retains && showsOld
}

// forgetsJobs reports whether an injection pauses an operator, or takes what is known of a Job.
func forgetsJobs(injection *Injection) bool {
	return strings.Contains(injection.What, "second") || strings.Contains(injection.What, "wipe") || strings.Contains(injection.What, "stale")
}

// coverage counts what was explored.
type coverage struct {
	points, runs, unchanged, violations int
	states                              map[uint64]bool
	byInvariant                         map[string]int
}

func newCoverage() coverage {
	return coverage{states: map[uint64]bool{}, byInvariant: map[string]int{}}
}

func (c *coverage) String() string {
	return fmt.Sprintf("%d injection points, %d runs, %d distinct states, %d injections that changed nothing, %d violations %v",
		c.points, c.runs, len(c.states), c.unchanged, c.violations, c.byInvariant)
}

func (c *coverage) add(other coverage) {
	c.points += other.points
	c.runs += other.runs
	c.unchanged += other.unchanged
	c.violations += other.violations
	for state := range other.states {
		c.states[state] = true
	}
	for i, countObjects := range other.byInvariant {
		c.byInvariant[i] += countObjects
	}
}

// exploreAll explores scenarios in parallel, and logs how much was explored.
func exploreAll(t *testing.T, scenarios []*Scenario, explore func(x *exploration, base *Sim)) {
	began := clock.RealClock{}.Now()
	var lock sync.Mutex
	all, total, explored := t, newCoverage(), 0
	t.Run("scenario", func(t *testing.T) {
		for _, sc := range scenarios {
			t.Run(sc.Name, func(t *testing.T) {
				t.Parallel()
				x := &exploration{t: t, all: all, scenario: sc, coverage: newCoverage(), shortest: shortest{}, quietStates: map[uint64]bool{}, memo: simcluster.NewMemo()}
				base := x.try()
				x.points = len(base.callsUntilRest())
				explore(x, base)
				t.Log(&x.coverage)
				x.shortest.logTraces(t)
				lock.Lock()
				defer lock.Unlock()
				total.add(x.coverage)
				explored++
			})
		}
	})
	t.Logf("%d scenarios, one in %d, at most %d of each, %v, %.0f seconds", explored, *sample, *most, &total, clock.RealClock{}.Since(began).Seconds())
}

// exploration is that of one scenario.
type exploration struct {
	coverage
	// t is the test of the scenario, all the one that it is a part of.
	t, all      *testing.T
	scenario    *Scenario
	shortest    shortest
	quietStates map[uint64]bool
	memo        *simcluster.Memo
}

// try runs the scenario with injections and checks its history.
func (x *exploration) try(injections ...*Injection) *Sim {
	s := newSimWith(x.memo, x.scenario, injections...)
	s.QuietStates = x.quietStates
	s.Run()
	for state := range s.States {
		x.states[state] = true
	}
	if s.Unchanged {
		x.unchanged++
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
	// With EXPLORE_LIST=1 every violation has a line. The shortest trace for each invariant comes at the end.
	if os.Getenv("EXPLORE_LIST") != "" {
		x.t.Log(s.Name(), found[0])
	}
	x.shortest.offer(s, found)
	return s
}
