// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"slices"
	"time"
)

// samples are durations of the same thing.
type samples []time.Duration

// percentile returns the smallest sample that at least p percent of all are not above; 0 if there are none.
func (s samples) percentile(p int) time.Duration {
	if len(s) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(s))
	return sorted[max((len(sorted)*p+99)/100-1, 0)]
}

// milliseconds returns a duration in milliseconds.
func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// perSecond returns a rate.
func perSecond(n int, d time.Duration) float64 { return float64(n) / d.Seconds() }
