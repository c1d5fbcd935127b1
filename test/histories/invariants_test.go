// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package histories

import (
	"slices"

	"haltline.dev/haltline/test/explorer"
)

// checkInvariants adds what the invariants of docs/invariants.md find, beside the judge. It leaves out I9, since how much an
// operator may write is known for one short scenario only, and departures that the judge has counted.
func (h *history) checkInvariants() {
	for _, v := range explorer.Check(h.sim) {
		isKnown := slices.ContainsFunc(knownToInvariant[v.Invariant], func(what string) bool { return h.judge.known[what] > 0 })
		if v.Invariant != "I9" && !isKnown {
			h.judge.found = append(h.judge.found, finding{v.At, v.Invariant + ": " + v.Text})
		}
	}
}
