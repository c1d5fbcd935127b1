// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package explorer

import (
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/verdict"
	"haltline.dev/haltline/test/simcluster"
)

// converges is I8: "When faults end, everything converges". Every execution has ended and every request is concluded,
// but for what waits for a person. It is so before the operator is restarted; of requests, unless an event was dropped.
func converges(r *record) {
	if r.sim.Stuck {
		r.violated("I8", len(r.changes), "the world did not come to rest")
		return
	}
	end := r.sim.Settled
	is := r.after(end)
	for _, o := range is.of(simcluster.Execution) {
		e := o.(*v1alpha1.PipelineExecution)
		if !e.Status.State.IsFinal() && !r.waits(e, is) {
			r.violated("I8", end, "execution %q is %q and nothing goes on", e.Name, e.Status.State)
		}
	}
	if r.dropped() {
		end = len(r.changes)
		is = r.after(end)
	}
	for _, o := range is.of(simcluster.StopRequest) {
		s := o.(*v1alpha1.StopRequest)
		e, there := is.execution(types.UID(s.Spec.PipelineExecutionID))
		stopping := there && !e.Status.State.IsFinal() && verdictOf(s) == accepted
		if !verdict.IsFinished(s.Status.Conditions) && !stopping {
			r.violated("I8", end, "StopRequest %q has the verdict %q and is not concluded", s.Name, verdictOf(s))
		}
	}
}

// thenWritesStop is I8: "and then writes stop". A restarted operator looks at every object anew, and asks for no write.
//
// What a quota refuses it asks for again and again, and should. And in what was behind for want of an event that was dropped it
// catches up, until a person goes on who waited for that.
func thenWritesStop(r *record) {
	end := len(r.changes)
	for i, c := range r.changes[r.sim.Settled:] {
		if r.dropped() && c.By == person {
			end = r.sim.Settled + i
			break
		}
		if r.dropped() && !isOperator(c) {
			continue
		}
		if !isOperator(c) || !r.catchesUp(r.callOf[callID{c.By, c.Call}]) {
			r.violated("I8", r.sim.Settled+i, "when all was done, %s still wrote %s %q", c.By, c.Kind, c.Key.Name)
			return
		}
	}
	if r.sim.RestedFrom == 0 {
		return
	}
	for _, c := range r.sim.Op.Calls[r.sim.RestedFrom:] {
		refused := r.sim.Scenario.Refuse != nil && apierrors.IsForbidden(c.Err)
		if c.Writes() && c.Before <= end && !refused && !r.catchesUp(c) {
			r.violated("I8", c.Before, "when all was done, a restarted operator still had call %d, %s", c.Number, c)
			return
		}
	}
}

// everyWriteChanges is I8 too: a write that changes nothing is one that would never stop.
func everyWriteChanges(r *record) {
	changed := map[callID]bool{}
	for _, c := range r.changes {
		changed[callID{c.By, c.Call}] = true
	}
	for _, c := range r.calls {
		if c.Writes() && c.Err == nil && !changed[callID{c.By, c.Number}] {
			r.violated("I8", c.Before, "call %d of %s, %s, wrote what was there", c.Number, c.By, c)
		}
	}
}
