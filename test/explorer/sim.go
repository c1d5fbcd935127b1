// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package explorer

import (
	"fmt"
	"time"

	"haltline.dev/haltline/test/simcluster"
	"haltline.dev/haltline/test/simcluster/operator"
)

// Sim is one run of a scenario.
type Sim struct {
	Scenario *Scenario
	Store    *simcluster.Store
	// Op is the operator that runs now.
	Op *operator.Process
	// Others are operators that ran beside it.
	Others []*operator.Process
	// Trouble is what is injected.
	Trouble []*Injection
	// Settled is the length of the history when the world had come to rest.
	Settled int
	// RestedFrom is how many calls there were when the operator was restarted at rest; 0 where it was not.
	RestedFrom int
	// Stuck says that the world did not come to rest.
	Stuck bool
	// Void says that the injection changed nothing, so that the run is another one's again. It ends there.
	Void bool
	// States are hashes of all states that there were.
	States map[uint64]bool
	// Rested are the states in which a restarted operator is known to find nothing to do. What it does depends on the
	// state alone, so that it need not be tried again.
	Rested map[uint64]bool
	// counts tell how many objects of each kind there were at a call.
	counts map[int][]int
	// injectedAt are the lengths of the history when something was injected.
	injectedAt []int

	acted  []bool
	nested bool
	// nestedTrouble befalls the second operator, whose calls that reach the API server are nestedLive.
	nestedTrouble *Injection
	nestedLive    int
	patience      time.Duration
	budget        int
	restart       simcluster.Positions
}

// operatorName is the process that troubles befall.
const operatorName = "operator"

const (
	// maxSteps bounds what operator and world do until they rest. The longest undisturbed run takes about 300.
	maxSteps = 6000
	// quietWakes and quietTime are how long nothing must be written until the world is at rest.
	quietWakes = 8
	quietTime  = time.Minute
)

// NewSim prepares a run.
func NewSim(sc *Scenario, trouble ...*Injection) *Sim {
	s := &Sim{
		Scenario: sc, Store: simcluster.NewStore(), Trouble: trouble, States: map[uint64]bool{}, counts: map[int][]int{},
		acted: make([]bool, len(sc.Acts)), patience: quietTime, budget: maxSteps,
	}
	s.Store.Wrote = func(simcluster.Change) { s.States[s.Store.State()] = true }
	sc.Setup(s)
	return s
}

// Run runs the scenario to rest, and then, since a restarted operator must find nothing left to do, to rest again.
func (s *Sim) Run() {
	s.Op = operator.NewProcess(s.Store, operatorName, nil, nil)
	s.Op.Hook = s.hook
	for _, t := range s.Trouble {
		t.prepare(s)
	}
	s.settle()
	for _, t := range s.Trouble {
		if t.Call == atRest && !t.fired {
			t.fired = true
			s.injectedAt = append(s.injectedAt, len(s.Store.History))
			_ = t.around(s, &simcluster.Call{}, func() error { return nil })
			s.settle()
		}
	}
	s.Settled = len(s.Store.History)
	if s.Stuck || s.Void || s.Rested[s.Store.State()] {
		return
	}
	s.RestedFrom = len(s.Op.Calls)
	s.replace(nil)
	s.settle()
	if len(s.Store.History) == s.Settled && s.Rested != nil {
		s.Rested[s.Store.State()] = true
	}
}

// replace starts the operator anew; its cache lists again.
func (s *Sim) replace(at simcluster.Positions) {
	s.Op = operator.NewProcess(s.Store, operatorName, at, s.Op)
}

// calm tells for how long nothing was written.
type calm struct {
	wakes, written int
	since          time.Time
}

// Settle runs the operator and all others until nobody writes any more, for those who drive a run themselves.
func (s *Sim) Settle() { s.settle() }

// settle lets everybody do what there is to do until nobody writes any more.
func (s *Sim) settle() {
	c := s.newCalm()
	for ; s.budget > 0; s.budget-- {
		if s.Void {
			return
		}
		s.act(nil, false)
		if s.Op.Crashed && s.nested {
			return
		}
		if s.Op.Crashed {
			s.replace(s.restart)
			s.holdRestarted()
		}
		if len(s.Store.History) > c.written {
			c = s.newCalm()
		}
		if s.Op.Reconcile() || s.Op.Advance() || s.stepWorld() || simcluster.EndPod(s.Store) {
			continue
		}
		if !s.goOn(&c) {
			return
		}
	}
	s.Stuck = true
}

func (s *Sim) newCalm() calm { return calm{written: len(s.Store.History), since: s.Store.Clock.Now()} }

// goOn lets time go by, or a cache go on that was held back, when nobody has anything to do now. It reports whether there
// is something to wait for.
func (s *Sim) goOn(c *calm) bool {
	at, wakes := s.Op.NextWake()
	idle := !wakes || c.wakes >= quietWakes && s.Store.Clock.Now().Sub(c.since) >= s.patience
	if (idle || c.wakes >= 2) && s.thaw() {
		c.wakes = 0
		return true
	}
	c.wakes++
	if !idle && at.After(s.Store.Clock.Now()) {
		s.Store.Clock.SetTime(at)
	}
	return !idle
}

// stepWorld has one of the others do one thing.
func (s *Sim) stepWorld() bool {
	return simcluster.StepJobs(s.Store) || simcluster.StepGarbage(s.Store) || simcluster.StepNamespace(s.Store) || simcluster.StepPods(s.Store)
}

// thaw lets a cache go on that was held back. It reports whether there was one.
func (s *Sim) thaw() bool {
	behind := false
	for _, k := range simcluster.Kinds {
		behind = behind || s.Op.Cache.Position(k) < s.Store.Changes(k)
	}
	if !behind {
		return false
	}
	s.Op.Cache.Hold = func(simcluster.Kind, int) bool { return false }
	for _, k := range simcluster.Kinds {
		s.Op.Relist(k)
	}
	return true
}

// act has people do what it is time for.
func (s *Sim) act(c *simcluster.Call, after bool) {
	for i, a := range s.Scenario.Acts {
		if !s.acted[i] && a.When(s, c, after) {
			s.acted[i] = true
			s.Store.As("user", func() { a.Do(s) })
		}
	}
}

// hook stands around every call of the operator.
func (s *Sim) hook(c *simcluster.Call, next func() error) error {
	if _, known := s.counts[c.Number]; !known && !s.nested {
		s.counts[c.Number] = s.count()
	}
	s.act(c, false)
	if s.Scenario.Refuse != nil && s.Scenario.Refuse(s, c) {
		c.Err = simcluster.Failure("quota", *c)
		return c.Err
	}
	err := s.trouble(c, next)
	s.act(c, true)
	return err
}

func (s *Sim) count() []int {
	n := make([]int, len(simcluster.Kinds))
	for _, k := range simcluster.Kinds {
		n[k] = s.Store.Count(k)
	}
	return n
}

func (s *Sim) trouble(c *simcluster.Call, next func() error) error {
	if s.nested {
		return s.troubleOfSecond(c, next)
	}
	for _, t := range s.Trouble {
		if t.Call == c.Number && !t.fired {
			t.fired = true
			s.injectedAt = append(s.injectedAt, len(s.Store.History))
			return t.around(s, c, next)
		}
	}
	return next()
}

func (s *Sim) troubleOfSecond(c *simcluster.Call, next func() error) error {
	if c.Cached {
		return next()
	}
	s.nestedLive++
	if s.nestedTrouble != nil && s.nestedLive == s.nestedTrouble.Call {
		return s.nestedTrouble.around(s, c, next)
	}
	return next()
}

// second runs another operator to rest while the first is paused, and ends it. It may have a trouble of its own: then one
// of its calls that are not answered by the cache goes wrong, and where it dies by that, nobody takes its place.
func (s *Sim) second(trouble *Injection) {
	if s.nested {
		return
	}
	first := s.Op
	s.nested, s.nestedTrouble, s.nestedLive = true, trouble, 0
	s.Op = operator.NewProcess(s.Store, fmt.Sprintf("operator-%d", len(s.Others)+2), nil, nil)
	s.Op.Hook = s.hook
	s.settle()
	s.Others = append(s.Others, s.Op)
	s.Op, s.nested = first, false
}

// worldMovesOn lets everybody but the operator do what there is to do.
func (s *Sim) worldMovesOn() {
	for range maxSteps {
		if !s.stepWorld() && !simcluster.EndPod(s.Store) {
			return
		}
	}
	s.Stuck = true
}

// holdRestarted keeps the kinds that a restarted operator listed from an older view at that view, until all is idle.
func (s *Sim) holdRestarted() {
	held := s.restart
	s.restart = nil
	if len(held) > 0 {
		s.Op.Cache.Hold = func(k simcluster.Kind, _ int) bool { _, is := held[k]; return is }
	}
}
