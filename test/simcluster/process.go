// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package simcluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	cevent "sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"haltline.dev/haltline/controllers"
	"haltline.dev/haltline/controllers/metrics"
)

// Hook stands around a call of a process. It may do other things before and after, and need not let the call through.
type Hook func(c *Call, next func() error) error

// Crash is what a hook panics with to end a process at once.
type Crash struct{}

// Note is an event that a process recorded.
type Note struct {
	Key       client.ObjectKey
	Reason    string
	Text      string
	Reconcile int
}

// Process is one running operator: the real controllers, with queues and a cache of their own.
type Process struct {
	Name  string
	Cache *Cache
	// Hook stands around every call, where there is one.
	Hook Hook
	// Drop says of an event, by its number, that it does not reach the handlers.
	Drop func(delivery int) bool
	// Crashed says that the process has ended.
	Crashed bool
	// Calls are all calls so far.
	Calls []*Call
	// Notes are the events that were recorded.
	Notes []Note
	// Deliveries counts the events that came.
	Deliveries int
	// Reconciles counts the reconciliations.
	Reconciles int

	store       *Store
	controllers []controllers.Controller
	queues      []*Queue
	order       int
	current     string
	of          client.ObjectKey
	ofUID       types.UID
	lifo        bool
}

// operatorMetrics are those of all processes. Nobody reads them.
var operatorMetrics = metrics.New()

// At says where a process's cache begins; a kind that is not in it begins at its newest.
type At map[Kind]int

// NewProcess starts an operator. Its calls are recorded behind those of the one whose name it takes over.
func NewProcess(s *Store, name string, at At, before *Process) *Process {
	positions := newest()
	for k, pos := range at {
		positions[k] = pos
	}
	p := &Process{Name: name, store: s, Cache: newCache(s, positions)}
	if before != nil {
		p.Hook, p.Calls, p.Notes, p.Reconciles, p.Drop = before.Hook, before.Calls, before.Notes, before.Reconciles, before.Drop
		p.Deliveries = before.Deliveries
	}
	p.controllers = controllers.NewControllers(controllers.Dependencies{
		Client: &apiClient{process: p}, APIReader: &apiClient{process: p, live: true}, Recorder: recorder{p},
		Metrics: operatorMetrics, Clock: s.Clock,
	})
	for range p.controllers {
		p.queues = append(p.queues, newQueue(s.Clock.Now, func() int { p.order++; return p.order }))
	}
	for _, k := range Kinds {
		for _, o := range sorted(p.Cache.objects[k]) {
			p.tell(event{kind: k, new: o})
		}
	}
	return p
}

// call runs a call of the operator through the hook.
func (p *Process) call(c *Call, do func() error) error {
	if p.current == "" {
		// A handler looks something up; an informer does so at no time of its own.
		return do()
	}
	c.Number, c.Reconcile, c.Controller, c.By, c.Before = len(p.Calls)+1, p.Reconciles, p.current, p.Name, len(p.store.History)
	c.Of, c.OfUID, c.Err = p.of, p.ofUID, errNoAnswer
	p.Calls = append(p.Calls, c)
	next := func() error {
		by, call := p.store.by, p.store.call
		p.store.by, p.store.call = p.Name, c.Number
		defer func() { p.store.by, p.store.call = by, call }()
		return do()
	}
	if p.Hook == nil {
		c.Err = next()
	} else {
		c.Err = p.Hook(c, next)
	}
	return c.Err
}

// read notes which object it is that is reconciled: the first thing that a reconciliation does is to read it.
func (p *Process) read(key client.ObjectKey, o client.Object) {
	if p.ofUID == "" && key == p.of {
		p.ofUID = o.GetUID()
	}
}

// Advance tells the handlers of the oldest change that the cache has not seen. It reports whether there was one.
func (p *Process) Advance() bool {
	e, ok := p.Cache.next()
	if ok {
		p.tell(e)
	}
	return ok
}

// Jump takes a kind's cache to its newest at once.
func (p *Process) Jump(k Kind) {
	for _, e := range p.Cache.jump(k) {
		p.tell(e)
	}
}

// tell brings an event to the handlers of every controller that watches the kind.
func (p *Process) tell(e event) {
	p.Deliveries++
	if p.Drop != nil && p.Drop(p.Deliveries) {
		return
	}
	current := p.current
	p.current = ""
	defer func() { p.current = current }()
	for i, c := range p.controllers {
		for _, w := range c.Watches {
			if kindOf(w.Object) == e.kind {
				handle(w, e, p.queues[i])
			}
		}
	}
}

func handle(w controllers.Watch, e event, q *Queue) {
	ctx := context.Background()
	_, metadataOnly := w.Object.(*metav1.PartialObjectMetadata)
	old, next := shown(e.old, metadataOnly), shown(e.new, metadataOnly)
	passes := func(is func(predicate.Predicate) bool) bool {
		return !slices.ContainsFunc(w.Predicates, func(p predicate.Predicate) bool { return !is(p) })
	}
	switch {
	case old == nil:
		created := cevent.CreateEvent{Object: next}
		if passes(func(p predicate.Predicate) bool { return p.Create(created) }) {
			w.Handler.Create(ctx, created, q)
		}
	case next == nil:
		deleted := cevent.DeleteEvent{Object: old}
		if passes(func(p predicate.Predicate) bool { return p.Delete(deleted) }) {
			w.Handler.Delete(ctx, deleted, q)
		}
	default:
		updated := cevent.UpdateEvent{ObjectOld: old, ObjectNew: next}
		if passes(func(p predicate.Predicate) bool { return p.Update(updated) }) {
			w.Handler.Update(ctx, updated, q)
		}
	}
}

// shown returns an object as a handler sees it.
func shown(o client.Object, metadataOnly bool) client.Object {
	if o == nil {
		return nil
	}
	if metadataOnly {
		return metadataOf(o)
	}
	return o
}

// NewestFirst has the process take from its queues what came last: no order of the work is promised.
func (p *Process) NewestFirst() {
	p.lifo = true
	for _, q := range p.queues {
		q.lifo = true
	}
}

// Reconcile works on the request that has waited longest. It reports whether there was one.
func (p *Process) Reconcile() bool {
	first := -1
	for i, q := range p.queues {
		q.due()
		if q.Len() > 0 && (first < 0 || (q.next() < p.queues[first].next()) != p.lifo) {
			first = i
		}
	}
	if first < 0 || p.Crashed {
		return false
	}
	p.run(p.controllers[first], p.queues[first])
	return true
}

// Ready names the controllers that have an object to work on.
func (p *Process) Ready() []string {
	var ready []string
	for i, q := range p.queues {
		q.due()
		if q.Len() > 0 && !p.Crashed {
			ready = append(ready, p.controllers[i].Name)
		}
	}
	return ready
}

// ReconcileOf has a controller that is ready work on the object that has waited longest for it.
func (p *Process) ReconcileOf(controller string) {
	for i, c := range p.controllers {
		if c.Name == controller {
			p.run(c, p.queues[i])
		}
	}
}

func (p *Process) run(c controllers.Controller, q *Queue) {
	defer func() {
		p.current = ""
		if r := recover(); r != nil {
			if _, crash := r.(Crash); !crash {
				panic(r)
			}
			p.Crashed = true
		}
	}()
	request, _ := q.Get()
	p.Reconciles++
	p.current, p.of, p.ofUID = c.Name, request.NamespacedName, ""
	result, err := c.Reconciler.Reconcile(context.Background(), request)
	switch {
	case err != nil:
		q.AddRateLimited(request)
	case result.RequeueAfter > 0:
		q.Forget(request)
		q.AddAfter(request, result.RequeueAfter)
	default:
		q.Forget(request)
	}
}

// Wake returns when the process has something to do even if nothing happens.
func (p *Process) Wake() (time.Time, bool) {
	var first time.Time
	for _, q := range p.queues {
		if at, ok := q.wake(); ok && (first.IsZero() || at.Before(first)) {
			first = at
		}
	}
	return first, !first.IsZero()
}

// Position returns how far the cache of a kind is.
func (p *Process) Position(k Kind) int { return p.Cache.pos[k] }

// errNoAnswer is how a call ended that has not returned.
var errNoAnswer = errors.New("no answer")

// recorder keeps the events that the operator records.
type recorder struct{ process *Process }

func (r recorder) Eventf(regarding, _ runtime.Object, _, reason, _, note string, args ...any) {
	o := regarding.(client.Object)
	r.process.Notes = append(r.process.Notes, Note{client.ObjectKeyFromObject(o), reason, text(note, args), r.process.Reconciles})
}

func text(note string, args []any) string { return fmt.Sprintf(note, args...) }
