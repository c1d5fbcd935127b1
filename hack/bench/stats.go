// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// percentile returns the smallest of the values that p percent of them do not exceed, with p from 0 to 100, or 0 for no values.
func percentile(values []time.Duration, p float64) time.Duration {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	rank := int(math.Ceil(p / 100 * float64(len(sorted))))
	return sorted[max(rank, 1)-1]
}

// perSecond returns n in a duration as a rate.
func perSecond(n int, in time.Duration) float64 { return float64(n) / in.Seconds() }

// inParallel calls do for 0 to n-1 from so many writers, and returns how long each call took and how long all took together.
// After an error no further call begins.
func inParallel(n, writers int, do func(i int) error) (each []time.Duration, all time.Duration, err error) {
	var next atomic.Int64
	var failure atomic.Pointer[error]
	var wg sync.WaitGroup
	each = make([]time.Duration, n)
	began := time.Now()
	for range writers {
		wg.Go(func() {
			for failure.Load() == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				start := time.Now()
				if err := do(i); err != nil {
					failure.CompareAndSwap(nil, &err)
					return
				}
				each[i] = time.Since(start)
			}
		})
	}
	wg.Wait()
	if first := failure.Load(); first != nil {
		err = *first
	}
	return each, time.Since(began), err
}
