// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package operator

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"haltline.dev/haltline/controllers"
	"haltline.dev/haltline/controllers/metrics"
	"haltline.dev/haltline/test/simcluster"
)

// Crash is what a hook panics with to end a process at once.
type Crash struct{}

// RecordedEvent is a Kubernetes event that a process recorded.
type RecordedEvent struct {
	Key    client.ObjectKey
	Reason string
	Text   string
	// Reconciliation is the number of the one that recorded it.
	Reconciliation int
}

// Process is one running operator: the real controllers, with queues and a cache of their own. Its Caller has the log of the
// calls of its reconciliations, and the hook around them.
type Process struct {
	simcluster.Caller
	Cache *simcluster.Cache
	// Drop reports for an event, by its number, whether it is lost on its way to the handlers.
	Drop func(delivery int) bool
	// Crashed is true once the process has ended.
	Crashed bool
	// Events are those that were recorded.
	Events []RecordedEvent
	// Deliveries counts the events that the cache delivered.
	Deliveries int
	// Reconciliations counts the reconciliations.
	Reconciliations int

	store       *simcluster.Store
	controllers []controllers.Controller
	queues      []*Queue
	order       int
	lifo        bool
}

// operatorMetrics are those of all processes. Nobody reads them.
var operatorMetrics = metrics.New()

// quietContext is the context of all reconciliations. Nobody reads what they log.
var quietContext = log.IntoContext(context.Background(), log.Log.WithSink(log.NullLogSink{}))

// NewProcess starts an operator whose cache begins at the positions. If it takes the place of an earlier process, its log
// goes on behind that of the earlier one.
func NewProcess(s *simcluster.Store, name string, at simcluster.Positions, earlier *Process) *Process {
	p := &Process{
		Caller: simcluster.Caller{Name: name, Silent: true}, store: s,
		Cache: simcluster.NewCache(s, controllers.CacheOptions().ByObject, at),
	}
	if earlier != nil {
		p.Hook, p.Calls, p.Events, p.Drop = earlier.Hook, earlier.Calls, earlier.Events, earlier.Drop
		p.Reconciliations, p.Deliveries = earlier.Reconciliations, earlier.Deliveries
	}
	calledBy := simcluster.CalledBy(&p.Caller)
	p.controllers = controllers.NewControllers(controllers.Dependencies{
		Client:    simcluster.NewClient(s, calledBy, simcluster.ReadingFrom(p.Cache, indexes()...)),
		APIReader: simcluster.NewClient(s, calledBy),
		Recorder:  recorder{p}, Metrics: operatorMetrics, Clock: s.Clock, Nonce: func() string { return Nonce(s) },
	})
	for range p.controllers {
		p.queues = append(p.queues, newQueue(s.Clock.Now, func() int { p.order++; return p.order }))
	}
	for _, k := range simcluster.Kinds {
		for _, o := range p.Cache.All(k) {
			p.deliver(simcluster.Event{Kind: k, New: o})
		}
	}
	return p
}

// Nonce returns what an operator draws that has an intent to start an action now. It is another one after each change.
func Nonce(s *simcluster.Store) string { return strconv.Itoa(len(s.History)) }

// indexes are those of the operator's cache.
func indexes() []simcluster.Index {
	var all []simcluster.Index
	for _, i := range controllers.Indexes() {
		all = append(all, simcluster.Index{Object: i.Object, Field: i.Field, Values: i.Values})
	}
	return all
}

// Advance delivers the oldest change that the cache has not seen. It reports whether there was one.
func (p *Process) Advance() bool {
	e, ok := p.Cache.Advance()
	if ok {
		p.deliver(e)
	}
	return ok
}

// Relist takes the cache of a kind to its newest at once.
func (p *Process) Relist(k simcluster.Kind) {
	for _, e := range p.Cache.Relist(k) {
		p.deliver(e)
	}
}

// deliver brings an event to the handlers of every controller that watches the kind. What handlers look up is not logged: an
// informer runs them at no time of its own.
func (p *Process) deliver(e simcluster.Event) {
	p.Deliveries++
	if p.Drop != nil && p.Drop(p.Deliveries) {
		return
	}
	silent := p.Silent
	p.Silent = true
	defer func() { p.Silent = silent }()
	for i, c := range p.controllers {
		for _, w := range c.Watches {
			if simcluster.KindOf(w.Object) == e.Kind {
				handleEvent(w, e, p.queues[i])
			}
		}
	}
}

func handleEvent(w controllers.Watch, e simcluster.Event, q *Queue) {
	ctx := context.Background()
	_, metadataOnly := w.Object.(*metav1.PartialObjectMetadata)
	old, next := reduceObject(e.Old, metadataOnly), reduceObject(e.New, metadataOnly)
	passes := func(is func(predicate.Predicate) bool) bool {
		return !slices.ContainsFunc(w.Predicates, func(p predicate.Predicate) bool { return !is(p) })
	}
	switch {
	case old == nil:
		created := event.CreateEvent{Object: next}
		if passes(func(p predicate.Predicate) bool { return p.Create(created) }) {
			w.Handler.Create(ctx, created, q)
		}
	case next == nil:
		deleted := event.DeleteEvent{Object: old}
		if passes(func(p predicate.Predicate) bool { return p.Delete(deleted) }) {
			w.Handler.Delete(ctx, deleted, q)
		}
	default:
		updated := event.UpdateEvent{ObjectOld: old, ObjectNew: next}
		if passes(func(p predicate.Predicate) bool { return p.Update(updated) }) {
			w.Handler.Update(ctx, updated, q)
		}
	}
}

// reduceObject returns an object as a handler sees it.
func reduceObject(o client.Object, metadataOnly bool) client.Object {
	if o == nil {
		return nil
	}
	if metadataOnly {
		return simcluster.MetadataOf(o)
	}
	return o
}

// NewestFirst makes the process take from its queues what came last: no order of the work is promised.
func (p *Process) NewestFirst() {
	p.lifo = true
	for _, q := range p.queues {
		q.lifo = true
	}
}

// Reconcile works on the request that has waited longest. It reports whether there was one.
func (p *Process) Reconcile() bool {
	longest := -1
	for i, q := range p.queues {
		q.addDue()
		if q.Len() > 0 && (longest < 0 || (q.nextOrder() < p.queues[longest].nextOrder()) != p.lifo) {
			longest = i
		}
	}
	if longest < 0 || p.Crashed {
		return false
	}
	p.reconcileNext(p.controllers[longest], p.queues[longest])
	return true
}

// Ready names the controllers that have an object to work on.
func (p *Process) Ready() []string {
	var ready []string
	for i, q := range p.queues {
		q.addDue()
		if q.Len() > 0 && !p.Crashed {
			ready = append(ready, p.controllers[i].Name)
		}
	}
	return ready
}

// ReconcileWith makes a controller that is ready work on the object that has waited longest for it.
func (p *Process) ReconcileWith(controller string) {
	for i, c := range p.controllers {
		if c.Name == controller {
			p.reconcileNext(c, p.queues[i])
		}
	}
}

func (p *Process) reconcileNext(c controllers.Controller, q *Queue) {
	defer func() {
		p.Silent = true
		if r := recover(); r != nil {
			if _, crash := r.(Crash); !crash {
				panic(r)
			}
			p.Crashed = true
		}
	}()
	req, _ := q.Get()
	p.begin(simcluster.Reconciliation{Controller: c.Name, Object: req.NamespacedName})
	result, err := c.Reconciler.Reconcile(quietContext, req)
	switch {
	case err != nil:
		q.AddRateLimited(req)
	case result.RequeueAfter > 0:
		q.Forget(req)
		q.AddAfter(req, result.RequeueAfter)
	default:
		q.Forget(req)
	}
}

// begin logs the next calls as those of a reconciliation.
func (p *Process) begin(r simcluster.Reconciliation) {
	p.Reconciliations++
	r.Number = p.Reconciliations
	p.Reconciliation, p.Silent = r, false
}

// NextWake returns when the process has something to do even if nothing happens, or false if it has not.
func (p *Process) NextWake() (time.Time, bool) {
	var earliest time.Time
	for _, q := range p.queues {
		if at, ok := q.nextDue(); ok && (earliest.IsZero() || at.Before(earliest)) {
			earliest = at
		}
	}
	return earliest, !earliest.IsZero()
}

// recorder keeps the events that the operator records.
type recorder struct{ process *Process }

// Eventf implements events.EventRecorder.
func (r recorder) Eventf(regarding, _ runtime.Object, _, reason, _, note string, args ...any) {
	key := client.ObjectKeyFromObject(regarding.(client.Object))
	r.process.Events = append(r.process.Events, RecordedEvent{key, reason, formatNote(note, args), r.process.Reconciliations})
}

func formatNote(note string, args []any) string { return fmt.Sprintf(note, args...) }
