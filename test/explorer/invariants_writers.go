// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package explorer

import (
	"haltline.dev/haltline/test/simcluster"
)

// othersUntouched is I7: "An object whose controller is not this execution is never changed or deleted." This execution is the
// one that is reconciled. What has no controller has one writer: "the execution's reconciler alone writes an execution, the stop
// request's reconciler alone writes a stop request".
func othersUntouched(r *record) {
	for i, c := range r.changes {
		if !isOperator(c) {
			continue
		}
		call := r.callOf[callID{c.By, c.Call}]
		if !r.mayWrite(&c, call) {
			r.violated("I7", i, "%s wrote %s %q in reconciling %s %q, which is not its to write",
				c.By, c.Kind, c.Key.Name, call.Reconciliation.Controller, call.Reconciliation.Object.Name)
		}
	}
}

// mayWrite reports whether a change was its reconciliation's to make.
func (r *record) mayWrite(c *simcluster.Change, call *simcluster.Call) bool {
	switch c.Kind {
	case simcluster.Job:
		// A Job that is created gets its controller then; of one that is there, what matters is the one that it had.
		job := c.Old
		if job == nil {
			job = c.New
		}
		return call.Reconciliation.Controller == reconcilers[simcluster.Execution] && call.Reconciliation.UID != "" && call.Reconciliation.UID == controllerOf(job)
	case simcluster.Revision:
		return c.Old == nil && call.Reconciliation.Controller == reconcilers[simcluster.Execution]
	case simcluster.Pod:
		return false
	default:
		return c.Old != nil && c.New != nil && call.Reconciliation.Controller == reconcilers[c.Kind] && call.Reconciliation.UID == c.Old.GetUID()
	}
}

// reconcilers are the names of the controllers, by the kinds that they write alone.
var reconcilers = map[simcluster.Kind]string{
	simcluster.Pipeline: "pipeline", simcluster.Execution: "pipelineexecution", simcluster.StopRequest: "stoprequest",
}

// guarded is I10: "A delete carries a UID precondition; a write that decides carries a resourceVersion." Every status decides.
// So does every patch: to suspend a Job or to leave it to itself, and to have an execution owned. No two objects of a cluster
// ever have the same resourceVersion, so it keeps a patch from another object of that name too.
func guarded(r *record) {
	for _, c := range r.calls {
		switch {
		case c.Verb == "delete" && !c.HasUID:
			r.violated("I10", c.Before, "call %d, %s, would hit another object of that name", c.Number, c)
		case (c.Verb == "patch" || c.Verb == "update-status") && !c.HasVersion:
			r.violated("I10", c.Before, "call %d, %s, overwrites what it has not seen", c.Number, c)
		}
	}
}
