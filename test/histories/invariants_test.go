// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package histories

import "haltline.dev/haltline/test/explorer"

// checkInvariants adds what the invariants of docs/invariants.md find, beside the judge. It leaves out I9, since how much an
// operator may write is known for one short scenario only, and departures that the judge has counted.
func (h *history) checkInvariants() {
	for _, v := range explorer.Check(h.sim) {
		if v.Invariant != "I9" && h.judge.known[knownToInvariant[v.Invariant]] == 0 {
			h.judge.found = append(h.judge.found, finding{v.At, v.Invariant + ": " + v.Text})
		}
	}
}
