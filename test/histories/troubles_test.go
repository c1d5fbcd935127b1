// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package histories

import (
	"pgregory.net/rapid"

	"haltline.dev/haltline/test/simcluster"
)

// trouble befalls a call of an operator that reaches the API server.
type trouble struct {
	what string
	// operator is whom it befalls, at which of its calls; spared is how many of those are let through before.
	operator string
	at       string
	spared   int
}

const (
	crashBefore  = "crash before the commit"
	crashAfter   = "crash after the commit"
	lostAnswer   = "lost answer"
	happensFirst = "something happens before the commit"
	happensThen  = "something happens after the commit"
)

// troubles are all that may befall a call. The last ones are failures of the API server, by the names of the world.
var troubles = []string{
	happensFirst, happensThen, crashBefore, crashAfter, lostAnswer, happensFirst, happensThen, happensFirst,
	"conflict", "timeout", "throttled", "internal", "quota",
}

// Calls that a trouble befalls.
const (
	anyCall     = "any call"
	anyWrite    = "any write"
	jobCreation = "the creation of a Job"
)

func (tr *trouble) befalls(p *simcluster.Process, c *simcluster.Call) bool {
	switch {
	case p.Name != tr.operator, tr.at == anyWrite && !c.Writes(), tr.at == jobCreation && (c.Verb != "create" || c.Kind != simcluster.Job):
		return false
	case tr.spared > 0:
		tr.spared--
		return false
	}
	return true
}

// callGoesWrong has a call of an operator go wrong that is still to come.
func (h *history) callGoesWrong(t *rapid.T) {
	i := h.pickOperator(t)
	h.trouble = &trouble{
		operator: h.operators[i].Name, what: pick(t, "trouble", troubles...), at: pick(t, "at", jobCreation, anyWrite, jobCreation, anyCall),
		spared: pick(t, "calls spared", 0, 1, 0, 2),
	}
	h.tell("at %s of %s, after %d of them, there will be: %s", h.trouble.at, h.trouble.operator, h.trouble.spared, h.trouble.what)
}

// strike lets a call through, or has the trouble befall it whose time has come.
func (h *history) strike(t *rapid.T, p *simcluster.Process, c *simcluster.Call, next func() error) error {
	now := h.trouble
	if now == nil || !now.befalls(p, c) {
		return next()
	}
	h.trouble = nil
	h.tell("  at the call %q: %s", c, now.what)
	h.total.troubles[now.what]++
	switch now.what {
	case crashBefore:
		panic(simcluster.Crash{})
	case crashAfter:
		_ = next()
		panic(simcluster.Crash{})
	case lostAnswer:
		if err := next(); err != nil {
			return err
		}
		return simcluster.Failure("lost", *c)
	case happensFirst:
		h.during(t, p)
		return next()
	case happensThen:
		err := next()
		h.during(t, p)
		return err
	}
	return simcluster.Failure(possible(now.what, c), *c)
}

// possible is a failure that a call can have: a read has no conflict, and a quota is for creations.
func possible(failure string, c *simcluster.Call) string {
	if failure == "conflict" && !c.Writes() || failure == "quota" && c.Verb != "create" {
		return "internal"
	}
	return failure
}

// during has some things happen during a call of an operator.
func (h *history) during(t *rapid.T, p *simcluster.Process) {
	for range number(t, "happenings", 1, 3) {
		h.happens(t, p)
	}
}

func (h *history) happens(t *rapid.T, p *simcluster.Process) {
	switch pick(t, "what happens", "stop", "another works", "stop", "cluster", "stop", "change", "hear", "time") {
	case "stop":
		h.personAsksToStop(t)
		h.anotherWorks(t, p)
	case "another works":
		h.anotherWorks(t, p)
	case "cluster":
		h.clusterWorks(t)
	case "change":
		h.personChangesThings(t)
	case "hear":
		h.hearAll(p)
	case "time":
		h.timePasses(t)
	}
}

// anotherWorks has another operator than this hear of everything and work for a while.
func (h *history) anotherWorks(t *rapid.T, p *simcluster.Process) {
	if len(h.operators) == 1 {
		h.secondOperator(t)
	}
	other := 0
	if h.operators[0] == p {
		other = 1
	}
	for range number(t, "reconciliations", 1, 8) {
		h.hearAll(h.operators[other])
		h.reconcile(t, other)
	}
}
