// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package explorer

import (
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/plan"
	"haltline.dev/haltline/test/simcluster"
)

// scriptedPerson is who does what the script of a scenario has.
const scriptedPerson = "user"

// executionController is the name of the controller of executions.
const executionController = "pipelineexecution"

// isEventDropped reports whether an event was lost on its way to the handlers.
//
// That is a fault which does not end by itself. No informer loses a single event for good: what it loses is lost with its watch,
// and the watch that follows lists everything again, as the restart at the end does. Until then, what nothing but that event
// starts may be behind: the status of a request or of a Pipeline, and an execution that waits for its Pipeline or for approval. An execution
// that runs or stops converges all the same, since the operator looks at it from time to time.
func (r *record) isEventDropped() bool {
	return slices.ContainsFunc(r.sim.Injections, func(i *Injection) bool { return strings.HasPrefix(i.What, "drop") })
}

// endOfRest is the length of the history at which the rest ends. After an event was dropped, a person of the script who waited
// for what was behind goes on when the restarted operator has caught up.
func (r *record) endOfRest() int {
	if r.isEventDropped() {
		for i, c := range r.sim.Store.History[r.sim.Settled:] {
			if c.By == scriptedPerson {
				return r.sim.Settled + i
			}
		}
	}
	return len(r.sim.Store.History)
}

// isRefusedByQuota reports whether a quota of the scenario refused a call. The operator should ask for that again and again.
func (r *record) isRefusedByQuota(c *simcluster.Call) bool {
	return r.sim.Scenario.Refuse != nil && apierrors.IsForbidden(c.Err)
}

// catchesUp reports whether a call after the restart is about what was behind because an event was dropped.
func (r *record) catchesUp(c *simcluster.Call) bool {
	if !r.isEventDropped() || c.Reconciliation.Controller != executionController {
		return r.isEventDropped()
	}
	for _, change := range slices.Backward(r.sim.Store.History[:r.sim.Settled]) {
		if execution, ok := change.New.(*v1alpha1.PipelineExecution); ok && change.Key == c.Reconciliation.Object {
			return waitsForPipeline(execution) || plan.WaitsForApproval(&execution.Status) || execution.Status.WaitingForStage != nil
		}
	}
	return false
}

// findWritesAtRest is I8: "and then writes stop". At rest nobody else writes either, and the restarted operator changes nothing.
func (r *record) findWritesAtRest() {
	end := r.endOfRest()
	for i := r.sim.Settled; i < end; i++ {
		c := &r.sim.Store.History[i]
		if r.isEventDropped() && !isOperator(c) {
			continue
		}
		if !isOperator(c) || !r.catchesUp(r.callOf[callID{c.By, c.Call}]) {
			r.violate(checkNobodyWrites, i, "when all was done, %s still wrote %s %q", c.By, c.Kind, c.Key.Name)
			return
		}
	}
}

// findIdleWrites is I8: "A write that repeats itself is load for ever." No write leaves an object as it was, except the mark of an
// execution that is put on again because the cache lags: it demands no state. Then the API server writes nothing.
func (r *record) findIdleWrites() {
	changed := map[callID]bool{}
	for _, c := range r.sim.Store.History {
		changed[callID{c.By, c.Call}] = true
	}
	for _, c := range r.calls {
		isMark := c.Verb == "patch" && c.Kind == simcluster.Execution
		if c.Writes() && c.Err == nil && !changed[callID{c.By, c.Number}] && !isMark {
			r.violate(checkWritesChange, c.Before, "call %d of %s, %s, wrote what was there", c.Number, c.By, c)
		}
	}
}

// maxWritesOfRun is how often the operator may write in a whole run.
const maxWritesOfRun = 200

// countWrites is I9 for a whole run.
func (r *record) countWrites() {
	if len(r.Requests) > maxWritesOfRun && !r.sim.Stuck {
		r.violate(checkWritesBounded, len(r.Changes), "the operator wrote %d times", len(r.Requests))
	}
}
