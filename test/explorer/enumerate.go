// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package explorer

import (
	"fmt"
	"slices"

	"haltline.dev/haltline/test/explorer/world"
)

// views is how many older views of a kind are tried, beside the first.
const views = 6

// Singles returns every injection for a scenario, one at a time, from its undisturbed run.
func Singles(base *Sim) []*Injection {
	calls := base.firstCalls()
	var all []*Injection
	add := func(call int, what ...string) {
		for _, w := range what {
			all = append(all, &Injection{Call: call, What: w})
		}
	}
	for i, c := range calls {
		first := i == 0 || calls[i-1].Reconcile != c.Reconcile
		if first {
			add(c.Number, stale(base, c)...)
		} else {
			add(c.Number, "catch-up")
		}
		if c.Cached {
			// Nothing that a cached read sees changes right before it, and nothing is lost by it.
			continue
		}
		add(c.Number, failures(c)...)
		add(c.Number, restarts(base, c)...)
		if c.Verb == "create" && c.Kind == world.Job {
			add(c.Number, troubledSeconds()...)
		}
		add(c.Number, others(base.counts[c.Number])...)
		add(c.Number, losses(base, c)...)
		if lastLive(calls[i:]) {
			// Until another live call of the reconciliation, what is done after this one is what is done before that.
			for _, what := range others(base.counts[c.Number]) {
				add(c.Number, "after."+what)
			}
		}
	}
	add(atRest, others(base.count())...)
	for n := 1; n <= base.Op.Deliveries; n++ {
		add(0, fmt.Sprintf("drop.%d", n))
	}
	return all
}

// gravest is the small set of injections of which pairs are made, at the calls of a run that come after a call.
func gravest(run *Sim, after int) []*Injection {
	var all []*Injection
	for _, c := range run.firstCalls() {
		if c.Cached || c.Number <= after {
			continue
		}
		what := []string{
			"crash-before", "restart-stale.PipelineExecution.0", "restart-stale.Job.0", "freeze.StopRequest", "fail.timeout",
			"second", "stop.w", "stop.a", "stop.a+second", "delete.Job.0.Background",
		}
		if c.Writes() {
			what = append(what, "crash-after", "lost-answer", "fail.conflict")
		}
		for _, w := range what {
			all = append(all, &Injection{Call: c.Number, What: w})
		}
	}
	return all
}

// lastLive reports whether the first of some calls is the last of its reconciliation that reaches the API server.
func lastLive(calls []*world.Call) bool {
	for _, c := range calls[1:] {
		if c.Reconcile != calls[0].Reconcile {
			break
		}
		if !c.Cached {
			return false
		}
	}
	return true
}

// firstCalls are the calls until all was at rest.
func (s *Sim) firstCalls() []*world.Call {
	i := slices.IndexFunc(s.Op.Calls, func(c *world.Call) bool { return c.Before >= s.Settled })
	if i < 0 {
		return s.Op.Calls
	}
	return s.Op.Calls[:i]
}

// losses are Jobs that another deletes, with a restart of the operator that sees the executions as they were before.
func losses(base *Sim, c *world.Call) []string {
	var what []string
	for i := range base.counts[c.Number][world.Job] {
		for _, pos := range olderViews(base, world.Execution, c) {
			what = append(what, fmt.Sprintf("delete.Job.%d.Background+relist.PipelineExecution.%d", i, pos))
		}
	}
	return what
}

// troubledSeconds are second operators that are told to stop what the first is about to start, and do not get far.
func troubledSeconds() []string {
	const calls = 12
	var what []string
	for n := 1; n <= calls; n++ {
		for _, trouble := range []string{"second-dies", "second-fails"} {
			what = append(what, fmt.Sprintf("stop.a+%s.%d", trouble, n), fmt.Sprintf("stop.w+%s.%d", trouble, n))
		}
	}
	return what
}

// failures are the ways in which a call itself goes wrong.
func failures(c *world.Call) []string {
	what := []string{"crash-before", "fail.throttled", "fail.internal", "fail.timeout"}
	if c.Writes() {
		what = append(what, "crash-after", "lost-answer", "fail.conflict")
	}
	if c.Verb == "create" {
		what = append(what, "fail.quota")
	}
	return what
}

// stale are the older views of each kind until a call, and from a call on.
func stale(base *Sim, c *world.Call) []string {
	var what []string
	for _, k := range world.Kinds {
		what = append(what, "freeze."+k.String())
		for _, pos := range olderViews(base, k, c) {
			what = append(what, fmt.Sprintf("lag.%s.%d", k, pos))
		}
	}
	return what
}

// restarts are the older views of each kind that a restarted operator may list.
func restarts(base *Sim, c *world.Call) []string {
	var what []string
	for _, k := range world.Kinds {
		for _, pos := range olderViews(base, k, c) {
			what = append(what, fmt.Sprintf("restart-stale.%s.%d", k, pos))
		}
	}
	return what
}

func olderViews(base *Sim, k world.Kind, c *world.Call) []int {
	seen := 0
	for _, change := range base.Store.History[:c.Before] {
		if change.Kind == k {
			seen++
		}
	}
	var positions []int
	for pos := max(seen-views, 0); pos < seen; pos++ {
		positions = append(positions, pos)
	}
	if seen > views {
		positions = append(positions, 0)
	}
	return positions
}

// others is what others do, given how many objects of each kind there are.
func others(counts []int) []string {
	what := []string{
		"second", "world", "second+world", "hour-on", "hour-back", "terminate",
		"stop.w", "stop.a", "stop.e", "stop.wa", "stop.aw", "stop.ww", "stop.aa", "stop.waa",
		"stop.a+second", "stop.w+second", "stop.wa+second", "stop.a+world", "foreign.0", "foreign.1",
	}
	for _, k := range world.Kinds {
		for i := range counts[k] {
			for _, verb := range verbs(k) {
				what = append(what, fmt.Sprintf("%s.%s.%d", verb, k, i))
			}
			for _, policy := range policies(k) {
				what = append(what, fmt.Sprintf("delete.%s.%d.%s", k, i, policy))
			}
			if k == world.Execution {
				for _, part := range []string{"all", "state", "stages", "stop"} {
					what = append(what, fmt.Sprintf("wipe.%s.%d.%s", k, i, part))
				}
			}
			if k == world.Job {
				what = append(what, fmt.Sprintf("delete.Job.%d.Background+second", i), fmt.Sprintf("delete.Job.%d.Background+world", i))
			}
		}
	}
	return what
}

// policies are those that differ: what has no dependents is deleted the same way by all of them.
func policies(k world.Kind) []string {
	if k == world.Pipeline || k == world.Execution || k == world.Job {
		return []string{"Background", "Foreground", "Orphan"}
	}
	return []string{"Background"}
}

func verbs(k world.Kind) []string {
	switch k {
	case world.Pipeline:
		return []string{"recreate", "edit", "touch"}
	case world.Execution:
		return []string{"recreate", "unown", "touch"}
	case world.StopRequest:
		return []string{"recreate", "touch"}
	case world.Job:
		return []string{"recreate", "unown", "adopt", "unlabel", "resume", "suspend", "touch"}
	case world.Revision:
		return []string{"recreate", "unown"}
	default:
		return nil
	}
}
