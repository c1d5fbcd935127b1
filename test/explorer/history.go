// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package explorer

import (
	"slices"

	"haltline.dev/haltline/test/invariants"
	"haltline.dev/haltline/test/simcluster"
)

// callID is how a change names the call that made it.
type callID struct {
	by     string
	number int
}

// record is the history of a run, and the run itself for the checks that need more of it.
type record struct {
	*invariants.History
	sim   *Sim
	calls []*simcluster.Call
	// callOf are the calls by who made them and their number.
	callOf map[callID]*simcluster.Call
	found  []Violation
}

// newRecord makes the history of a run.
func newRecord(s *Sim) *record {
	r := &record{History: &invariants.History{}, sim: s, callOf: map[callID]*simcluster.Call{}}
	for _, other := range s.Others {
		r.calls = append(r.calls, other.Calls...)
	}
	r.calls = append(r.calls, s.Op.Calls...)
	for _, c := range r.calls {
		r.callOf[callID{c.By, c.Number}] = c
	}
	r.addChanges(r.addRequests())
	r.addEvents()
	r.Index()
	if !s.Stuck {
		r.addRest()
	}
	return r
}

// addRequests adds the calls that write, in their order, and returns them by their calls.
func (r *record) addRequests() map[*simcluster.Call]*invariants.Request {
	requests := map[*simcluster.Call]*invariants.Request{}
	began := map[callID]*invariants.Reconciliation{}
	for _, c := range r.calls {
		id := callID{c.By, c.Reconciliation.Number}
		if began[id] == nil {
			began[id] = &invariants.Reconciliation{Process: c.By, Number: id.number, Began: uint64(c.Before)}
		}
		if !c.Writes() {
			continue
		}
		by := *began[id]
		by.Controller, by.Object, by.UID = c.Reconciliation.Controller, c.Reconciliation.Object, c.Reconciliation.UID
		requests[c] = &invariants.Request{
			Text: c.String(), Verb: c.Verb, Kind: c.Kind, Key: c.Key, At: uint64(c.Before), Reconciliation: &by,
			Guard: &invariants.Guard{UID: c.HasUID, State: c.HasState},
		}
		r.Requests = append(r.Requests, requests[c])
	}
	slices.SortStableFunc(r.Requests, func(a, b *invariants.Request) int { return int(a.At) - int(b.At) })
	return requests
}

func (r *record) addChanges(requests map[*simcluster.Call]*invariants.Request) {
	for i := range r.sim.Store.History {
		c := &r.sim.Store.History[i]
		change := invariants.Change{
			Position: uint64(c.Seq), After: uint64(c.Seq - 1), Time: c.At, Kind: c.Kind, Key: c.Key, Old: c.Old, New: c.New,
			Writer: invariants.WriterOther, By: c.By, Verb: verbOf(c),
		}
		if isOperator(c) {
			change.Writer, change.Request = invariants.WriterOperator, requests[r.callOf[callID{c.By, c.Call}]]
		}
		r.Changes = append(r.Changes, change)
	}
}

func verbOf(c *simcluster.Change) string {
	switch {
	case c.Old == nil:
		return "create"
	case c.New == nil:
		return "delete"
	}
	return "update"
}

func (r *record) addEvents() {
	processes := append(slices.Clone(r.sim.Others), r.sim.Op)
	for _, p := range processes {
		for _, e := range p.Events {
			r.Events = append(r.Events, invariants.RecordedEvent{
				Reconciliation: &invariants.Reconciliation{Process: p.Name, Number: e.Reconciliation},
			})
		}
	}
}

// addRest describes the rest: when the run had settled, and since when the restarted operator worked.
func (r *record) addRest() {
	settled := uint64(r.sim.Settled)
	r.Rest = &invariants.Rest{
		Executions: settled, StopRequests: settled, Waiting: r.waitingExecutions(settled), Requests: len(r.Requests),
	}
	if r.isEventDropped() {
		r.Rest.StopRequests = uint64(len(r.Changes))
	}
	if r.sim.RestartedAt == 0 {
		return
	}
	end := r.endOfRest()
	for _, c := range slices.Backward(r.sim.Op.Calls[r.sim.RestartedAt:]) {
		if !c.Writes() {
			continue
		}
		r.Rest.Requests--
		r.Requests[r.Rest.Requests].Excused = c.Before > end || r.isRefusedByQuota(c) || r.catchesUp(c)
	}
}

// isOperator reports whether a change was made by an operator.
func isOperator(c *simcluster.Change) bool { return c.Call > 0 }
