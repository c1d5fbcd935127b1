// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

// Package slots bounds how often something that takes much memory is done at the same time, and shares what several ask for.
package slots

import (
	"context"
	"errors"
	"sync"
)

// Slots bounds how many callers do something at the same time. The others wait in the order in which they came. Nil bounds nothing.
type Slots chan struct{}

// New returns so many slots.
func New(n int) Slots {
	return make(Slots, n)
}

// Do calls a function once a slot is free, and returns its error, or that of the context if that is done before.
func (s Slots) Do(ctx context.Context, do func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if s != nil {
		select {
		case s <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
		defer func() { <-s }()
	}
	return do()
}

// ErrBusy is returned if too many callers wait already. Ask again later.
var ErrBusy = errors.New("too many look-ups wait already")

// Shared looks things up in a few slots. Those who ask for the same thing before the look-up begins share it. Nobody gets an
// answer that was read before they asked.
type Shared[T any] struct {
	slots  Slots
	places chan struct{}

	mu      sync.Mutex
	waiting map[string]*lookup[T]
}

type lookup[T any] struct {
	done   chan struct{}
	answer T
	err    error
}

// NewShared returns look-ups of which so many run at the same time, for so many callers that wait for one.
func NewShared[T any](slots, callers int) *Shared[T] {
	return &Shared[T]{slots: New(slots), places: make(chan struct{}, callers), waiting: map[string]*lookup[T]{}}
}

// Look returns what a look-up of the key found, which begins after the call. It returns ErrBusy if there is no place to wait.
func (s *Shared[T]) Look(ctx context.Context, key string, look func() (T, error)) (T, error) {
	var none T
	select {
	case s.places <- struct{}{}:
	default:
		return none, ErrBusy
	}
	defer func() { <-s.places }()
	l, mine := s.join(key)
	if mine {
		s.run(ctx, key, l, look)
	}
	select {
	case <-l.done:
		return l.answer, l.err
	case <-ctx.Done():
		return none, ctx.Err()
	}
}

// Waiting returns how many callers look or wait at the moment.
func (s *Shared[T]) Waiting() int {
	return len(s.places)
}

// join returns the look-up of a key that has not begun, and whether the caller has to run it.
func (s *Shared[T]) join(key string) (l *lookup[T], mine bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l := s.waiting[key]; l != nil {
		return l, false
	}
	l = &lookup[T]{done: make(chan struct{})}
	s.waiting[key] = l
	return l, true
}

// run looks up once a slot is free. Whoever asks from then on has to look again.
func (s *Shared[T]) run(ctx context.Context, key string, l *lookup[T], look func() (T, error)) {
	defer close(l.done)
	began := false
	begin := func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.waiting, key)
		began = true
	}
	l.err = s.slots.Do(ctx, func() error {
		begin()
		answer, err := look()
		l.answer = answer
		return err
	})
	if !began {
		begin()
	}
}
