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

// Injection is one thing that goes wrong, or that another does, at one call.
type Injection struct {
	// Call is the number of the operator's call at which it happens; atRest where it happens when all is done.
	Call int
	// What it is, as Parse reads it.
	What  string
	fired bool
	// held says that a cache was held back, where that is what it is about.
	held bool
}

const atRest = 0

func (i *Injection) String() string { return strconv.Itoa(i.Call) + "/" + i.What }

// around is the injection at its call.
func (i *Injection) around(s *Sim, c *simcluster.Call, next func() error) error {
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
		s.restart = staleAt(rest)
		panic(operator.Crash{})
	case "lag":
		// The cache was held back until here.
		s.Op.Cache.Hold = func(simcluster.Kind, int) bool { return false }
		s.Void = !i.held
		return next()
	case "freeze":
		// From here on the cache sees nothing new of a kind until all is idle.
		k, _ := simcluster.KindNamed(rest)
		s.Op.Cache.Hold = func(held simcluster.Kind, _ int) bool { return held == k }
		return next()
	case "catch-up":
		// Every event that there is comes while the call is on its way.
		s.Void = true
		for s.Op.Advance() {
			s.Void = false
		}
		return next()
	case "jump":
		// All events of a kind come as one, as after a watch that broke.
		k, _ := simcluster.KindNamed(rest)
		s.Void = s.Store.Changes(k)-s.Op.Cache.Position(k) < 2
		s.Op.Relist(k)
		return next()
	case "newest-first":
		s.Op.NewestFirst()
		return next()
	case "after":
		err := next()
		i.outside(s, rest)
		return err
	case "drop":
		return next()
	}
	i.outside(s, i.What)
	return next()
}

// moment is what an injection can change.
type moment struct {
	written     int
	now         time.Time
	terminating bool
}

func (s *Sim) moment() moment {
	return moment{len(s.Store.History), s.Store.Clock.Now(), s.Store.Terminating}
}

// outside is what another does, one thing after the other.
func (i *Injection) outside(s *Sim, what string) {
	before := s.moment()
	defer func() { s.Void = s.moment() == before && s.restart == nil }()
	for part := range strings.SplitSeq(what, "+") {
		name, at, _ := strings.Cut(part, ".")
		switch name {
		case "second":
			s.second(nil)
		case "relist":
			s.restart = staleAt(at)
			panic(operator.Crash{})
		case "second-dies", "second-fails":
			s.second(&Injection{Call: number(at), What: map[string]string{"second-dies": "crash-after", "second-fails": "fail.quota"}[name]})
		case "world":
			s.worldMovesOn()
		case "hour-on":
			s.Store.Clock.SetTime(s.Store.Clock.Now().Add(time.Hour))
		case "hour-back":
			s.Store.Clock.SetTime(s.Store.Clock.Now().Add(-time.Hour))
			s.patience, s.budget = time.Hour+quietTime, s.budget+maxSteps
		default:
			s.Store.As(outsider, func() { s.outsideAct(strings.Split(part, ".")) })
		}
	}
}

// prepare does what has to be done before the operator starts.
func (i *Injection) prepare(s *Sim) {
	name, rest, _ := strings.Cut(i.What, ".")
	switch name {
	case "lag":
		for k, at := range staleAt(rest) {
			s.Op.Cache.Hold = func(held simcluster.Kind, pos int) bool {
				hold := held == k && pos >= at
				i.held = i.held || hold
				return hold
			}
		}
	case "drop":
		n := number(rest)
		s.Op.Drop = func(delivery int) bool { return delivery == n }
		i.fired = true
	}
}

// staleAt reads "Kind.position".
func staleAt(text string) simcluster.Positions {
	kind, pos, _ := strings.Cut(text, ".")
	k, ok := simcluster.KindNamed(kind)
	if !ok {
		panic("no such kind: " + kind)
	}
	return simcluster.Positions{k: number(pos)}
}

func number(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		panic(fmt.Sprintf("no number: %q", text))
	}
	return n
}
