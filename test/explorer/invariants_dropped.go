// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package explorer

import (
	"slices"
	"strings"

	"haltline.dev/haltline/test/simcluster"
)

// person is who does what a scenario's script says.
const person = "user"

// dropped reports whether an event reached nobody.
//
// That is a fault which does not end by itself, and no informer loses a single event for good: what it loses is lost with its
// watch, and the watch that follows lists all anew, as the restart at the end does. Until then, what nothing but that event
// brings on may be behind: the status of a StopRequest or of a Pipeline, and an execution that awaits its Pipeline. An execution
// that runs or stops converges all the same: it is looked at from time to time.
func (r *record) dropped() bool {
	return slices.ContainsFunc(r.sim.Trouble, func(t *Injection) bool { return strings.HasPrefix(t.What, "drop") })
}

// catchesUp reports whether a call after the restart is about what was behind for want of an event that was dropped.
func (r *record) catchesUp(c *simcluster.Call) bool {
	if !r.dropped() || c.Reconciliation.Controller != reconcilers[simcluster.Execution] {
		return r.dropped()
	}
	for _, change := range slices.Backward(r.changes[:r.sim.Settled]) {
		if e, ok := executionOf(change); ok && change.Key == c.Reconciliation.Object {
			return awaitsPipeline(e)
		}
	}
	return false
}
