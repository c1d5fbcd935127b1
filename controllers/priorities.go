// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"

	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/verdict"
)

// Priorities in a queue. Other work has 0, and what a first list or a resync brings handler.LowPriority.
const (
	// acceptPriority is that of stops which wait to be accepted, and of requests which wait for their verdict.
	acceptPriority = 100
	// endPriority is that of what has to end because it was stopped.
	endPriority = 50
)

type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]

// work is an object to reconcile, and how soon.
type work struct {
	reconcile.Request
	priority int
}

// mapToWork maps an object to what has to be reconciled because of it.
type mapToWork func(ctx context.Context, o client.Object) []work

// enqueueWork enqueues what an object maps to by its priority.
func enqueueWork(mapTo mapToWork) handler.EventHandler {
	return handler.Funcs{
		CreateFunc: func(ctx context.Context, e event.CreateEvent, q queue) {
			enqueue(q, mapTo(ctx, e.Object), e.IsInInitialList)
		},
		UpdateFunc: func(ctx context.Context, e event.UpdateEvent, q queue) {
			if isReplacement(e) {
				enqueue(q, mapTo(ctx, e.ObjectOld), false)
			}
			enqueue(q, mapTo(ctx, e.ObjectNew), isResync(e))
		},
		DeleteFunc: func(ctx context.Context, e event.DeleteEvent, q queue) { enqueue(q, mapTo(ctx, e.Object), false) },
	}
}

// enqueue adds work to a queue. What has no priority of its own and is not new can wait for everything else.
func enqueue(q queue, all []work, known bool) {
	for _, w := range all {
		pq, ok := q.(priorityqueue.PriorityQueue[reconcile.Request])
		if !ok {
			q.Add(w.Request)
			continue
		}
		if w.priority == 0 && known {
			w.priority = handler.LowPriority
		}
		pq.AddWithOpts(priorityqueue.AddOpts{Priority: ptr.To(w.priority)}, w.Request)
	}
}

// isReplacement reports whether an update is a deletion and a creation under the name: a list after a watch that broke shows both as one.
func isReplacement(e event.UpdateEvent) bool {
	return e.ObjectOld != nil && e.ObjectNew != nil && e.ObjectOld.GetUID() != e.ObjectNew.GetUID()
}

func isResync(e event.UpdateEvent) bool {
	return e.ObjectOld != nil && e.ObjectNew != nil && e.ObjectOld.GetResourceVersion() == e.ObjectNew.GetResourceVersion()
}

// withPriority gives what an object maps to one priority.
func withPriority(mapTo handler.MapFunc, priorityOf func(client.Object) int) mapToWork {
	return func(ctx context.Context, o client.Object) []work {
		var all []work
		for _, r := range mapTo(ctx, o) {
			all = append(all, work{r, priorityOf(o)})
		}
		return all
	}
}

// mapToItself maps an object to itself.
func mapToItself(_ context.Context, o client.Object) []reconcile.Request {
	return []reconcile.Request{{NamespacedName: client.ObjectKeyFromObject(o)}}
}

// priorityOfExecution lets what has to end go before what is to start.
func priorityOfExecution(o client.Object) int {
	execution, ok := o.(*v1alpha1.PipelineExecution)
	if ok && execution.Status.Stop != nil && !execution.Status.State.IsFinal() {
		return endPriority
	}
	return 0
}

// priorityOfRequest lets a request without a verdict go before everything else.
func priorityOfRequest(o client.Object) int {
	if sr, ok := o.(*v1alpha1.StopRequest); ok && verdict.FindGiven(sr.Status.Conditions) == nil {
		return acceptPriority
	}
	return 0
}

// priorityOfVerdict lets the verdicts on requests for an execution go before everything else, until it has ended.
func priorityOfVerdict(o client.Object) int {
	if execution, ok := o.(*v1alpha1.PipelineExecution); ok && execution.Status.State.IsFinal() {
		return endPriority
	}
	return acceptPriority
}
