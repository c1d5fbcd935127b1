// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

// Package ownwrites remembers what was written of objects that a cache does not show yet. Whoever decides on what the cache shows
// until then does the same again, and the API server refuses it.
package ownwrites

import (
	"maps"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// maxLag is how long the cache may lag behind a write. What it shows after that counts, such as a status that somebody restored.
const maxLag = 5 * time.Second

// minFull is how many writes are remembered at least before any is dropped.
const minFull = 100

// Writes are the last writes of objects by their uid. The zero value has none.
type Writes struct {
	mu      sync.Mutex
	written map[types.UID]write
	// full is how many there are when those are dropped that nobody asked for in time, such as of objects that were deleted.
	full int
}

type write struct {
	version int64
	at      time.Time
}

// Note remembers that an object has a version from now on.
func (w *Writes) Note(uid types.UID, version int64, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.written == nil {
		w.written = map[types.UID]write{}
	}
	w.written[uid] = write{version, now}
	if len(w.written) > w.full {
		maps.DeleteFunc(w.written, func(_ types.UID, last write) bool { return now.Sub(last.at) >= maxLag })
		w.full = 2*len(w.written) + minFull
	}
}

// IsAhead reports whether an object was written since the cache came to show its version; 0 if it does not show the object at all.
func (w *Writes) IsAhead(uid types.UID, shown int64, now time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	last, ok := w.written[uid]
	if !ok {
		return false
	}
	if shown >= last.version || now.Sub(last.at) >= maxLag {
		delete(w.written, uid)
		return false
	}
	return true
}

// Forget forgets what was written of an object that the cache came to show and does not show any more.
func (w *Writes) Forget(uid types.UID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.written, uid)
}
