// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/action"
)

func pipelineWatches(c client.Reader) []Watch {
	return []Watch{
		{Object: &v1alpha1.Pipeline{}, Handler: handler.EnqueueRequestsFromMapFunc(mapToPipelinesOfSameName(c))},
	}
}

// executionWatches returns what can change an execution: itself, its stop requests, its Pipeline, and its workloads.
func executionWatches(c client.Reader, workloads []action.Watch) []Watch {
	watches := []Watch{
		{Object: &v1alpha1.PipelineExecution{}, Handler: &handler.EnqueueRequestForObject{}},
		{Object: &v1alpha1.StopRequest{}, Handler: withPriority(mapRequestToExecution(c))},
		{Object: &v1alpha1.Pipeline{}, Handler: handler.EnqueueRequestsFromMapFunc(mapToWaitingExecutions(c))},
	}
	for _, w := range workloads {
		watches = append(watches, Watch{
			Object: w.Object, Handler: handler.EnqueueRequestsFromMapFunc(mapLabelToExecution(c)), Predicates: w.Predicates,
		})
	}
	return watches
}

func stopRequestWatches(c client.Reader) []Watch {
	return []Watch{
		{Object: &v1alpha1.StopRequest{}, Handler: &handler.EnqueueRequestForObject{}},
		{Object: &v1alpha1.PipelineExecution{}, Handler: withPriority(mapToOpenStopRequests(c))},
	}
}
