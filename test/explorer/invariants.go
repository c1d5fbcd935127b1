// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package explorer

import "slices"

// Check returns what does not hold of a run.
func Check(s *Sim) []Violation {
	r := newRecord(s)
	for _, holds := range []func(*record){
		oneVerdict, trueVerdict, oneWaitOneAbandon, nothingStartsAfterAccepted, oneJobRuns, finalIsFinal, stoppedMeansStopped,
		waitLetsFinish, deletedMeansGone, requestsReadStopped, leftOnPurpose,
		nothingLeftBehind, othersUntouched, converges, thenWritesStop, everyWriteChanges, bounded, guarded,
	} {
		holds(r)
	}
	slices.SortStableFunc(r.found, func(a, b Violation) int { return a.At - b.At })
	return r.found
}
