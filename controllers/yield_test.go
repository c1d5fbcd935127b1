// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"haltline.dev/haltline/api/v1alpha1"
)

// A write waits while the stop of another execution has no verdict, and not for one of its own, nor for long.
func TestYield(t *testing.T) {
	forOne, forOther := makeRequestFor(oneID, "stop-one"), makeRequestFor(otherID, "stop-other")
	for name, tt := range map[string]struct {
		before, happens func(*waitingStops)
		// waits is whether it waits before that happens, and long whether it does so after it.
		waits, long bool
	}{
		"nobody asks to stop anything": {
			before: func(*waitingStops) {}, happens: func(*waitingStops) {},
		},
		"somebody asks to stop it": {
			before:  func(w *waitingStops) { w.Appeared(t.Context(), forOne) },
			happens: func(*waitingStops) {},
		},
		"another is to be stopped, and has its verdict": {
			before:  func(w *waitingStops) { w.Appeared(t.Context(), forOther) },
			happens: func(w *waitingStops) { w.Vanished(t.Context(), forOther) },
			waits:   true,
		},
		"another is to be stopped, and somebody asks to stop it, too": {
			before:  func(w *waitingStops) { w.Appeared(t.Context(), forOther) },
			happens: func(w *waitingStops) { w.Appeared(t.Context(), forOne) },
			waits:   true,
		},
		"another has taken its request, and has no verdict": {
			before:  func(w *waitingStops) { w.Appeared(t.Context(), forOther) },
			happens: func(w *waitingStops) { w.accept([]v1alpha1.StopRequest{*forOther}) },
			waits:   true, long: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, _ := newTestedStops(t)
				tt.before(w)
				var ended atomic.Bool
				go func() {
					letStopsGoFirst(w.yielding(t.Context(), oneID))
					ended.Store(true)
				}()
				synctest.Wait()
				if ended.Load() == tt.waits {
					t.Errorf("the write waits: %v, want %v", !ended.Load(), tt.waits)
				}
				tt.happens(w)
				synctest.Wait()
				if ended.Load() == tt.long {
					t.Errorf("it waits for longer: %v, want %v", !ended.Load(), tt.long)
				}
				time.Sleep(maxYield)
				synctest.Wait()
				if !ended.Load() {
					t.Errorf("it waits still after %s", maxYield)
				}
			})
		})
	}
}

// A reconciliation that ends does not wait, and what has no slot never does.
func TestWhatDoesNotYield(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _ := newTestedStops(t)
		w.Appeared(t.Context(), makeRequestFor(otherID, "stop-other"))
		began := time.Now()
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		letStopsGoFirst(w.yielding(ended, oneID))
		letStopsGoFirst(t.Context())
		if waited := time.Since(began); waited > 0 {
			t.Errorf("it has waited for %s", waited)
		}
	})
}

// Whichever write of its start an execution has got to when somebody asks to stop another: the next one comes after the verdict.
func TestTheWritesOfAStartLetStopsGoFirst(t *testing.T) {
	const writes = 5 // the marks, the revision, the intent, the Job and its confirmation
	for last := 1; last < writes; last++ {
		t.Run(strconv.Itoa(last), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { stopAfterWrites(t, last, writes) })
		})
	}
}

func stopAfterWrites(t *testing.T, last, all int) {
	other := makeExecutionIn(v1alpha1.ExecutionInProgress)
	other.Name, other.UID = "other", otherID
	forOther := makeRequestFor(otherID, "stop-other")
	cluster := newCluster(t, makePipelineOf("a"), makeExecution(), other)
	op := cluster.newOperator("op")
	op.executions.Starts = newStartSlots(1)
	var written []string
	cluster.after = func(c apiCall) error {
		if !isRead(c.name) {
			written = append(written, c.name)
			if len(written) == last {
				op.executions.Waiting.Appeared(t.Context(), forOther)
			}
		}
		return nil
	}
	reconcile := func() {
		if _, err := op.reconcileExecution(); err != nil {
			t.Error(err)
		}
	}
	go reconcile()
	synctest.Wait()
	if len(written) != last {
		t.Errorf("while the stop waits there are the writes %v", written)
	}
	op.executions.Waiting.Vanished(t.Context(), forOther)
	synctest.Wait()
	// Between two steps it was put on a waitlist, and comes again from there.
	reconcile()
	if len(written) != all {
		t.Errorf("after it there are the writes %v", written)
	}
}
