// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/action"
)

// Watch brings the objects to a reconciler that the events of a kind are about.
type Watch struct {
	// Object stands for the kind; for its metadata alone if it is a PartialObjectMetadata.
	Object client.Object
	// Handler maps an event to the objects to reconcile.
	Handler handler.EventHandler
	// Predicates all have to let an event pass.
	Predicates []predicate.Predicate
}

func pipelineWatches(c client.Reader) []Watch {
	return []Watch{
		{Object: &v1alpha1.Pipeline{}, Handler: handler.EnqueueRequestsFromMapFunc(mapToPipelinesOfSameName(c))},
		{
			Object: &v1alpha1.PipelineExecution{}, Handler: enqueueWork(mapToSerialPipeline(c)),
			Predicates: []predicate.Predicate{whenPositionChanges},
		},
	}
}

// executionWatches returns what can change an execution: itself, its stop requests and approval results, its Pipeline, and its
// workloads.
func executionWatches(c client.Reader, workloads []action.Watch, waiting *waitingStops) []Watch {
	watches := []Watch{
		{
			Object: &v1alpha1.PipelineExecution{}, Handler: enqueueWork(withPriority(mapToItself, priorityOfExecution)),
			Predicates: []predicate.Predicate{unlessAtRest},
		},
		{
			Object:  &v1alpha1.StopRequest{},
			Handler: follow(waiting, enqueueWork(withPriority(mapRequestToExecution(c), priorityOfRequest)), unlessAtRest),
		},
		{
			Object: &v1alpha1.ApprovalResult{}, Handler: handler.EnqueueRequestsFromMapFunc(mapRequestToExecution(c)),
			Predicates: []predicate.Predicate{unlessAtRest},
		},
		{Object: &v1alpha1.Pipeline{}, Handler: handler.EnqueueRequestsFromMapFunc(mapToWaitingExecutions(c))},
		{Object: &v1alpha1.Pipeline{}, Handler: wakeBeforeStages(c)},
	}
	for _, w := range workloads {
		watches = append(watches, workloadWatch(c, w))
	}
	return watches
}

// workloadWatch returns what brings the execution of a workload back.
func workloadWatch(c client.Reader, w action.Watch) Watch {
	enqueue := enqueueWork(mapLabelToExecution(c))
	if w.Follower == nil {
		return Watch{Object: w.Object, Handler: enqueue, Predicates: w.Predicates}
	}
	return Watch{Object: w.Object, Handler: follow(w.Follower, enqueue, w.Predicates...)}
}

func stopRequestWatches(c client.Reader) []Watch {
	return []Watch{
		{
			Object: &v1alpha1.StopRequest{}, Handler: enqueueWork(withPriority(mapToItself, priorityOfRequest)),
			Predicates: []predicate.Predicate{unlessAtRest},
		},
		{Object: &v1alpha1.PipelineExecution{}, Handler: enqueueWork(withPriority(mapToOpenStopRequests(c), priorityOfVerdict))},
	}
}

func approvalResultWatches(c client.Reader) []Watch {
	return []Watch{
		{
			Object: &v1alpha1.ApprovalResult{}, Handler: enqueueWork(withPriority(mapToItself, priorityOfRequest)),
			Predicates: []predicate.Predicate{unlessAtRest},
		},
		{Object: &v1alpha1.PipelineExecution{}, Handler: handler.EnqueueRequestsFromMapFunc(mapToOpenApprovalResults(c))},
	}
}

// retentionWatches returns what can have a finished execution of a pipeline deleted: that one has finished, and its Pipeline.
func retentionWatches() []Watch {
	return []Watch{
		{
			Object: &v1alpha1.PipelineExecution{}, Handler: enqueueAfter(retentionDelay, mapToPipelineName),
			Predicates: []predicate.Predicate{predicate.NewPredicateFuncs(isAtRest)},
		},
		{Object: &v1alpha1.Pipeline{}, Handler: handler.EnqueueRequestsFromMapFunc(mapToPipelineName)},
	}
}

// requestRetentionWatches returns what can have a request of a kind deleted: that it has finished, and its TTL.
func requestRetentionWatches(kind client.Object) []Watch {
	return []Watch{{
		Object: kind, Handler: &handler.EnqueueRequestForObject{},
		Predicates: []predicate.Predicate{predicate.NewPredicateFuncs(isAtRest), predicate.NewPredicateFuncs(hasTTL)},
	}}
}

// revisionWatches returns what can leave a revision unused: that an execution is gone. What comes to use one takes its mark off.
// leavesRevision passes the events after which an execution does not use its revision any more: it is gone, or somebody overwrote its status.
var leavesRevision = predicate.Funcs{
	CreateFunc:  func(event.CreateEvent) bool { return false },
	GenericFunc: func(event.GenericEvent) bool { return false },
	DeleteFunc:  func(event.DeleteEvent) bool { return true },
	UpdateFunc: func(e event.UpdateEvent) bool {
		before, after := byRevision(e.ObjectOld), byRevision(e.ObjectNew)
		return len(before) > 0 && !slices.Equal(before, after)
	},
}

// enqueueFormerRevision enqueues the revision that an execution used.
var enqueueFormerRevision = handler.Funcs{
	DeleteFunc: func(ctx context.Context, e event.DeleteEvent, q queue) { addAll(q, mapToRevision(ctx, e.Object)) },
	UpdateFunc: func(ctx context.Context, e event.UpdateEvent, q queue) { addAll(q, mapToRevision(ctx, e.ObjectOld)) },
}

func revisionWatches() []Watch {
	return []Watch{
		{Object: &appsv1.ControllerRevision{}, Handler: &handler.EnqueueRequestForObject{}},
		{
			Object: &v1alpha1.PipelineExecution{}, Handler: enqueueFormerRevision,
			Predicates: []predicate.Predicate{leavesRevision},
		},
	}
}
