// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"container/list"
	"context"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// wakeLimit is when an object on a waitlist is looked at again without having been woken.
const wakeLimit = 5 * time.Second

// waitlist has the objects whose turn has not come, the one that came first in front, and puts them back into the queue of their
// controller when it has. Looking again and again at thousands of them would take the time that those whose turn it is need.
type waitlist struct {
	mu      sync.Mutex
	queue   queue
	waiting *list.List
	// elements are those of waiting by the uid of the object.
	elements map[types.UID]*list.Element
}

type waiter struct {
	uid types.UID
	work
}

func newWaitlist() *waitlist {
	return &waitlist{waiting: list.New(), elements: map[types.UID]*list.Element{}}
}

// start takes the queue of the controller. It is a source.Func.
func (l *waitlist) start(_ context.Context, q queue) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.queue = q
	return nil
}

// add has an object wait, unless it does so already, and returns when it is looked at again in any case.
func (l *waitlist) add(uid types.UID, w work) reconcile.Result {
	return l.insert(uid, w, l.waiting.PushBack)
}

// addFirst does the same, before all others: its turn had come.
func (l *waitlist) addFirst(uid types.UID, w work) reconcile.Result {
	return l.insert(uid, w, l.waiting.PushFront)
}

func (l *waitlist) insert(uid types.UID, w work, push func(any) *list.Element) reconcile.Result {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.elements[uid] == nil {
		l.elements[uid] = push(waiter{uid, w})
	}
	return reconcile.Result{RequeueAfter: wakeLimit, Priority: &w.priority}
}

// len returns how many wait.
func (l *waitlist) len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.waiting.Len()
}

// remove has an object not wait any more.
func (l *waitlist) remove(uid types.UID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.take(l.elements[uid])
}

// wake puts an object back into the queue, if it waits.
func (l *waitlist) wake(uid types.UID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.putBack(l.take(l.elements[uid]))
}

// wakeFirst puts the object back into the queue that is in front, and returns it; false if none waits.
func (l *waitlist) wakeFirst() (work, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	w, ok := l.take(l.waiting.Front())
	l.putBack(w, ok)
	return w.work, ok
}

// wakeAll puts all objects back into the queue.
func (l *waitlist) wakeAll() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.waiting.Len() > 0 {
		l.putBack(l.take(l.waiting.Front()))
	}
}

// take removes an element from the list, and returns what it has.
func (l *waitlist) take(e *list.Element) (w waiter, ok bool) {
	if e == nil {
		return waiter{}, false
	}
	w, ok = l.waiting.Remove(e).(waiter)
	delete(l.elements, w.uid)
	return w, ok
}

// putBack puts what was taken into the queue. Before the controller has started, it is looked at anyway.
func (l *waitlist) putBack(w waiter, ok bool) {
	if ok && l.queue != nil {
		enqueue(l.queue, []work{w.work}, false)
	}
}
