// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package simcluster

import (
	"k8s.io/apimachinery/pkg/labels"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/controllers"
)

// event is what an informer tells of: New is nil where the object is gone, Old where it is new to the cache.
type event struct {
	kind     Kind
	old, new client.Object
}

// Cache is what one process has seen of the store: of each kind, the changes up to a position.
type Cache struct {
	store   *Store
	pos     [kinds]int
	objects [kinds]map[client.ObjectKey]client.Object
	// Hold keeps a kind at a position for as long as it says so.
	Hold func(k Kind, pos int) bool
}

// selected and transformed are what controllers.CacheOptions asks for.
var selected, transformed = cacheOptions()

func cacheOptions() (selectors [kinds]labels.Selector, transforms [kinds]toolscache.TransformFunc) {
	for o, by := range controllers.CacheOptions().ByObject {
		selectors[kindOf(o)], transforms[kindOf(o)] = by.Label, by.Transform
	}
	return selectors, transforms
}

// newCache returns a cache that has listed every kind at a position; at its newest where the position is negative.
func newCache(s *Store, at [kinds]int) *Cache {
	c := &Cache{store: s, Hold: func(Kind, int) bool { return false }}
	for _, k := range Kinds {
		c.objects[k] = map[client.ObjectKey]client.Object{}
		if at[k] < 0 || at[k] > s.Changes(k) {
			at[k] = s.Changes(k)
		}
		for c.pos[k] < at[k] {
			c.apply(k)
		}
	}
	return c
}

// newest asks newCache for the newest of every kind.
func newest() (at [kinds]int) {
	for k := range at {
		at[k] = -1
	}
	return at
}

// apply goes one change of a kind on, and returns what there is to tell of it.
func (c *Cache) apply(k Kind) (event, bool) {
	change := c.store.History[c.store.byKind[k][c.pos[k]]]
	c.pos[k]++
	old := c.objects[k][change.Key]
	next := cached(k, change.New)
	if next == nil {
		delete(c.objects[k], change.Key)
	} else {
		c.objects[k][change.Key] = next
	}
	return event{k, old, next}, old != nil || next != nil
}

// cached returns an object as the cache keeps it, or nil where it does not.
func cached(k Kind, o client.Object) client.Object {
	if o == nil || (selected[k] != nil && !selected[k].Matches(labels.Set(o.GetLabels()))) {
		return nil
	}
	if transformed[k] == nil {
		return o
	}
	kept, err := transformed[k](o.DeepCopyObject())
	if err != nil {
		panic(err)
	}
	return kept.(client.Object)
}

// behind reports whether a kind has changes that the cache may see.
func (c *Cache) behind(k Kind) bool {
	return c.pos[k] < c.store.Changes(k) && !c.Hold(k, c.pos[k])
}

// next goes on by the oldest change that the cache has not seen.
func (c *Cache) next() (event, bool) {
	for {
		first, at := kinds, len(c.store.History)
		for _, k := range Kinds {
			if c.behind(k) && c.store.byKind[k][c.pos[k]] < at {
				first, at = k, c.store.byKind[k][c.pos[k]]
			}
		}
		if first == kinds {
			return event{}, false
		}
		if e, tell := c.apply(first); tell {
			return e, true
		}
	}
}

// jump takes a kind to its newest at once, as a watch does that was cut and lists again, and returns what there is to
// tell: of each object, one change.
func (c *Cache) jump(k Kind) []event {
	before := map[client.ObjectKey]client.Object{}
	var touched []client.ObjectKey
	for c.pos[k] < c.store.Changes(k) {
		key := c.store.History[c.store.byKind[k][c.pos[k]]].Key
		if _, known := before[key]; !known {
			before[key] = c.objects[k][key]
			touched = append(touched, key)
		}
		c.apply(k)
	}
	var events []event
	for _, key := range touched {
		if e := (event{k, before[key], c.objects[k][key]}); e.old != e.new {
			events = append(events, e)
		}
	}
	return events
}
