// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	batchv1 "k8s.io/api/batch/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/action"
)

func pipelineWatches(c client.Reader) []Watch {
	return []Watch{
		{Object: &v1alpha1.Pipeline{}, Handler: handler.EnqueueRequestsFromMapFunc(namesakes(c))},
	}
}

func executionWatches(c client.Reader) []Watch {
	return []Watch{
		{Object: &v1alpha1.PipelineExecution{}, Handler: &handler.EnqueueRequestForObject{}},
		{Object: &v1alpha1.StopRequest{}, Handler: first(executionOfRequest(c))},
		{Object: &v1alpha1.Pipeline{}, Handler: handler.EnqueueRequestsFromMapFunc(executionsAwaiting(c))},
		{Object: &batchv1.Job{}, Handler: handler.EnqueueRequestsFromMapFunc(executionOfLabel(c))},
		{Object: action.PodMetadata(), Handler: handler.EnqueueRequestsFromMapFunc(executionOfLabel(c)),
			Predicates: []predicate.Predicate{onlyDeletes}},
	}
}

func stopRequestWatches(c client.Reader) []Watch {
	return []Watch{
		{Object: &v1alpha1.StopRequest{}, Handler: &handler.EnqueueRequestForObject{}},
		{Object: &v1alpha1.PipelineExecution{}, Handler: first(requestsOfExecution(c))},
	}
}

// onlyDeletes passes what tells that a pod is gone. What else happens to a pod, its Job tells.
var onlyDeletes = predicate.Funcs{
	CreateFunc:  func(event.CreateEvent) bool { return false },
	UpdateFunc:  func(event.UpdateEvent) bool { return false },
	GenericFunc: func(event.GenericEvent) bool { return false },
	DeleteFunc:  func(event.DeleteEvent) bool { return true },
}
