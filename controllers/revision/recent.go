// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package revision

import (
	"sync"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/types"

	"haltline.dev/haltline/api/v1alpha1"
)

// maxRecent bounds the definitions that are remembered, in bytes of their revisions. Users decide how large one is.
const maxRecent = 16 << 20

// recent remembers the definitions of the revisions that were read last, so that not every reconciliation reads one. A revision is
// known by its uid and its resourceVersion. What is remembered must not be changed.
type recent struct {
	mu      sync.Mutex
	entries map[recentKey]recentEntry
	// size is that of all entries, and clock counts their uses.
	size, clock int
}

type recentKey struct {
	uid     types.UID
	version string
}

type recentEntry struct {
	definition *v1alpha1.PipelineDefinition
	size, used int
}

func keyOf(revision *appsv1.ControllerRevision) recentKey {
	return recentKey{revision.UID, revision.ResourceVersion}
}

// get returns the definition of a revision, or nil if it is not remembered.
func (r *recent) get(revision *appsv1.ControllerRevision) *v1alpha1.PipelineDefinition {
	r.mu.Lock()
	defer r.mu.Unlock()
	entry, ok := r.entries[keyOf(revision)]
	if !ok {
		return nil
	}
	r.clock++
	entry.used = r.clock
	r.entries[keyOf(revision)] = entry
	return entry.definition
}

// add remembers the definition of a revision, and forgets those that were not used for longest if there are too many.
func (r *recent) add(revision *appsv1.ControllerRevision, definition *v1alpha1.PipelineDefinition) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := r.entries[keyOf(revision)]; ok || revision.UID == "" {
		return
	}
	if r.entries == nil {
		r.entries = map[recentKey]recentEntry{}
	}
	r.clock++
	r.entries[keyOf(revision)] = recentEntry{definition, len(revision.Data.Raw), r.clock}
	for r.size += len(revision.Data.Raw); r.size > maxRecent; {
		r.forgetOldest()
	}
}

func (r *recent) forgetOldest() {
	var oldest recentKey
	for key, entry := range r.entries {
		if first, ok := r.entries[oldest]; !ok || entry.used < first.used {
			oldest = key
		}
	}
	r.size -= r.entries[oldest].size
	delete(r.entries, oldest)
}
