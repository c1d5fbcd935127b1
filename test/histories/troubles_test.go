// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package histories

import (
	"pgregory.net/rapid"

	"haltline.dev/haltline/test/simcluster"
	"haltline.dev/haltline/test/simcluster/operator"
)

// trouble strikes a call of an operator to the API server.
type trouble struct {
	what string
	// operator is struck at a call of the kind that at names, after callsSpared of them.
	operator    string
	at          string
	callsSpared int
}

const (
	crashBefore  = "crash before the commit"
	crashAfter   = "crash after the commit"
	lostAnswer   = "lost answer"
	happensFirst = "something happens before the commit"
	happensThen  = "something happens after the commit"
)

// troubles are everything that may strike a call. The last ones are failures of the API server, as simcluster names them.
var troubles = []string{
	happensFirst, happensThen, crashBefore, crashAfter, lostAnswer, happensFirst, happensThen, happensFirst,
	"conflict", "timeout", "throttled", "internal", "quota",
}

// Kinds of calls that a trouble strikes.
const (
	anyCall     = "any call"
	anyWrite    = "any write"
	jobCreation = "the creation of a Job"
	// claimCreation is that of a claim.
	claimCreation = "the creation of a claim"
	// namingOfRetry is the write by which an execution names another as its retry, and binding the first write of an execution.
	namingOfRetry = "the naming of a retry"
	binding       = "the next write of an execution's own status"
)

// countCall counts a call, and reports whether the trouble strikes it.
func (tr *trouble) countCall(p *operator.Process, c *simcluster.Call) bool {
	switch {
	case p.Name != tr.operator, !isAt(tr.at, c):
		return false
	case tr.callsSpared > 0:
		tr.callsSpared--
		return false
	}
	return true
}

// isAt reports whether a call is of a kind.
func isAt(kind string, c *simcluster.Call) bool {
	isOwn := c.Key == c.Reconciliation.Object
	switch kind {
	case anyWrite:
		return c.Writes()
	case jobCreation:
		return c.Verb == "create" && c.Kind == simcluster.Job
	case claimCreation:
		return c.Verb == "create" && c.Kind == simcluster.Claim
	case namingOfRetry:
		return c.Verb == "patch-status" && c.Kind == simcluster.Execution && !isOwn
	case binding:
		return c.Verb == "patch-status" && c.Kind == simcluster.Execution && isOwn
	default:
		return true
	}
}

// planTrouble plans that one of the next calls of an operator goes wrong.
func (h *history) planTrouble(t *rapid.T) {
	at := drawOne(t, "at", jobCreation, anyWrite, jobCreation, anyCall)
	if at == jobCreation && h.createsClaims() && drawOneIn(t, 2, "at the claim") {
		at = claimCreation
	}
	h.planTroubleAt(t, at)
}

// createsClaims reports whether executions get a claim of their own.
func (h *history) createsClaims() bool {
	for _, name := range pipelineNames {
		if d := h.judge.definitions[name]; d != nil && d.hasTemplate() {
			return true
		}
	}
	return false
}

// planTroubleAt plans that one of the next calls of a kind of an operator goes wrong.
func (h *history) planTroubleAt(t *rapid.T, at string) {
	i := h.drawOperator(t)
	h.trouble = &trouble{
		operator: h.operators[i].Name, what: drawOne(t, "trouble", troubles...), at: at, callsSpared: drawOne(t, "calls spared", 0, 1, 0, 2),
	}
	h.note("at %s of %s, after %d of them, there will be: %s", h.trouble.at, h.trouble.operator, h.trouble.callsSpared, h.trouble.what)
}

// applyTrouble lets a call through, or lets the trouble strike it.
func (h *history) applyTrouble(t *rapid.T, p *operator.Process, c *simcluster.Call, next func() error) error {
	now := h.trouble
	if now == nil || !now.countCall(p, c) {
		return next()
	}
	h.trouble = nil
	h.note("  at the call %q: %s", c, now.what)
	h.total.troubles[now.what]++
	switch now.what {
	case crashBefore:
		panic(operator.Crash{})
	case crashAfter:
		_ = next()
		panic(operator.Crash{})
	case lostAnswer:
		if err := next(); err != nil {
			return err
		}
		return simcluster.Failure("lost", *c)
	case happensFirst:
		h.letThingsHappen(t, p)
		return next()
	case happensThen:
		err := next()
		h.letThingsHappen(t, p)
		return err
	}
	return simcluster.Failure(adaptFailure(now.what, c), *c)
}

// adaptFailure returns a failure that a call can have: a read has no conflict, and only a creation meets a quota.
func adaptFailure(failure string, c *simcluster.Call) string {
	if failure == "conflict" && !c.Writes() || failure == "quota" && c.Verb != "create" {
		return "internal"
	}
	return failure
}

// letThingsHappen lets some things happen during a call of an operator.
func (h *history) letThingsHappen(t *rapid.T, p *operator.Process) {
	for range drawNumber(t, "happenings", 1, 3) {
		h.letSomethingHappen(t, p)
	}
}

// letSomethingHappen lets one thing happen during a call of an operator.
func (h *history) letSomethingHappen(t *rapid.T, p *operator.Process) {
	switch drawOne(t, "what happens", "stop", "another works", "stop", "cluster", "stop", "change", "hear", "time", "wait", "claim") {
	case "stop":
		h.askToStop(t)
		h.runOtherOperator(t, p)
	case "another works":
		h.runOtherOperator(t, p)
	case "cluster":
		h.runControllers(t)
	case "change":
		h.changeThings(t)
	case "hear":
		h.advanceAll(p)
	case "time":
		h.passTime(t)
	case "wait":
		h.actOnWaits(t)
	case "claim":
		h.touchClaim(t)
	}
}

// runOtherOperator lets the other operator see everything and work for a while.
func (h *history) runOtherOperator(t *rapid.T, p *operator.Process) {
	if len(h.operators) == 1 {
		h.toggleSecondOperator(t)
	}
	other := 0
	if h.operators[0] == p {
		other = 1
	}
	for range drawNumber(t, "reconciliations", 1, 8) {
		h.advanceAll(h.operators[other])
		h.reconcileOne(t, other)
	}
}
