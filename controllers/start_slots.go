// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"haltline.dev/haltline/api/v1alpha1"
)

// startShare is how many of the workers are kept for every one that works on executions that nobody stops.
const startShare = 8

// startSlots bounds how many executions that nobody stops are worked on at the same time. Each of their requests takes time of the API
// server, and the more there are under way, the longer a stop waits for its own. So a storm of starts never takes all workers either. What
// runs goes before what is to start, and otherwise whoever came first. If it is nil, nothing is bounded.
type startSlots struct {
	running, fresh *waitlist

	mu   sync.Mutex
	free int
	// woken are those whose turn it is, and that are in the queue. They are no more than there are free slots.
	woken map[types.NamespacedName]bool
}

// newStartSlots returns the slots of so many workers.
func newStartSlots(workers int) *startSlots {
	if workers == 0 {
		return nil
	}
	return &startSlots{
		running: newWaitlist(), fresh: newWaitlist(), free: max(workers/startShare, 1), woken: map[types.NamespacedName]bool{},
	}
}

// waitlists returns where executions wait for a slot.
func (s *startSlots) waitlists() []*waitlist {
	if s == nil {
		return nil
	}
	return []*waitlist{s.running, s.fresh}
}

// enter takes a slot, which leave gives back. If none is free, or it is the turn of others, it has the execution wait, and returns when
// it is looked at again in any case.
func (s *startSlots) enter(execution *v1alpha1.PipelineExecution, w work) (again reconcile.Result, ok bool) {
	if s == nil {
		return reconcile.Result{}, true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	list, before := s.fresh, s.fresh.len()+s.running.len()
	if execution.Status.StartTime != nil {
		list, before = s.running, s.running.len()
	}
	woken := s.woken[w.NamespacedName]
	switch {
	case woken && s.free == 0:
		return list.addFirst(execution.UID, w), false
	case s.free == 0, !woken && before > 0:
		return list.add(execution.UID, w), false
	}
	s.free--
	s.running.remove(execution.UID)
	s.fresh.remove(execution.UID)
	return reconcile.Result{}, true
}

// leave gives a slot back.
func (s *startSlots) leave() {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free++
}

// wakeNext ends the turn of an execution that was looked at, and has those in front come for the slots that are free.
func (s *startSlots) wakeNext(done types.NamespacedName) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.woken, done)
	for len(s.woken) < s.free {
		w, ok := s.running.wakeFirst()
		if !ok {
			w, ok = s.fresh.wakeFirst()
		}
		if !ok {
			return
		}
		s.woken[w.NamespacedName] = true
	}
}
