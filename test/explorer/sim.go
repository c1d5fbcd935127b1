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
	// Injections go wrong in this run.
	Injections []*Injection
	// Settled is the length of the history when everything had come to rest.
	Settled int
	// RestartedAt is how many calls there were when the operator was restarted at rest; 0 if it was not.
	RestartedAt int
	// Stuck is true if the cluster did not come to rest.
	Stuck bool
	// Unchanged is true if the injection changed nothing. The run ends there, since another run is the same.
	Unchanged bool
	// States are hashes of all states that there were.
	States map[uint64]bool
	// QuietStates are the states in which a restarted operator is known to find nothing to do. What it does depends on the
	// state alone, so that it need not be tried again.
	QuietStates map[uint64]bool
	// objectCounts are the numbers of objects of each kind when a call began.
	objectCounts map[int][]int
	// injectedAt are the lengths of the history when something was injected.
	injectedAt []int

	// hasActed are the acts of the scenario that have happened.
	hasActed []bool
	// inSecond is true while a second operator runs. One of its live calls can go wrong; secondLiveCalls counts them.
	inSecond        bool
	secondInjection *Injection
	secondLiveCalls int
	// patience is how long nothing must be written until the cluster is at rest, and stepsLeft how much may still happen.
	patience  time.Duration
	stepsLeft int
	// restartFrom is where the caches of the next restarted operator begin.
	restartFrom simcluster.Positions
	// churns is true if somebody changes the metadata of an object each time that the operator is about to.
	churns bool
}

// operatorName is the process that injections are for.
const operatorName = "operator"

const (
	// maxSteps bounds what operator and cluster do until they rest. The longest undisturbed run takes about 300 steps.
	maxSteps = 6000
	// quietWakes and quietTime are how long nothing must be written until the cluster is at rest.
	quietWakes = 8
	quietTime  = time.Minute
)

// NewSim prepares a run.
func NewSim(sc *Scenario, injections ...*Injection) *Sim {
	return newSimWith(&simcluster.Memo{}, sc, injections...)
}

// newSimWith prepares a run that need not compute what the memo of earlier runs has.
func newSimWith(memo *simcluster.Memo, sc *Scenario, injections ...*Injection) *Sim {
	s := &Sim{
		Scenario: sc, Store: simcluster.NewStoreWith(memo), Injections: injections, States: map[uint64]bool{}, objectCounts: map[int][]int{},
		hasActed: make([]bool, len(sc.Acts)), patience: quietTime, stepsLeft: maxSteps,
	}
	s.Store.Wrote = func(simcluster.Change) { s.States[s.Store.State()] = true }
	sc.Setup(s)
	return s
}

// Run runs the scenario to rest, and then, since a restarted operator must find nothing left to do, to rest again.
func (s *Sim) Run() {
	s.Op = operator.NewProcess(s.Store, operatorName, nil, nil)
	s.Op.Hook = s.aroundCall
	for _, injection := range s.Injections {
		injection.prepare(s)
	}
	s.settle()
	for _, injection := range s.Injections {
		if injection.Call == callAtRest && !injection.hasFired {
			injection.hasFired = true
			s.injectedAt = append(s.injectedAt, len(s.Store.History))
			_ = injection.inject(s, &simcluster.Call{}, func() error { return nil })
			s.settle()
		}
	}
	s.Settled = len(s.Store.History)
	if s.Stuck || s.Unchanged || s.QuietStates[s.Store.State()] {
		return
	}
	s.RestartedAt = len(s.Op.Calls)
	s.replaceOperator(nil)
	s.settle()
	if len(s.Store.History) == s.Settled && s.QuietStates != nil {
		s.QuietStates[s.Store.State()] = true
	}
}

// replaceOperator starts the operator again, with caches that list again.
func (s *Sim) replaceOperator(at simcluster.Positions) {
	s.Op = operator.NewProcess(s.Store, operatorName, at, s.Op)
}

// quietTimer measures for how long nothing was written.
type quietTimer struct {
	wakes, written int
	since          time.Time
}

// Settle runs the operator and everybody else until nobody writes any more. It is for tests that drive a run themselves.
func (s *Sim) Settle() { s.settle() }

// settle runs everybody until nobody writes any more.
func (s *Sim) settle() {
	c := s.newQuietTimer()
	for ; s.stepsLeft > 0; s.stepsLeft-- {
		if s.Unchanged {
			return
		}
		s.actAsPeople(nil, false)
		if s.Op.Crashed && s.inSecond {
			return
		}
		if s.Op.Crashed {
			s.replaceOperator(s.restartFrom)
			s.holdRestarted()
		}
		if len(s.Store.History) > c.written {
			c = s.newQuietTimer()
		}
		if s.Op.Reconcile() || s.Op.Advance() || s.stepCluster() || simcluster.EndPod(s.Store) {
			continue
		}
		if !s.passTime(&c) {
			return
		}
	}
	s.Stuck = true
}

func (s *Sim) newQuietTimer() quietTimer {
	return quietTimer{written: len(s.Store.History), since: s.Store.Clock.Now()}
}

// passTime moves the clock on, or releases the caches that were held back, when nobody has anything to do now. It reports
// whether there is something to wait for.
func (s *Sim) passTime(c *quietTimer) bool {
	at, wakes := s.Op.NextWake()
	idle := !wakes || c.wakes >= quietWakes && s.Store.Clock.Now().Sub(c.since) >= s.patience
	if (idle || c.wakes >= 2) && s.releaseCaches() {
		c.wakes = 0
		return true
	}
	c.wakes++
	if !idle && at.After(s.Store.Clock.Now()) {
		s.Store.Clock.SetTime(at)
	}
	return !idle
}

// stepCluster takes one step of one of the models. It reports whether there was anything to do.
func (s *Sim) stepCluster() bool {
	return simcluster.StepJobs(s.Store) || simcluster.StepGarbage(s.Store) || simcluster.StepNamespace(s.Store) || simcluster.StepPods(s.Store)
}

// releaseCaches delivers what was held back from the caches. It reports whether there was anything.
func (s *Sim) releaseCaches() bool {
	isBehind := false
	for _, k := range simcluster.Kinds {
		isBehind = isBehind || s.Op.Cache.Position(k) < s.Store.Changes(k)
	}
	if !isBehind {
		return false
	}
	s.Op.Cache.Hold = func(simcluster.Kind, int) bool { return false }
	for _, k := range simcluster.Kinds {
		s.Op.Relist(k)
	}
	return true
}

// actAsPeople does what people do at this time.
func (s *Sim) actAsPeople(c *simcluster.Call, after bool) {
	for i, a := range s.Scenario.Acts {
		if !s.hasActed[i] && a.When(s, c, after) {
			s.hasActed[i] = true
			s.Store.As("user", func() { a.Do(s) })
		}
	}
}

// aroundCall stands around every call of the operator.
func (s *Sim) aroundCall(c *simcluster.Call, next func() error) error {
	if _, known := s.objectCounts[c.Number]; !known && !s.inSecond {
		s.objectCounts[c.Number] = s.countObjects()
	}
	s.actAsPeople(c, false)
	if s.Scenario.Refuse != nil && s.Scenario.Refuse(s, c) {
		c.Err = simcluster.Failure("quota", *c)
		return c.Err
	}
	if s.churns && c.Writes() {
		s.Store.As(outsider, func() { s.churn(c) })
	}
	err := s.injectInto(c, next)
	s.actAsPeople(c, true)
	return err
}

func (s *Sim) countObjects() []int {
	n := make([]int, len(simcluster.Kinds))
	for _, k := range simcluster.Kinds {
		n[k] = s.Store.Count(k)
	}
	return n
}

func (s *Sim) injectInto(c *simcluster.Call, next func() error) error {
	if s.inSecond {
		return s.injectIntoSecond(c, next)
	}
	for _, injection := range s.Injections {
		if injection.Call == c.Number && !injection.hasFired {
			injection.hasFired = true
			s.injectedAt = append(s.injectedAt, len(s.Store.History))
			return injection.inject(s, c, next)
		}
	}
	return next()
}

func (s *Sim) injectIntoSecond(c *simcluster.Call, next func() error) error {
	if c.Cached {
		return next()
	}
	s.secondLiveCalls++
	if s.secondInjection != nil && s.secondLiveCalls == s.secondInjection.Call {
		return s.secondInjection.inject(s, c, next)
	}
	return next()
}

// runSecondOperator runs a second operator to rest while the first is paused, and ends it. With an injection, one of its live
// calls goes wrong. If it dies of that, nobody takes its place.
func (s *Sim) runSecondOperator(injection *Injection) {
	if s.inSecond {
		return
	}
	paused := s.Op
	s.inSecond, s.secondInjection, s.secondLiveCalls = true, injection, 0
	s.Op = operator.NewProcess(s.Store, fmt.Sprintf("operator-%d", len(s.Others)+2), nil, nil)
	s.Op.Hook = s.aroundCall
	s.settle()
	s.Others = append(s.Others, s.Op)
	s.Op, s.inSecond = paused, false
}

// settleCluster lets everybody except the operator do what there is to do.
func (s *Sim) settleCluster() {
	for range maxSteps {
		if !s.stepCluster() && !simcluster.EndPod(s.Store) {
			return
		}
	}
	s.Stuck = true
}

// holdRestarted keeps a restarted operator at the older views of the kinds that it listed, until everything is idle.
func (s *Sim) holdRestarted() {
	held := s.restartFrom
	s.restartFrom = nil
	if len(held) > 0 {
		s.Op.Cache.Hold = func(k simcluster.Kind, _ int) bool { _, isHeld := held[k]; return isHeld }
	}
}
