// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"haltline.dev/haltline/api/v1alpha1"
)

// stopPriority puts what a person asked to stop before other work in a queue, whose own priority is 0 or less.
const stopPriority = 100

type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]

// first enqueues what an object maps to before other work.
func first(mapTo handler.MapFunc) handler.EventHandler {
	enqueue := func(ctx context.Context, o client.Object, q queue) {
		for _, request := range mapTo(ctx, o) {
			if pq, ok := q.(priorityqueue.PriorityQueue[reconcile.Request]); ok {
				pq.AddWithOpts(priorityqueue.AddOpts{Priority: ptr.To(stopPriority)}, request)
			} else {
				q.Add(request)
			}
		}
	}
	return handler.Funcs{
		CreateFunc: func(ctx context.Context, e event.CreateEvent, q queue) { enqueue(ctx, e.Object, q) },
		UpdateFunc: func(ctx context.Context, e event.UpdateEvent, q queue) {
			if e.ObjectOld != nil && e.ObjectNew != nil && e.ObjectOld.GetUID() != e.ObjectNew.GetUID() {
				// A list after a watch that broke tells of a deletion and a creation under the name as of one update.
				enqueue(ctx, e.ObjectOld, q)
			}
			enqueue(ctx, e.ObjectNew, q)
		},
		DeleteFunc: func(ctx context.Context, e event.DeleteEvent, q queue) { enqueue(ctx, e.Object, q) },
	}
}

// executionOfLabel maps a Job or a pod to the execution that its label names.
func executionOfLabel(c client.Reader) handler.MapFunc {
	return func(ctx context.Context, o client.Object) []reconcile.Request {
		return executionRequest(ctx, c, o.GetNamespace(), o.GetLabels()[v1alpha1.LabelExecutionID])
	}
}

// executionOfRequest maps a StopRequest to the execution that it names.
func executionOfRequest(c client.Reader) handler.MapFunc {
	return func(ctx context.Context, o client.Object) []reconcile.Request {
		r, ok := o.(*v1alpha1.StopRequest)
		if !ok {
			return nil
		}
		return executionRequest(ctx, c, r.Namespace, r.Spec.PipelineExecutionID)
	}
}

func executionRequest(ctx context.Context, c client.Reader, namespace, id string) []reconcile.Request {
	e, err := executionByID(ctx, c, namespace, id)
	if err != nil {
		log.FromContext(ctx).Error(err, "could not look up an execution", "namespace", namespace, "pipelineExecutionId", id)
	}
	if e == nil {
		// Its own event, once it is in the cache, has its reconciler look for requests and Jobs.
		return nil
	}
	return []reconcile.Request{{NamespacedName: client.ObjectKeyFromObject(e)}}
}

// executionsAwaiting maps a Pipeline to the executions that wait for it.
func executionsAwaiting(c client.Reader) handler.MapFunc {
	return func(ctx context.Context, o client.Object) []reconcile.Request {
		p, ok := o.(*v1alpha1.Pipeline)
		if !ok {
			return nil
		}
		return listed(ctx, c, &v1alpha1.PipelineExecutionList{}, p.Namespace, indexAwaitedPipeline, p.EffectiveName())
	}
}

// requestsOfExecution maps an execution to the StopRequests of its id that are not concluded.
func requestsOfExecution(c client.Reader) handler.MapFunc {
	return func(ctx context.Context, o client.Object) []reconcile.Request {
		return listed(ctx, c, &v1alpha1.StopRequestList{}, o.GetNamespace(), indexOpenRequests, string(o.GetUID()))
	}
}

// namesakes maps a Pipeline to the Pipelines of its pipelineName, itself among them.
func namesakes(c client.Reader) handler.MapFunc {
	return func(ctx context.Context, o client.Object) []reconcile.Request {
		p, ok := o.(*v1alpha1.Pipeline)
		if !ok {
			return nil
		}
		return listed(ctx, c, &v1alpha1.PipelineList{}, p.Namespace, indexPipelineName, p.EffectiveName())
	}
}

func listed(ctx context.Context, c client.Reader, list client.ObjectList, namespace, index, value string) []reconcile.Request {
	if err := c.List(ctx, list, client.InNamespace(namespace), client.MatchingFields{index: value}); err != nil {
		log.FromContext(ctx).Error(err, "could not list", "index", index, "value", value)
		return nil
	}
	var requests []reconcile.Request
	err := meta.EachListItem(list, func(o runtime.Object) error {
		if item, ok := o.(client.Object); ok {
			requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(item)})
		}
		return nil
	})
	if err != nil {
		log.FromContext(ctx).Error(err, "could not read a list", "index", index, "value", value)
	}
	return requests
}
