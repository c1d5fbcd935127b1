// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package explorer

import (
	"cmp"
	"maps"
	"slices"
	"testing"
)

// shortest keeps, for each invariant, the run that violates it with the fewest injections and the shortest history.
type shortest map[string]violatingRun

type violatingRun struct {
	run   *Sim
	found []Violation
}

// offer takes a run if it is shorter than the one that is kept, without the injections that it does not need.
func (s shortest) offer(run *Sim, found []Violation) {
	if len(run.Injections) > 1 {
		for _, injection := range run.Injections {
			alone := NewSim(run.Scenario, &Injection{Call: injection.Call, What: injection.What})
			alone.Run()
			if left := Check(alone); len(left) > 0 && left[0].Invariant == found[0].Invariant {
				run, found = alone, left
				break
			}
		}
	}
	offered := violatingRun{run, found}
	if kept, hasOne := s[found[0].Invariant]; !hasOne || offered.compare(kept) < 0 {
		s[found[0].Invariant] = offered
	}
}

func (v violatingRun) compare(other violatingRun) int {
	return cmp.Or(
		cmp.Compare(len(v.run.Injections), len(other.run.Injections)),
		cmp.Compare(v.found[0].At, other.found[0].At),
		cmp.Compare(len(v.run.Op.Calls), len(other.run.Op.Calls)),
	)
}

// logTraces logs the traces of the runs.
func (s shortest) logTraces(t *testing.T) {
	for _, invariant := range slices.Sorted(maps.Keys(s)) {
		t.Log(s[invariant].run.Trace(s[invariant].found[:1]))
	}
}
