// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package slots

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

func TestNoMoreRunThanThereAreSlots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, release := New(2), make(chan struct{})
		var running atomic.Int32
		var all sync.WaitGroup
		for range 5 {
			all.Go(func() {
				err := s.Do(t.Context(), func() error {
					running.Add(1)
					<-release
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		if n := running.Load(); n != 2 {
			t.Errorf("%d run in 2 slots", n)
		}
		close(release)
		all.Wait()
		if n := running.Load(); n != 5 {
			t.Errorf("%d of 5 ran in the end", n)
		}
	})
}

func TestWhoeverIsCancelledDoesNotRun(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := New(1).Do(ctx, func() error {
		t.Error("it ran")
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
}

// A look-up that has begun may have read before the next caller asked, so that one gets an answer of its own, which it shares
// with all who ask while it waits.
func TestLookupsAreSharedUntilTheyBegin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, release := NewShared[int](1, 100), make(chan struct{})
		var reads atomic.Int32
		read := func() (int, error) {
			n := reads.Add(1)
			<-release
			return int(n), nil
		}
		var all sync.WaitGroup
		ask := func(want int) {
			all.Go(func() {
				if got, err := s.Look(t.Context(), "id", read); got != want || err != nil {
					t.Errorf("got answer %d, %v; want %d", got, err, want)
				}
			})
			synctest.Wait()
		}
		ask(1)
		for range 20 {
			ask(2)
		}
		close(release)
		all.Wait()
		if n := reads.Load(); n != 2 {
			t.Errorf("%d reads for 21 callers, want 2", n)
		}
	})
}

func TestNobodyWaitsIfAllPlacesAreTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, release := NewShared[int](1, 2), make(chan struct{})
		var all sync.WaitGroup
		for _, key := range []string{"a", "b"} {
			all.Go(func() {
				_, err := s.Look(t.Context(), key, func() (int, error) {
					<-release
					return 0, nil
				})
				if err != nil {
					t.Error(err)
				}
			})
			synctest.Wait()
		}
		if _, err := s.Look(t.Context(), "c", func() (int, error) { return 0, nil }); !errors.Is(err, ErrBusy) {
			t.Errorf("the error is %v", err)
		}
		close(release)
		all.Wait()
		if got, err := s.Look(t.Context(), "c", func() (int, error) { return 7, nil }); got != 7 || err != nil {
			t.Errorf("after that: %d, %v", got, err)
		}
	})
}

// The error of whoever was to look up is that of all who share it; the next one looks up again.
func TestACancelledLookupIsForgotten(t *testing.T) {
	s := NewShared[int](1, 2)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Look(ctx, "id", func() (int, error) { return 1, nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
	if got, err := s.Look(t.Context(), "id", func() (int, error) { return 2, nil }); got != 2 || err != nil {
		t.Errorf("after that: %d, %v", got, err)
	}
}
