// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
)

// executionByID returns the execution of an id from the cache, or nil. Of one at rest it has little: see stripExecutionAtRest.
func executionByID(ctx context.Context, c client.Reader, namespace, id string) (*v1alpha1.PipelineExecution, error) {
	execution, err := peekExecution(ctx, c, namespace, id)
	return execution.DeepCopy(), err
}

// peekExecution returns the same as executionByID, and does not copy it: it must not be changed.
func peekExecution(ctx context.Context, c client.Reader, namespace, id string) (*v1alpha1.PipelineExecution, error) {
	list := &v1alpha1.PipelineExecutionList{}
	err := c.List(ctx, list, client.InNamespace(namespace), client.MatchingFields{indexIDHash: hashID(id)}, client.UnsafeDisableDeepCopy)
	if err != nil {
		return nil, err
	}
	for i := range list.Items {
		if string(list.Items[i].UID) == id {
			return &list.Items[i], nil
		}
	}
	return nil, nil
}

// getLiveExecution returns an execution as it is on the API server, without the metadata that users size, or nil if it is gone. It
// has all of its status, also if it is at rest.
func getLiveExecution(ctx context.Context, apiReader client.Reader, known client.Object) (*v1alpha1.PipelineExecution, error) {
	execution := &v1alpha1.PipelineExecution{}
	err := apiReader.Get(ctx, client.ObjectKeyFromObject(known), execution)
	if err != nil || execution.UID != known.GetUID() {
		return nil, client.IgnoreNotFound(err)
	}
	stripExecutionMetadata(execution)
	return execution, nil
}

// pipelineByName returns the Pipeline that has a pipelineName in a namespace, as the cache keeps it, or nil. See choosePipeline. It
// must not be changed.
func pipelineByName(ctx context.Context, c client.Reader, namespace, pipelineName string) (*v1alpha1.Pipeline, error) {
	list := &v1alpha1.PipelineList{}
	err := c.List(ctx, list, client.InNamespace(namespace), client.MatchingFields{indexPipelineName: pipelineName}, client.UnsafeDisableDeepCopy)
	if err != nil {
		return nil, fmt.Errorf("looking up Pipeline %q: %w", pipelineName, err)
	}
	return choosePipeline(list.Items), nil
}

// livePipelineByName returns the Pipeline that has a pipelineName as the API server has it, or nil. The cache may hold an older
// definition than whoever created the execution had seen, holds no stages, and may lack the Pipeline whose own name it is.
func livePipelineByName(ctx context.Context, c, apiReader client.Reader, namespace, pipelineName string) (*v1alpha1.Pipeline, error) {
	cached, err := pipelineByName(ctx, c, namespace, pipelineName)
	if err != nil || cached == nil {
		return nil, err
	}
	if cached.Name != pipelineName && len(validation.IsDNS1123Subdomain(pipelineName)) == 0 {
		key := client.ObjectKey{Namespace: namespace, Name: pipelineName}
		own, err := getLivePipeline(ctx, apiReader, key)
		if err != nil || own != nil && own.EffectiveName() == pipelineName && own.DeletionTimestamp == nil {
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
