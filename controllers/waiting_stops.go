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
	// maxWait is how long one request holds up other work after its execution was looked at. One whose turn has not come holds it up longer.
	maxWait = 10 * time.Second
	// maxHold is how long requests hold up other work one after the other. It goes on then, until none waits. Ten thousand stops at once are
	// accepted within it.
	maxHold = 3 * time.Minute
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
	// executions has what is asked of each execution, by its id.
	executions map[string]*askedFor
	// fresh and seen hold up other work, the one that came first in front: of seen, the execution was looked at since.
	fresh, seen *list.List
	// heldSince is when requests began to hold up other work without a gap.
	heldSince time.Time
	// changed is closed when another request waits, or one does not wait any more. Nobody has to wait less once one was taken.
	changed chan struct{}
}

// askedFor counts the requests for an execution: all, those that hold up other work, and those that the execution has taken.
type askedFor struct {
	executionID             string
	open, holding, accepted int
	// unseen are those for which it was not looked at yet. Some may be answered by now.
	unseen []*waitingStop
}

type waitingStop struct {
	execution *askedFor
	// accepted is whether the execution has taken the request.
	accepted bool
	// seenAt is when the execution was first looked at.
	seenAt time.Time
	// list is fresh or seen, and element its element of that; both are nil if it does not hold up other work any more.
	list    *list.List
	element *list.Element
}

var _ action.Follower = &waitingStops{}

func newWaitingStops(c client.Reader, clock clock.PassiveClock) *waitingStops {
	return &waitingStops{
		client: c, clock: clock, held: newWaitlist(),
		requests: map[types.UID]*waitingStop{}, executions: map[string]*askedFor{}, fresh: list.New(), seen: list.New(),
		changed: make(chan struct{}),
	}
}

// Appeared notes a request that has no verdict, if it is for an execution that is in progress.
func (w *waitingStops) Appeared(ctx context.Context, o client.Object) {
	sr, ok := o.(*v1alpha1.StopRequest)
	if !ok {
		return
	}
	// Of one that is at rest the cache does not keep the verdict.
	if isAtRest(sr) || verdict.FindGiven(sr.Status.Conditions) != nil || sr.DeletionTimestamp != nil {
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
	if w.holding() == 0 {
		w.heldSince = now
	}
	own := w.executions[sr.Spec.PipelineExecutionID]
	if own == nil {
		own = &askedFor{executionID: sr.Spec.PipelineExecutionID}
		w.executions[own.executionID] = own
	}
	r := &waitingStop{execution: own}
	r.enter(w.fresh)
	own.open++
	own.unseen = append(own.unseen, r)
	w.requests[sr.UID] = r
	w.noteChange()
}

func (w *waitingStops) remove(uid types.UID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	r := w.requests[uid]
	if r == nil {
		return
	}
	delete(w.requests, uid)
	r.leave()
	r.execution.open--
	if r.accepted {
		r.execution.accepted--
	}
	if r.execution.open == 0 {
		delete(w.executions, r.execution.executionID)
	}
	w.wakeHeld()
	w.noteChange()
}

// accept notes that an execution has done what it can for these requests; they wait for their verdict.
func (w *waitingStops) accept(requests []v1alpha1.StopRequest) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range requests {
		if r := w.requests[requests[i].UID]; r != nil && !r.accepted {
			r.accepted = true
			r.execution.accepted++
		}
	}
}

// see notes that an execution was looked at: what cannot be answered from now on may not hold up others for long.
func (w *waitingStops) see(executionID types.UID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	own := w.executions[string(executionID)]
	if own == nil {
		return
	}
	for _, r := range own.unseen {
		if r.list == w.fresh {
			r.leave()
			r.seenAt = w.clock.Now()
			r.enter(w.seen)
		}
	}
	own.unseen = nil
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
	if now.Sub(w.heldSince) >= maxHold {
		return false
	}
	own := w.executions[string(executionID)]
	if own == nil {
		return w.holding() > 0
	}
	return own.accepted == own.open && w.holding() > own.holding
}

// isAskedFor reports whether a request to stop an execution waits for its verdict.
func (w *waitingStops) isAskedFor(executionID types.UID) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.executions[string(executionID)] != nil
}

// wakeHeld has the work go on that nothing holds up any more: that of all executions, or of the only one that requests are left for.
func (w *waitingStops) wakeHeld() {
	if w.holding() == 0 {
		w.held.wakeAll()
		return
	}
	first := w.seen.Front()
	if first == nil {
		first = w.fresh.Front()
	}
	if r, ok := first.Value.(*waitingStop); ok && r.execution.holding == w.holding() {
		w.held.wake(types.UID(r.execution.executionID))
	}
}

// releaseExpired lets those not hold up other work any more that have done so for long enough.
func (w *waitingStops) releaseExpired(now time.Time) {
	for e := w.seen.Front(); e != nil; e = w.seen.Front() {
		r, ok := e.Value.(*waitingStop)
		if !ok || now.Sub(r.seenAt) < maxWait {
			return
		}
		r.leave()
		w.wakeHeld()
	}
}

// holding is how many requests hold up other work.
func (w *waitingStops) holding() int { return w.fresh.Len() + w.seen.Len() }

// enter lets a request hold up other work.
func (r *waitingStop) enter(l *list.List) {
	r.list, r.element = l, l.PushBack(r)
	r.execution.holding++
}

// leave lets a request not hold up other work any more.
func (r *waitingStop) leave() {
	if r.list != nil {
		r.list.Remove(r.element)
		r.list, r.element = nil, nil
		r.execution.holding--
	}
}
