// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
)

// pageSize bounds what one live list brings.
const pageSize = 500

// executionByID returns the execution of an id from the cache, or nil.
func executionByID(ctx context.Context, c client.Reader, namespace, id string) (*v1alpha1.PipelineExecution, error) {
	list := &v1alpha1.PipelineExecutionList{}
	err := c.List(ctx, list, client.InNamespace(namespace), client.MatchingFields{indexUID: id})
	if err != nil || len(list.Items) == 0 {
		return nil, err
	}
	return &list.Items[0], nil
}

// liveExecutionByID looks for the execution of an id through the names and ids of the namespace's executions on the API
// server. It returns nil if there is none.
func liveExecutionByID(ctx context.Context, apiReader client.Reader, namespace, id string) (*v1alpha1.PipelineExecution, error) {
	page := &metav1.PartialObjectMetadataList{}
	page.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("PipelineExecutionList"))
	for {
		err := apiReader.List(ctx, page, client.InNamespace(namespace), client.Limit(pageSize), client.Continue(page.Continue))
		if err != nil {
			return nil, err
		}
		for _, m := range page.Items {
			if string(m.UID) == id {
				return getLiveExecution(ctx, apiReader, &m)
			}
		}
		if page.Continue == "" {
			return nil, nil
		}
	}
}

// getLiveExecution returns an execution as it is on the API server, or nil if it is gone.
func getLiveExecution(ctx context.Context, apiReader client.Reader, known client.Object) (*v1alpha1.PipelineExecution, error) {
	execution := &v1alpha1.PipelineExecution{}
	err := apiReader.Get(ctx, client.ObjectKeyFromObject(known), execution)
	if err != nil || execution.UID != known.GetUID() {
		return nil, client.IgnoreNotFound(err)
	}
	return execution, nil
}

// pipelineByName returns the Pipeline that has a pipelineName in a namespace, from the cache, or nil. See choosePipeline.
func pipelineByName(ctx context.Context, c client.Reader, namespace, pipelineName string) (*v1alpha1.Pipeline, error) {
	list := &v1alpha1.PipelineList{}
	err := c.List(ctx, list, client.InNamespace(namespace), client.MatchingFields{indexPipelineName: pipelineName})
	if err != nil {
		return nil, fmt.Errorf("looking up Pipeline %q: %w", pipelineName, err)
	}
	return choosePipeline(list.Items), nil
}

// livePipelineByName returns the Pipeline that has a pipelineName as the API server has it, or nil. The cache may hold an older
// definition than whoever created the execution had seen, and may lack the Pipeline whose own name it is.
func livePipelineByName(ctx context.Context, c, apiReader client.Reader, namespace, pipelineName string) (*v1alpha1.Pipeline, error) {
	cached, err := pipelineByName(ctx, c, namespace, pipelineName)
	if err != nil || cached == nil {
		return nil, err
	}
	if cached.Name != pipelineName && len(validation.IsDNS1123Subdomain(pipelineName)) == 0 {
		key := client.ObjectKey{Namespace: namespace, Name: pipelineName}
		own, err := getLivePipeline(ctx, apiReader, key)
		if err != nil || own != nil && hasPipelineName(own, pipelineName) {
			return own, err
		}
	}
	pipeline, err := getLivePipeline(ctx, apiReader, client.ObjectKeyFromObject(cached))
	if err != nil || pipeline == nil || pipeline.UID != cached.UID || claimOf(pipeline) == claimNone {
		// The cache's next event brings the execution back.
		return nil, err
	}
	return pipeline, nil
}

// getLivePipeline returns a Pipeline as it is on the API server, or nil if it is not there.
func getLivePipeline(ctx context.Context, apiReader client.Reader, key client.ObjectKey) (*v1alpha1.Pipeline, error) {
	pipeline := &v1alpha1.Pipeline{}
	if err := apiReader.Get(ctx, key, pipeline); err != nil {
		return nil, client.IgnoreNotFound(err)
	}
	return pipeline, nil
}

// livePipelineExists reports whether a namespace has a Pipeline of a pipelineName, by live reads: of the one that the cache
// has, and else of all.
func livePipelineExists(ctx context.Context, c, apiReader client.Reader, namespace, pipelineName string) (bool, error) {
	known, err := pipelineByName(ctx, c, namespace, pipelineName)
	if err != nil {
		return false, err
	}
	if known != nil {
		pipeline := &v1alpha1.Pipeline{}
		err := apiReader.Get(ctx, client.ObjectKeyFromObject(known), pipeline)
		if client.IgnoreNotFound(err) != nil {
			return false, fmt.Errorf("looking up Pipeline %q: %w", known.Name, err)
		}
		if err == nil && hasPipelineName(pipeline, pipelineName) {
			return true, nil
		}
	}
	return listsLivePipeline(ctx, apiReader, namespace, pipelineName)
}

// listsLivePipeline looks for a Pipeline of a pipelineName among all of its namespace on the API server.
func listsLivePipeline(ctx context.Context, apiReader client.Reader, namespace, pipelineName string) (bool, error) {
	list := &v1alpha1.PipelineList{}
	for {
		err := apiReader.List(ctx, list, client.InNamespace(namespace), client.Limit(pageSize), client.Continue(list.Continue))
		if err != nil {
			return false, fmt.Errorf("listing pipelines: %w", err)
		}
		if slices.ContainsFunc(list.Items, func(p v1alpha1.Pipeline) bool { return hasPipelineName(&p, pipelineName) }) {
			return true, nil
		}
		if list.Continue == "" {
			return false, nil
		}
	}
}

func hasPipelineName(pipeline *v1alpha1.Pipeline, pipelineName string) bool {
	return pipeline.EffectiveName() == pipelineName && pipeline.DeletionTimestamp == nil
}
