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
type shortest map[string]violation

type violation struct {
	run   *Sim
	found []Violation
}

// offer takes a run if it is shorter than the one that is kept, without the injections that it does not need.
func (s shortest) offer(run *Sim, found []Violation) {
	if len(run.Trouble) > 1 {
		for _, t := range run.Trouble {
			alone := NewSim(run.Scenario, &Injection{Call: t.Call, What: t.What})
			alone.Run()
			if left := Check(alone); len(left) > 0 && left[0].Invariant == found[0].Invariant {
				run, found = alone, left
				break
			}
		}
	}
	offered := violation{run, found}
	if kept, is := s[found[0].Invariant]; !is || offered.compare(kept) < 0 {
		s[found[0].Invariant] = offered
	}
}

func (v violation) compare(other violation) int {
	return cmp.Or(
		cmp.Compare(len(v.run.Trouble), len(other.run.Trouble)),
		cmp.Compare(v.found[0].At, other.found[0].At),
		cmp.Compare(len(v.run.Op.Calls), len(other.run.Op.Calls)),
	)
}

// tell prints the traces.
func (s shortest) tell(t *testing.T) {
	for _, invariant := range slices.Sorted(maps.Keys(s)) {
		t.Log(s[invariant].run.Trace(s[invariant].found[:1]))
	}
}
