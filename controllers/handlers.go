// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"haltline.dev/haltline/api/v1alpha1"
)

// mapLabelToExecution maps a workload, or a part of one, to the execution that its label names.
func mapLabelToExecution(c client.Reader) mapToWork {
	return func(ctx context.Context, o client.Object) []work {
		execution := findUnfinished(ctx, c, o.GetNamespace(), o.GetLabels()[v1alpha1.LabelExecutionID])
		if execution == nil {
			return nil
		}
		return []work{{reconcile.Request{NamespacedName: client.ObjectKeyFromObject(execution)}, priorityOfExecution(execution)}}
	}
}

// mapRequestToExecution maps a StopRequest or an ApprovalResult to the execution that it names.
func mapRequestToExecution(c client.Reader) handler.MapFunc {
	return func(ctx context.Context, o client.Object) []reconcile.Request {
		id := ""
		switch o := o.(type) {
		case *v1alpha1.StopRequest:
			id = o.Spec.PipelineExecutionID
		case *v1alpha1.ApprovalResult:
			id = o.Spec.PipelineExecutionID
		default:
			return nil
		}
		execution := findUnfinished(ctx, c, o.GetNamespace(), id)
		if execution == nil {
			return nil
		}
		return mapToItself(ctx, execution)
	}
}

// findUnfinished returns the execution of an id as the cache has it, unless it is at rest; it must not be changed. If the cache does
// not have it yet, its own event has its reconciler look for requests and workloads.
func findUnfinished(ctx context.Context, c client.Reader, namespace, id string) *v1alpha1.PipelineExecution {
	execution, err := peekExecution(ctx, c, namespace, id)
	if err != nil {
		log.FromContext(ctx).Error(err, "could not look up an execution", "pipelineExecutionId", id)
		return nil
	}
	if execution == nil || isExecutionAtRest(execution) {
		return nil
	}
	return execution
}

// mapToWaitingExecutions maps a Pipeline to the executions that wait for it.
func mapToWaitingExecutions(c client.Reader) handler.MapFunc {
	return func(ctx context.Context, o client.Object) []reconcile.Request {
		pipeline, ok := o.(*v1alpha1.Pipeline)
		if !ok {
			return nil
		}
		return listRequests(ctx, c, &v1alpha1.PipelineExecutionList{}, pipeline.Namespace, indexAwaitedPipeline, pipeline.EffectiveName())
	}
}

// mapToOpenStopRequests maps an execution to the StopRequests of its id that are not finished.
func mapToOpenStopRequests(c client.Reader) handler.MapFunc {
	return func(ctx context.Context, o client.Object) []reconcile.Request {
		return listRequests(ctx, c, &v1alpha1.StopRequestList{}, o.GetNamespace(), indexOpenStopRequests, string(o.GetUID()))
	}
}

// mapToOpenApprovalResults maps an execution to the ApprovalResults of its id that are not finished.
func mapToOpenApprovalResults(c client.Reader) handler.MapFunc {
	return func(ctx context.Context, o client.Object) []reconcile.Request {
		return listRequests(ctx, c, &v1alpha1.ApprovalResultList{}, o.GetNamespace(), indexOpenApprovalResults, string(o.GetUID()))
	}
}

// mapToPipelinesOfSameName maps a Pipeline to the Pipelines of its pipelineName, itself among them.
func mapToPipelinesOfSameName(c client.Reader) handler.MapFunc {
	return func(ctx context.Context, o client.Object) []reconcile.Request {
		pipeline, ok := o.(*v1alpha1.Pipeline)
		if !ok {
			return nil
		}
		return listRequests(ctx, c, &v1alpha1.PipelineList{}, pipeline.Namespace, indexPipelineName, pipeline.EffectiveName())
	}
}

// mapToPipelineName maps a Pipeline or an execution to its pipelineName.
func mapToPipelineName(_ context.Context, o client.Object) []reconcile.Request {
	name := ""
	switch o := o.(type) {
	case *v1alpha1.Pipeline:
		name = o.EffectiveName()
	case *v1alpha1.PipelineExecution:
		name = o.Spec.PipelineName
	}
	if name == "" {
		return nil
	}
	return []reconcile.Request{{NamespacedName: client.ObjectKey{Namespace: o.GetNamespace(), Name: name}}}
}

// enqueueAfter returns a handler that enqueues after a delay what an object maps to that is new or has changed. All that comes until
// then is one reconciliation.
func enqueueAfter(delay time.Duration, mapTo handler.MapFunc) handler.EventHandler {
	enqueue := func(ctx context.Context, o client.Object, q queue) {
		for _, req := range mapTo(ctx, o) {
			q.AddAfter(req, delay)
		}
	}
	return handler.Funcs{
		CreateFunc: func(ctx context.Context, e event.CreateEvent, q queue) {
			enqueue(ctx, e.Object, q)
		},
		UpdateFunc: func(ctx context.Context, e event.UpdateEvent, q queue) {
			enqueue(ctx, e.ObjectNew, q)
		},
	}
}

// hasTTL reports whether a request is deleted some time after it has finished.
func hasTTL(o client.Object) bool {
	ttl, _ := lifetimeOf(o)
	return ttl != nil
}

// lifetimeOf returns the TTL of a StopRequest or an ApprovalResult, and its conditions.
func lifetimeOf(o client.Object) (ttl *int32, conditions []metav1.Condition) {
	switch o := o.(type) {
	case *v1alpha1.StopRequest:
		return o.Spec.TTLSecondsAfterFinished, o.Status.Conditions
	case *v1alpha1.ApprovalResult:
		return o.Spec.TTLSecondsAfterFinished, o.Status.Conditions
	}
	return nil, nil
}

// mapToRevision maps an execution to the ControllerRevision that it uses.
func mapToRevision(_ context.Context, o client.Object) []reconcile.Request {
	execution, ok := o.(*v1alpha1.PipelineExecution)
	if !ok || execution.Status.PipelineRevision == "" {
		return nil
	}
	return []reconcile.Request{{NamespacedName: client.ObjectKey{Namespace: execution.Namespace, Name: execution.Status.PipelineRevision}}}
}

// addAll adds requests to a queue, without a priority.
func addAll(q queue, requests []reconcile.Request) {
	for _, req := range requests {
		q.Add(req)
	}
}

// listRequests returns the objects that an index finds. It copies none of them.
func listRequests(ctx context.Context, c client.Reader, list client.ObjectList, namespace, index, value string) []reconcile.Request {
	err := c.List(ctx, list, client.InNamespace(namespace), client.MatchingFields{index: value}, client.UnsafeDisableDeepCopy)
	if err != nil {
		log.FromContext(ctx).Error(err, "could not list", "index", index, "value", value)
		return nil
	}
	var requests []reconcile.Request
	err = meta.EachListItem(list, func(o runtime.Object) error {
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
