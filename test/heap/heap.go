// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

// Package heap tells tests how much memory something keeps.
package heap

import "runtime"

// InUse collects garbage, and returns how many bytes of the heap are in use.
func InUse() int64 {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}
