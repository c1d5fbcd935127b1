// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package explorer

import (
	"fmt"
	"slices"

	"haltline.dev/haltline/test/simcluster"
)

// listInjections returns every injection for a scenario, from its undisturbed run.
func listInjections(base *Sim) []*Injection {
	calls := base.callsUntilRest()
	var all []*Injection
	add := func(call int, what ...string) {
		for _, w := range what {
			all = append(all, &Injection{Call: call, What: w})
		}
	}
	for i, c := range calls {
		isFirst := i == 0 || calls[i-1].Reconciliation.Number != c.Reconciliation.Number
		if isFirst {
			add(c.Number, "newest-first")
			add(c.Number, listStaleViews(base, c)...)
		} else {
			add(c.Number, "catch-up")
		}
		if c.Cached {
			// A cached read sees nothing of what changes right before it, and no answer of it can be lost.
			continue
		}
		add(c.Number, listFailures(c)...)
		add(c.Number, listStaleRestarts(base, c)...)
		if c.Verb == "create" && c.Kind == simcluster.Job {
			add(c.Number, listFailingSeconds(base, c)...)
			add(c.Number, base.listForgeries()...)
			// A second operator has started what the first is about to start, and somebody deleted it.
			add(c.Number, "second+lose+second")
		}
		add(c.Number, base.listOutsideActs(base.objectCounts[c.Number])...)
		add(c.Number, listLosses(base, c)...)
		if isLastLive(calls[i:]) {
			// After any other call, an act is the same as before the next live call of the reconciliation.
			for _, what := range base.listOutsideActs(base.objectCounts[c.Number]) {
				add(c.Number, "after."+what)
			}
		}
	}
	add(callAtRest, base.listOutsideActs(base.countObjects())...)
	add(0, "churn")
	for n := 1; n <= base.Op.Deliveries; n++ {
		add(0, fmt.Sprintf("drop.%d", n))
	}
	return all
}

// listGravest returns the small set of injections of which pairs are made, at the calls of a run that come after a call.
func listGravest(run *Sim, after int) []*Injection {
	var all []*Injection
	for _, c := range run.callsUntilRest() {
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

// isLastLive reports whether the first of some calls is the last one of its reconciliation that reaches the API server.
func isLastLive(calls []*simcluster.Call) bool {
	for _, c := range calls[1:] {
		if c.Reconciliation.Number != calls[0].Reconciliation.Number {
			break
		}
		if !c.Cached {
			return false
		}
	}
	return true
}

// callsUntilRest returns the calls until everything was at rest, beginning where the injections of the scenario begin.
func (s *Sim) callsUntilRest() []*simcluster.Call {
	from := 0
	if s.Scenario.FromFirstStop {
		from = slices.IndexFunc(s.Store.History, func(c simcluster.Change) bool { return c.Kind == simcluster.StopRequest })
	}
	return slices.DeleteFunc(slices.Clone(s.Op.Calls), func(c *simcluster.Call) bool {
		return c.Before < from || c.Before >= s.Settled
	})
}

// listLosses returns deletions of Jobs, each with a restart of the operator that sees the executions as they were before.
func listLosses(base *Sim, c *simcluster.Call) []string {
	var what []string
	for i := range base.objectCounts[c.Number][simcluster.Job] {
		for _, pos := range listOlderViews(base, simcluster.Execution, c) {
			what = append(what, fmt.Sprintf("delete.Job.%d.Background+relist.PipelineExecution.%d", i, pos))
		}
	}
	return what
}

// listFailingSeconds returns second operators that see a stop of what the first is about to start, and die or are refused at any
// of their live calls.
func listFailingSeconds(base *Sim, c *simcluster.Call) []string {
	var what []string
	for _, stop := range []string{"stop.a", "stop.w"} {
		probe := NewSim(base.Scenario, &Injection{Call: c.Number, What: stop + "+second"})
		probe.Run()
		for n := 1; n <= probe.secondLiveCalls; n++ {
			what = append(what, fmt.Sprintf("%s+second-dies.%d", stop, n), fmt.Sprintf("%s+second-fails.%d", stop, n))
		}
	}
	return what
}

// listFailures returns the ways in which a call itself goes wrong.
func listFailures(c *simcluster.Call) []string {
	what := []string{"crash-before", "fail.throttled", "fail.internal", "fail.timeout"}
	if c.Writes() {
		what = append(what, "crash-after", "lost-answer", "fail.conflict", "fail.quota", "fail.denied")
	}
	return what
}

// listStaleViews returns the older views of each kind, up to a call and from a call on.
func listStaleViews(base *Sim, c *simcluster.Call) []string {
	var what []string
	for _, k := range simcluster.Kinds {
		what = append(what, "freeze."+k.String(), "jump."+k.String())
		for _, pos := range listOlderViews(base, k, c) {
			what = append(what, fmt.Sprintf("lag.%s.%d", k, pos))
		}
	}
	return what
}

// listStaleRestarts returns the older views of each kind that a restarted operator may list.
func listStaleRestarts(base *Sim, c *simcluster.Call) []string {
	var what []string
	for _, k := range simcluster.Kinds {
		for _, pos := range listOlderViews(base, k, c) {
			what = append(what, fmt.Sprintf("restart-stale.%s.%d", k, pos))
		}
	}
	return what
}

// listOlderViews returns the positions of a kind that are older than a call.
func listOlderViews(base *Sim, k simcluster.Kind, c *simcluster.Call) []int {
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

// listForgeries returns the Jobs that somebody creates in the place of one that is about to be created.
func (s *Sim) listForgeries() []string {
	var what []string
	for n := range s.countActions() {
		what = append(what, fmt.Sprintf("forge.%d.work", n), fmt.Sprintf("forge.%d.placeholder", n))
	}
	return what
}

// listOutsideActs returns what other people and programs do, for the numbers of objects of each kind.
func (s *Sim) listOutsideActs(objectCounts []int) []string {
	what := []string{
		"second", "cluster", "second+cluster", "hour-on", "hour-back", "terminate",
		"stop.w", "stop.a", "stop.e", "stop.wa", "stop.aw", "stop.ww", "stop.aa", "stop.waa",
		"stop.a+second", "stop.w+second", "stop.wa+second", "stop.a+cluster",
	}
	for n := range s.countActions() {
		what = append(what, fmt.Sprintf("foreign.%d", n))
	}
	for _, k := range simcluster.Kinds {
		for i := range objectCounts[k] {
			for _, verb := range outsideVerbs(k) {
				what = append(what, fmt.Sprintf("%s.%s.%d", verb, k, i))
			}
			for _, policy := range deletionPolicies(k) {
				what = append(what, fmt.Sprintf("delete.%s.%d.%s", k, i, policy))
			}
			if k == simcluster.StopRequest {
				what = append(what, fmt.Sprintf("wipe.%s.%d.all", k, i))
			}
			if k == simcluster.Execution {
				for _, part := range []string{"all", "state", "stages", "stop", "conditions"} {
					what = append(what, fmt.Sprintf("wipe.%s.%d.%s", k, i, part))
				}
			}
			if k == simcluster.Job {
				what = append(what, fmt.Sprintf("delete.Job.%d.Background+second", i), fmt.Sprintf("delete.Job.%d.Background+cluster", i))
			}
		}
	}
	return what
}

// deletionPolicies returns those that differ: what has no dependents is deleted the same way by all of them.
func deletionPolicies(k simcluster.Kind) []string {
	if k == simcluster.Pipeline || k == simcluster.Execution || k == simcluster.Job {
		return []string{"Background", "Foreground", "Orphan"}
	}
	return []string{"Background"}
}

// outsideVerbs returns what somebody may do to an object of a kind, except to delete it.
func outsideVerbs(k simcluster.Kind) []string {
	switch k {
	case simcluster.Pipeline:
		return []string{"recreate", "edit", "touch"}
	case simcluster.Execution:
		return []string{"recreate", "unown", "touch"}
	case simcluster.StopRequest:
		return []string{"recreate", "restore", "touch"}
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
