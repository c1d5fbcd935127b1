// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package operator

import (
	"slices"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// Queue is a work queue without threads. A request that is added twice is there once, and one that is added for later is there
// when the clock has reached its time.
type Queue struct {
	now     func() time.Time
	order   func() int
	items   []queued
	later   []delayed
	retries map[reconcile.Request]int
	lifo    bool
}

type queued struct {
	request reconcile.Request
	order   int
}

type delayed struct {
	request reconcile.Request
	at      time.Time
}

func newQueue(now func() time.Time, order func() int) *Queue {
	return &Queue{now: now, order: order, retries: map[reconcile.Request]int{}}
}

// Add adds a request, unless it is there.
func (q *Queue) Add(r reconcile.Request) {
	if !slices.ContainsFunc(q.items, func(i queued) bool { return i.request == r }) {
		q.items = append(q.items, queued{r, q.order()})
	}
}

// AddAfter adds a request after a duration.
func (q *Queue) AddAfter(r reconcile.Request, d time.Duration) {
	if d <= 0 {
		q.Add(r)
		return
	}
	at := q.now().Add(d)
	if i := slices.IndexFunc(q.later, func(l delayed) bool { return l.request == r }); i >= 0 {
		if at.Before(q.later[i].at) {
			q.later[i].at = at
		}
		return
	}
	q.later = append(q.later, delayed{r, at})
}

// AddRateLimited adds a request, each time after a longer delay.
func (q *Queue) AddRateLimited(r reconcile.Request) {
	const shortest, longest = 5 * time.Millisecond, 1000 * time.Second
	delay := longest
	if n := q.retries[r]; n < 18 {
		delay = min(shortest<<n, longest)
	}
	q.retries[r]++
	q.AddAfter(r, delay)
}

// Forget makes the next delay of a request the shortest.
func (q *Queue) Forget(r reconcile.Request) { delete(q.retries, r) }

// NumRequeues is how often a request was added with a delay.
func (q *Queue) NumRequeues(r reconcile.Request) int { return q.retries[r] }

// Len is how many requests are there.
func (q *Queue) Len() int { return len(q.items) }

// Get takes the first request.
func (q *Queue) Get() (reconcile.Request, bool) {
	if len(q.items) == 0 {
		return reconcile.Request{}, true
	}
	if last := len(q.items) - 1; q.lifo {
		request := q.items[last].request
		q.items = q.items[:last]
		return request, false
	}
	request := q.items[0].request
	q.items = q.items[1:]
	return request, false
}

// nextOrder is the place in the order of additions of the request that Get returns next.
func (q *Queue) nextOrder() int {
	if q.lifo {
		return q.items[len(q.items)-1].order
	}
	return q.items[0].order
}

// Done does nothing: there is one thread, and it is done.
func (q *Queue) Done(reconcile.Request) {}

// ShutDown does nothing.
func (q *Queue) ShutDown() {}

// ShutDownWithDrain does nothing.
func (q *Queue) ShutDownWithDrain() {}

// ShuttingDown is false.
func (q *Queue) ShuttingDown() bool { return false }

// nextDue returns when the earliest delayed request is due, or false if there is none.
func (q *Queue) nextDue() (time.Time, bool) {
	if len(q.later) == 0 {
		return time.Time{}, false
	}
	return slices.MinFunc(q.later, func(a, b delayed) int { return a.at.Compare(b.at) }).at, true
}

// addDue adds the delayed requests whose time has come.
func (q *Queue) addDue() {
	delayed := q.later
	q.later = nil
	for _, l := range delayed {
		if l.at.After(q.now()) {
			q.later = append(q.later, l)
		} else {
			q.Add(l.request)
		}
	}
}
