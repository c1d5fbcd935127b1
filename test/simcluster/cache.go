// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package simcluster

import (
	"k8s.io/apimachinery/pkg/labels"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Event is what an informer delivers. New is nil if the object is gone, Old if it is new to the cache.
type Event struct {
	Kind     Kind
	Old, New client.Object
}

// Cache is what a program has seen of the store: of each kind, the changes up to a position.
type Cache struct {
	// Hold keeps a kind at a position for as long as it returns true.
	Hold func(k Kind, position int) bool

	store      *Store
	positions  [kinds]int
	objects    [kinds]map[client.ObjectKey]client.Object
	selectors  [kinds]labels.Selector
	transforms [kinds]toolscache.TransformFunc
}

// Positions is how many changes of a kind a cache has seen when it begins. A kind that is missing begins at its newest.
type Positions map[Kind]int

// NewCache returns a cache that has listed every kind. The options select and transform what it keeps, as those of a manager do.
func NewCache(s *Store, byObject map[client.Object]cache.ByObject, at Positions) *Cache {
	c := &Cache{store: s, Hold: func(Kind, int) bool { return false }}
	for o, options := range byObject {
		c.selectors[KindOf(o)], c.transforms[KindOf(o)] = options.Label, options.Transform
	}
	for _, k := range Kinds {
		c.objects[k] = map[client.ObjectKey]client.Object{}
		position, isOlder := at[k]
		if !isOlder || position < 0 {
			position = s.Changes(k)
		}
		for c.positions[k] < min(position, s.Changes(k)) {
			c.apply(k)
		}
	}
	return c
}

// Position returns how many changes of a kind the cache has seen.
func (c *Cache) Position(k Kind) int { return c.positions[k] }

// All returns the objects of a kind in the order of their names. They must not be changed.
func (c *Cache) All(k Kind) []client.Object { return sorted(c.objects[k]) }

// apply takes the next change of a kind, and returns the event that it is, if it is one.
func (c *Cache) apply(k Kind) (Event, bool) {
	change := c.store.History[c.store.byKind[k][c.positions[k]]]
	c.positions[k]++
	old := c.objects[k][change.Key]
	next := c.reduce(k, change.New)
	if next == nil {
		delete(c.objects[k], change.Key)
	} else {
		c.objects[k][change.Key] = next
	}
	return Event{k, old, next}, old != nil || next != nil
}

// reduce returns an object as the cache keeps it, or nil if it does not.
func (c *Cache) reduce(k Kind, o client.Object) client.Object {
	if o == nil || (c.selectors[k] != nil && !c.selectors[k].Matches(labels.Set(o.GetLabels()))) {
		return nil
	}
	if c.transforms[k] == nil {
		return o
	}
	kept, err := c.transforms[k](o.DeepCopyObject())
	if err != nil {
		panic(err)
	}
	return kept.(client.Object)
}

// isBehind reports whether a kind has changes that the cache may see.
func (c *Cache) isBehind(k Kind) bool {
	return c.positions[k] < c.store.Changes(k) && !c.Hold(k, c.positions[k])
}

// Advance takes the oldest change that the cache has not seen and may see, until one is an event. It returns false if there
// is none.
func (c *Cache) Advance() (Event, bool) {
	for {
		oldest, at := kinds, len(c.store.History)
		for _, k := range Kinds {
			if c.isBehind(k) && c.store.byKind[k][c.positions[k]] < at {
				oldest, at = k, c.store.byKind[k][c.positions[k]]
			}
		}
		if oldest == kinds {
			return Event{}, false
		}
		if e, isEvent := c.apply(oldest); isEvent {
			return e, true
		}
	}
}

// Relist takes a kind to its newest at once, as a watch does that was cut and lists again. It returns one event for each
// object that differs.
func (c *Cache) Relist(k Kind) []Event {
	before := map[client.ObjectKey]client.Object{}
	var touched []client.ObjectKey
	for c.positions[k] < c.store.Changes(k) {
		key := c.store.History[c.store.byKind[k][c.positions[k]]].Key
		if _, known := before[key]; !known {
			before[key] = c.objects[k][key]
			touched = append(touched, key)
		}
		c.apply(k)
	}
	var events []Event
	for _, key := range touched {
		if e := (Event{k, before[key], c.objects[k][key]}); e.Old != e.New {
			events = append(events, e)
		}
	}
	return events
}
