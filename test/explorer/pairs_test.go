// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package explorer

import (
	"flag"
	"slices"
	"testing"
)

// onePairIn is 1 for all pairs, which is a matter of an hour or more.
var onePairIn = flag.Int("one-pair-in", 250*stride, "TestPairs tries one pair in so many")

// TestPairs injects two things into the small scenarios, the second at each call that comes after the first.
func TestPairs(t *testing.T) {
	small := slices.DeleteFunc(Scenarios(), func(sc *Scenario) bool { return !sc.Small })
	exploreAll(t, small, func(x *exploration, base *Sim) {
		n := 0
		for _, first := range listGravest(base, 0) {
			run := newSimWith(x.memo, x.scenario, first)
			run.Run()
			for _, runSecondOperator := range listGravest(run, first.Call) {
				n++
				if n%*onePairIn == 0 {
					x.try(&Injection{Call: first.Call, What: first.What}, runSecondOperator)
				}
			}
		}
	})
}
