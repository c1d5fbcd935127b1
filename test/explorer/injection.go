// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package explorer

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"haltline.dev/haltline/test/simcluster"
	"haltline.dev/haltline/test/simcluster/operator"
)

// Injection is one thing that goes wrong, or that somebody else does, at one call.
type Injection struct {
	// Call is the number of the operator's call at which it happens, or callAtRest.
	Call int
	// What names it: its parts are separated by +, and the arguments of a part by dots.
	What string
	// hasFired is true once it has happened, hasHeld once it has held a cache back.
	hasFired, hasHeld bool
}

// callAtRest stands for the time when everything is done.
const callAtRest = 0

func (i *Injection) String() string { return strconv.Itoa(i.Call) + "/" + i.What }

// inject makes it happen at its call, which goes on with next.
func (i *Injection) inject(s *Sim, c *simcluster.Call, next func() error) error {
	name, rest, _ := strings.Cut(i.What, ".")
	switch name {
	case "crash-before":
		panic(operator.Crash{})
	case "crash-after":
		_ = next()
		panic(operator.Crash{})
	case "fail":
		return simcluster.Failure(rest, *c)
	case "lost-answer":
		if err := next(); err != nil {
			return err
		}
		return simcluster.Failure("lost", *c)
	case "restart-stale":
		s.restartFrom = parsePositions(rest)
		panic(operator.Crash{})
	case "lag", "freeze", "catch-up", "jump":
		i.changeView(s, name, rest)
		return next()
	case "newest-first":
		s.Op.NewestFirst()
		return next()
	case "after":
		err := next()
		i.actOutside(s, rest)
		return err
	case "drop", "churn":
		return next()
	}
	i.actOutside(s, i.What)
	return next()
}

// changeView changes what the operator sees from now on.
func (i *Injection) changeView(s *Sim, name, kindName string) {
	kind, _ := simcluster.KindNamed(kindName)
	switch name {
	case "lag":
		// The cache was held back until here.
		s.Op.Cache.Hold = func(simcluster.Kind, int) bool { return false }
		s.Unchanged = !i.hasHeld
	case "freeze":
		// From here on the cache sees nothing new of a kind until everything is idle.
		s.Op.Cache.Hold = func(other simcluster.Kind, _ int) bool { return other == kind }
	case "catch-up":
		// Every event comes while the call is on its way.
		s.Unchanged = true
		for s.Op.Advance() {
			s.Unchanged = false
		}
	case "jump":
		// All events of a kind come as one, as after a watch that broke.
		s.Unchanged = s.Store.Changes(kind)-s.Op.Cache.Position(kind) < 2
		s.Op.Relist(kind)
	}
}

// situation is what an injection can change.
type situation struct {
	written     int
	time        time.Time
	terminating bool
}

func (s *Sim) readSituation() situation {
	return situation{len(s.Store.History), s.Store.Clock.Now(), s.Store.Terminating}
}

// actOutside does what somebody else does, one part after the other.
func (i *Injection) actOutside(s *Sim, what string) {
	before := s.readSituation()
	defer func() { s.Unchanged = s.readSituation() == before && s.restartFrom == nil }()
	for part := range strings.SplitSeq(what, "+") {
		name, at, _ := strings.Cut(part, ".")
		switch name {
		case "second":
			s.runSecondOperator(nil)
		case "relist":
			s.restartFrom = parsePositions(at)
			panic(operator.Crash{})
		case "second-dies", "second-fails":
			ends := map[string]string{"second-dies": "crash-after", "second-fails": "fail.quota"}
			s.runSecondOperator(&Injection{Call: parseNumber(at), What: ends[name]})
		case "cluster":
			s.settleCluster()
		case "hour-on":
			s.Store.Clock.SetTime(s.Store.Clock.Now().Add(time.Hour))
		case "hour-back":
			s.Store.Clock.SetTime(s.Store.Clock.Now().Add(-time.Hour))
			s.patience, s.stepsLeft = time.Hour+quietTime, s.stepsLeft+maxSteps
		default:
			s.Store.As(outsider, func() { s.actAsOutsider(strings.Split(part, ".")) })
		}
	}
}

// prepare sets up what has to be there before the first call.
func (i *Injection) prepare(s *Sim) {
	name, rest, _ := strings.Cut(i.What, ".")
	switch name {
	case "lag":
		for k, at := range parsePositions(rest) {
			s.Op.Cache.Hold = func(other simcluster.Kind, position int) bool {
				hold := other == k && position >= at
				i.hasHeld = i.hasHeld || hold
				return hold
			}
		}
	case "drop":
		n := parseNumber(rest)
		s.Op.Drop = func(delivery int) bool { return delivery == n }
		i.hasFired = true
	case "churn":
		s.churns, i.hasFired = true, true
	}
}

// parsePositions reads "Kind.position".
func parsePositions(text string) simcluster.Positions {
	kind, position, _ := strings.Cut(text, ".")
	k, ok := simcluster.KindNamed(kind)
	if !ok {
		panic("no such kind: " + kind)
	}
	return simcluster.Positions{k: parseNumber(position)}
}

func parseNumber(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		panic(fmt.Sprintf("no number: %q", text))
	}
	return n
}
