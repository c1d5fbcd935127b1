// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package explorer

import (
	"fmt"
	"slices"

	"haltline.dev/haltline/test/simcluster"
)

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
			add(c.Number, "newest-first")
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
		if c.Verb == "create" && c.Kind == simcluster.Job {
			add(c.Number, troubledSeconds(base, c)...)
			// What is about to be started was started by another, and then lost.
			add(c.Number, "second+lose+second")
		}
		add(c.Number, base.others(base.counts[c.Number])...)
		add(c.Number, losses(base, c)...)
		if lastLive(calls[i:]) {
			// Until another live call of the reconciliation, what is done after this one is what is done before that.
			for _, what := range base.others(base.counts[c.Number]) {
				add(c.Number, "after."+what)
			}
		}
	}
	add(atRest, base.others(base.count())...)
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
func lastLive(calls []*simcluster.Call) bool {
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

// firstCalls are the calls until all was at rest, from where the scenario has injections begin.
func (s *Sim) firstCalls() []*simcluster.Call {
	from := 0
	if s.Scenario.FromFirstStop {
		from = slices.IndexFunc(s.Store.History, func(c simcluster.Change) bool { return c.Kind == simcluster.StopRequest })
	}
	return slices.DeleteFunc(slices.Clone(s.Op.Calls), func(c *simcluster.Call) bool {
		return c.Before < from || c.Before >= s.Settled
	})
}

// losses are Jobs that another deletes, with a restart of the operator that sees the executions as they were before.
func losses(base *Sim, c *simcluster.Call) []string {
	var what []string
	for i := range base.counts[c.Number][simcluster.Job] {
		for _, pos := range olderViews(base, simcluster.Execution, c) {
			what = append(what, fmt.Sprintf("delete.Job.%d.Background+relist.PipelineExecution.%d", i, pos))
		}
	}
	return what
}

// troubledSeconds are second operators that are told to stop what the first is about to start, and die, or are refused, at
// any of the calls that reach the API server.
func troubledSeconds(base *Sim, c *simcluster.Call) []string {
	var what []string
	for _, stop := range []string{"stop.a", "stop.w"} {
		probe := NewSim(base.Scenario, &Injection{Call: c.Number, What: stop + "+second"})
		probe.Run()
		for n := 1; n <= probe.nestedLive; n++ {
			what = append(what, fmt.Sprintf("%s+second-dies.%d", stop, n), fmt.Sprintf("%s+second-fails.%d", stop, n))
		}
	}
	return what
}

// failures are the ways in which a call itself goes wrong.
func failures(c *simcluster.Call) []string {
	what := []string{"crash-before", "fail.throttled", "fail.internal", "fail.timeout"}
	if c.Writes() {
		what = append(what, "crash-after", "lost-answer", "fail.conflict", "fail.quota")
	}
	return what
}

// stale are the older views of each kind until a call, and from a call on.
func stale(base *Sim, c *simcluster.Call) []string {
	var what []string
	for _, k := range simcluster.Kinds {
		what = append(what, "freeze."+k.String(), "jump."+k.String())
		for _, pos := range olderViews(base, k, c) {
			what = append(what, fmt.Sprintf("lag.%s.%d", k, pos))
		}
	}
	return what
}

// restarts are the older views of each kind that a restarted operator may list.
func restarts(base *Sim, c *simcluster.Call) []string {
	var what []string
	for _, k := range simcluster.Kinds {
		for _, pos := range olderViews(base, k, c) {
			what = append(what, fmt.Sprintf("restart-stale.%s.%d", k, pos))
		}
	}
	return what
}

func olderViews(base *Sim, k simcluster.Kind, c *simcluster.Call) []int {
	seen := 0
	for _, change := range base.Store.History[:c.Before] {
		if change.Kind == k {
			seen++
		}
	}
	positions := make([]int, seen)
	for pos := range positions {
		positions[pos] = pos
	}
	return positions
}

// others is what others do, given how many objects of each kind there are.
func (s *Sim) others(counts []int) []string {
	what := []string{
		"second", "world", "second+world", "hour-on", "hour-back", "terminate",
		"stop.w", "stop.a", "stop.e", "stop.wa", "stop.aw", "stop.ww", "stop.aa", "stop.waa",
		"stop.a+second", "stop.w+second", "stop.wa+second", "stop.a+world",
	}
	for n := range s.actionCount() {
		what = append(what, fmt.Sprintf("foreign.%d", n))
	}
	for _, k := range simcluster.Kinds {
		for i := range counts[k] {
			for _, verb := range verbs(k) {
				what = append(what, fmt.Sprintf("%s.%s.%d", verb, k, i))
			}
			for _, policy := range policies(k) {
				what = append(what, fmt.Sprintf("delete.%s.%d.%s", k, i, policy))
			}
			if k == simcluster.StopRequest {
				what = append(what, fmt.Sprintf("wipe.%s.%d.all", k, i))
			}
			if k == simcluster.Execution {
				for _, part := range []string{"all", "state", "stages", "stop"} {
					what = append(what, fmt.Sprintf("wipe.%s.%d.%s", k, i, part))
				}
			}
			if k == simcluster.Job {
				what = append(what, fmt.Sprintf("delete.Job.%d.Background+second", i), fmt.Sprintf("delete.Job.%d.Background+world", i))
			}
		}
	}
	return what
}

// policies are those that differ: what has no dependents is deleted the same way by all of them.
func policies(k simcluster.Kind) []string {
	if k == simcluster.Pipeline || k == simcluster.Execution || k == simcluster.Job {
		return []string{"Background", "Foreground", "Orphan"}
	}
	return []string{"Background"}
}

func verbs(k simcluster.Kind) []string {
	switch k {
	case simcluster.Pipeline:
		return []string{"recreate", "edit", "touch"}
	case simcluster.Execution:
		return []string{"recreate", "unown", "touch"}
	case simcluster.StopRequest:
		return []string{"recreate", "touch"}
	case simcluster.Job:
		return []string{"recreate", "unown", "adopt", "unlabel", "placeholder", "orphaned", "resume", "suspend", "touch"}
	case simcluster.Pod:
		return []string{"unown", "unlabel", "touch"}
	case simcluster.Revision:
		return []string{"recreate", "unown"}
	default:
		return nil
	}
}
