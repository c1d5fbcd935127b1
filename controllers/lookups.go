// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
)

// executionByID returns the execution of an id from the cache, or nil.
func executionByID(ctx context.Context, c client.Reader, namespace, id string) (*v1alpha1.PipelineExecution, error) {
	list := &v1alpha1.PipelineExecutionList{}
	err := c.List(ctx, list, client.InNamespace(namespace), client.MatchingFields{indexUID: id})
	if err != nil || len(list.Items) == 0 {
		return nil, err
	}
	return &list.Items[0], nil
}

// getLiveExecution returns an execution as it is on the API server, without what the cache leaves out, or nil if it is gone.
func getLiveExecution(ctx context.Context, apiReader client.Reader, known client.Object) (*v1alpha1.PipelineExecution, error) {
	execution := &v1alpha1.PipelineExecution{}
	err := apiReader.Get(ctx, client.ObjectKeyFromObject(known), execution)
	if err != nil || execution.UID != known.GetUID() {
		return nil, client.IgnoreNotFound(err)
	}
	if _, err := stripExecution(execution); err != nil {
		return nil, err
	}
	return execution, nil
}

// pipelineByName returns the Pipeline that has a pipelineName in a namespace, as the cache keeps it, or nil. Of several it is the
// oldest, by creation time, then by name. It must not be changed.
func pipelineByName(ctx context.Context, c client.Reader, namespace, pipelineName string) (*v1alpha1.Pipeline, error) {
	list := &v1alpha1.PipelineList{}
	err := c.List(ctx, list, client.InNamespace(namespace), client.MatchingFields{indexPipelineName: pipelineName}, client.UnsafeDisableDeepCopy)
	if err != nil {
		return nil, fmt.Errorf("looking up Pipeline %q: %w", pipelineName, err)
	}
	return oldestPipeline(list.Items), nil
}

func oldestPipeline(pipelines []v1alpha1.Pipeline) *v1alpha1.Pipeline {
	living := slices.DeleteFunc(slices.Clone(pipelines), func(p v1alpha1.Pipeline) bool { return p.DeletionTimestamp != nil })
	if len(living) == 0 {
		return nil
	}
	oldest := slices.MinFunc(living, func(a, b v1alpha1.Pipeline) int {
		return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
	})
	return &oldest
}

// livePipelineByName returns the Pipeline that has a pipelineName as the API server has it, or nil. The cache may hold an older
// definition than whoever created the execution had seen, and holds no stages.
func livePipelineByName(ctx context.Context, c, apiReader client.Reader, namespace, pipelineName string) (*v1alpha1.Pipeline, error) {
	cached, err := pipelineByName(ctx, c, namespace, pipelineName)
	if err != nil || cached == nil {
		return nil, err
	}
	pipeline := &v1alpha1.Pipeline{}
	if err := apiReader.Get(ctx, client.ObjectKeyFromObject(cached), pipeline); err != nil {
		return nil, client.IgnoreNotFound(err)
	}
	if pipeline.UID != cached.UID || pipeline.DeletionTimestamp != nil {
		// The cache's next event brings the execution back.
		return nil, nil
	}
	return pipeline, nil
}
