// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"container/list"
	"context"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/action"
	"haltline.dev/haltline/controllers/verdict"
)

// A stop that waits for its verdict holds up other work only so long: somebody may ask without end, and one that cannot be recorded
// waits without end.
const (
	// maxWait is how long one request holds up other work.
	maxWait = 10 * time.Second
	// maxHold is how long requests hold up other work one after the other. It goes on then, until none waits.
	maxHold = 30 * time.Second
)

// waitingStops knows the stop requests that wait for their verdict, so that all of them are accepted and answered before a request to
// the API server is spent on ending what was stopped, or on starting anything. It only puts work in an order: what it does not know,
// such as after a restart, changes nothing but that.
type waitingStops struct {
	client client.Reader
	clock  clock.PassiveClock
	// held has the executions whose work is held up.
	held *waitlist

	mu sync.Mutex
	// requests are those that wait, by their uid.
	requests map[types.UID]*waitingStop
	// holding are those among them that hold up other work, the one that came first in front.
	holding *list.List
	// executions has how many requests there are for each execution, by its id.
	executions map[string]*waitingCount
	// heldSince is when requests began to hold up other work without a gap.
	heldSince time.Time
}

type waitingStop struct {
	executionID string
	since       time.Time
	// accepted is whether the execution has taken the request.
	accepted bool
	// element is that of holding, or nil.
	element *list.Element
}

// waitingCount counts the requests for an execution: all, those that hold up other work, and those of these that the execution has taken.
type waitingCount struct {
	open, holding, accepted int
}

var _ action.Follower = &waitingStops{}

func newWaitingStops(c client.Reader, clock clock.PassiveClock) *waitingStops {
	return &waitingStops{
		client: c, clock: clock, held: newWaitlist(),
		requests: map[types.UID]*waitingStop{}, holding: list.New(), executions: map[string]*waitingCount{},
	}
}

// Appeared notes a request that has no verdict, if it is for an execution that is in progress.
func (w *waitingStops) Appeared(ctx context.Context, o client.Object) {
	sr, ok := o.(*v1alpha1.StopRequest)
	if !ok {
		return
	}
	if verdict.FindGiven(sr.Status.Conditions) != nil || sr.DeletionTimestamp != nil {
		w.remove(sr.UID)
		return
	}
	execution := findUnfinished(ctx, w.client, sr.Namespace, sr.Spec.PipelineExecutionID)
	if execution != nil && !execution.Status.State.IsFinal() {
		w.add(sr)
	}
}

// Vanished forgets a request.
func (w *waitingStops) Vanished(_ context.Context, o client.Object) {
	w.remove(o.GetUID())
}

func (w *waitingStops) add(sr *v1alpha1.StopRequest) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.requests[sr.UID] != nil {
		return
	}
	now := w.clock.Now()
	w.releaseExpired(now)
	if w.holding.Len() == 0 {
		w.heldSince = now
	}
	r := &waitingStop{executionID: sr.Spec.PipelineExecutionID, since: now}
	r.element = w.holding.PushBack(r)
	w.requests[sr.UID] = r
	w.count(r.executionID, waitingCount{open: 1, holding: 1})
}

func (w *waitingStops) remove(uid types.UID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if r := w.requests[uid]; r != nil {
		w.release(r)
		delete(w.requests, uid)
		w.count(r.executionID, waitingCount{open: -1})
		w.wakeHeld()
	}
}

// accept notes that an execution has done what it can for these requests; they wait for their verdict.
func (w *waitingStops) accept(requests []v1alpha1.StopRequest) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range requests {
		if r := w.requests[requests[i].UID]; r != nil && !r.accepted {
			r.accepted = true
			if r.element != nil {
				w.count(r.executionID, waitingCount{accepted: 1})
			}
		}
	}
}

// hold reports whether the work of an execution has to wait for requests to stop others, and when it is looked at again. One that has to
// take a request itself does not.
func (w *waitingStops) hold(executionID types.UID, held work) (again reconcile.Result, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.clock.Now()
	w.releaseExpired(now)
	if !w.hasToWait(executionID, now) {
		w.held.remove(executionID)
		return reconcile.Result{}, false
	}
	return w.held.add(executionID, held), true
}

func (w *waitingStops) hasToWait(executionID types.UID, now time.Time) bool {
	if w.holding.Len() == 0 || now.Sub(w.heldSince) >= maxHold {
		return false
	}
	own := w.executions[string(executionID)]
	if own == nil {
		return true
	}
	return own.accepted == own.holding && w.holding.Len() > own.holding
}

// isAskedFor reports whether a request to stop an execution waits for its verdict.
func (w *waitingStops) isAskedFor(executionID types.UID) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.executions[string(executionID)] != nil
}

// wakeHeld has the work go on that nothing holds up any more: that of all executions, or of the only one that requests are left for.
func (w *waitingStops) wakeHeld() {
	if w.holding.Len() == 0 {
		w.held.wakeAll()
		return
	}
	if first, ok := w.holding.Front().Value.(*waitingStop); ok && w.executions[first.executionID].holding == w.holding.Len() {
		w.held.wake(types.UID(first.executionID))
	}
}

// releaseExpired lets those not hold up other work any more that have done so for long enough.
func (w *waitingStops) releaseExpired(now time.Time) {
	for e := w.holding.Front(); e != nil; e = w.holding.Front() {
		r, ok := e.Value.(*waitingStop)
		if !ok || now.Sub(r.since) < maxWait {
			return
		}
		w.release(r)
		w.wakeHeld()
	}
}

// release lets a request not hold up other work any more.
func (w *waitingStops) release(r *waitingStop) {
	if r.element == nil {
		return
	}
	w.holding.Remove(r.element)
	r.element = nil
	change := waitingCount{holding: -1}
	if r.accepted {
		change.accepted = -1
	}
	w.count(r.executionID, change)
}

// count changes how many requests there are for an execution.
func (w *waitingStops) count(executionID string, change waitingCount) {
	c := w.executions[executionID]
	if c == nil {
		c = &waitingCount{}
		w.executions[executionID] = c
	}
	c.open += change.open
	c.holding += change.holding
	c.accepted += change.accepted
	if c.open == 0 {
		delete(w.executions, executionID)
	}
}
