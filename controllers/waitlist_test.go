// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// newTestQueue returns a queue as controllers have it.
func newTestQueue(t *testing.T) priorityqueue.PriorityQueue[reconcile.Request] {
	q := priorityqueue.New[reconcile.Request]("waitlist")
	t.Cleanup(q.ShutDown)
	return q
}

// startWaitlist gives a waitlist the queue of a controller.
func startWaitlist(t *testing.T, l *waitlist) priorityqueue.PriorityQueue[reconcile.Request] {
	t.Helper()
	q := newTestQueue(t)
	if err := l.start(t.Context(), q); err != nil {
		t.Fatal(err)
	}
	return q
}

// popNames takes all from a queue, in the order in which a controller would.
func popNames(q priorityqueue.PriorityQueue[reconcile.Request]) []string {
	var names []string
	for q.Len() > 0 {
		r, _, _ := q.GetWithPriority()
		names = append(names, r.Name)
		q.Done(r)
	}
	return names
}

func workOf(name string, priority int) work {
	return work{reconcile.Request{NamespacedName: types.NamespacedName{Namespace: "default", Name: name}}, priority}
}

func TestWaitlist(t *testing.T) {
	for name, tt := range map[string]struct {
		then func(*waitlist)
		want []string
	}{
		"nobody is woken":           {func(*waitlist) {}, nil},
		"the first":                 {func(l *waitlist) { l.wakeFirst() }, []string{"a"}},
		"one":                       {func(l *waitlist) { l.wake("b") }, []string{"b"}},
		"one that does not wait":    {func(l *waitlist) { l.wake("x") }, nil},
		"all, by priority":          {func(l *waitlist) { l.wakeAll() }, []string{"c", "a", "b"}},
		"one that goes in front":    {func(l *waitlist) { l.addFirst("d", workOf("d", 0)); l.wakeFirst(); l.wakeFirst() }, []string{"d", "a"}},
		"each once":                 {func(l *waitlist) { l.wakeFirst(); l.wakeAll(); l.wakeAll(); l.wakeFirst() }, []string{"c", "a", "b"}},
		"one that waits no more":    {func(l *waitlist) { l.remove("a"); l.wakeFirst() }, []string{"b"}},
		"one that waits once more":  {func(l *waitlist) { l.wakeFirst(); l.add("a", workOf("a", 0)); l.wakeFirst() }, []string{"a", "b"}},
		"one that is added twice":   {func(l *waitlist) { l.add("a", workOf("a", 0)); l.wakeFirst(); l.wake("a") }, []string{"a"}},
		"one that had been removed": {func(l *waitlist) { l.remove("a"); l.remove("a"); l.wake("a") }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			l := newWaitlist()
			q := startWaitlist(t, l)
			for _, w := range []work{workOf("a", 0), workOf("b", 0), workOf("c", endPriority)} {
				if again := l.add(types.UID(w.Name), w); again.RequeueAfter != wakeLimit || *again.Priority != w.priority {
					t.Errorf("%s is looked at again: %+v", w.Name, again)
				}
			}
			tt.then(l)
			if diff := cmp.Diff(tt.want, popNames(q)); diff != "" {
				t.Errorf("woken (-want +got):\n%s", diff)
			}
		})
	}
}

// Before the controller has started there is no queue. Everything is looked at then anyway.
func TestWaitlistBeforeTheStart(t *testing.T) {
	l := newWaitlist()
	l.add("a", workOf("a", 0))
	l.wakeAll()
	if l.waiting.Len()+len(l.elements) > 0 {
		t.Error("it waits still")
	}
}
