// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// startShare is how many of the workers are kept for every one that works on executions that nobody stops.
const startShare = 4

// startSlots bounds how many executions that nobody stops are worked on at the same time. Each of their requests takes time of the API
// server, and the more there are under way, the longer a stop waits for its own. So a storm of starts never takes all workers either. If
// it is nil, nothing is bounded.
type startSlots struct {
	waiting *waitlist

	mu   sync.Mutex
	free int
}

// newStartSlots returns the slots of so many workers.
func newStartSlots(workers int, waiting *waitlist) *startSlots {
	if workers == 0 {
		return nil
	}
	return &startSlots{waiting: waiting, free: max(workers/startShare, 1)}
}

// enter takes a slot for an execution, or returns false, and when the execution is looked at again.
func (s *startSlots) enter(uid types.UID, w work) (again reconcile.Result, ok bool) {
	if s == nil {
		return reconcile.Result{}, true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.free == 0 {
		return s.waiting.add(uid, w), false
	}
	s.free--
	s.waiting.remove(uid)
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

// wakeNext wakes the execution that has waited longest, if a slot is free. It comes after each reconciliation: one that was woken may be gone
// by then, or be stopped, and need no slot.
func (s *startSlots) wakeNext() {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.free > 0 {
		s.waiting.wakeFirst()
	}
}
