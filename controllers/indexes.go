// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/verdict"
)

// Indexes of the cache. Each finds a few objects among many, so that no reconciliation walks over all of a namespace.
const (
	// indexUID finds the execution of a pipelineExecutionId.
	indexUID = "metadata.uid"
	// indexPipelineName finds the Pipelines of a pipelineName.
	indexPipelineName = "pipelineName"
	// indexAwaitedPipeline finds the executions that wait for a Pipeline of a pipelineName.
	indexAwaitedPipeline = "awaitedPipeline"
	// indexRevision finds the executions that use a ControllerRevision. It is a selectable field of the API server as well.
	indexRevision = "status.pipelineRevision"
	// indexOpenStopRequests finds the StopRequests of a pipelineExecutionId that are not finished.
	indexOpenStopRequests = "openStopRequests"
)

// Index is a function that finds objects of the cache by a value.
type Index struct {
	// Object stands for the kind.
	Object client.Object
	// Field names the index in client.MatchingFields.
	Field string
	// Values are those by which an object is found.
	Values client.IndexerFunc
}

// Indexes returns what the cache has to be indexed by.
func Indexes() []Index {
	return []Index{
		{&v1alpha1.PipelineExecution{}, indexUID, byUID},
		{&v1alpha1.PipelineExecution{}, indexAwaitedPipeline, byAwaitedPipeline},
		{&v1alpha1.PipelineExecution{}, indexRevision, byRevision},
		{&v1alpha1.Pipeline{}, indexPipelineName, byPipelineName},
		{&v1alpha1.StopRequest{}, indexOpenStopRequests, byOpenStopRequest},
	}
}

func setupIndexes(ctx context.Context, indexer client.FieldIndexer) error {
	for _, i := range Indexes() {
		if err := indexer.IndexField(ctx, i.Object, i.Field, i.Values); err != nil {
			return err
		}
	}
	return nil
}

func byUID(o client.Object) []string {
	return []string{string(o.GetUID())}
}

func byAwaitedPipeline(o client.Object) []string {
	execution, ok := o.(*v1alpha1.PipelineExecution)
	if !ok || execution.Status.PipelineRevision != "" || execution.Status.State.IsFinal() {
		return nil
	}
	return []string{execution.Spec.PipelineName}
}

func byRevision(o client.Object) []string {
	execution, ok := o.(*v1alpha1.PipelineExecution)
	if !ok || execution.Status.PipelineRevision == "" {
		return nil
	}
	return []string{execution.Status.PipelineRevision}
}

func byPipelineName(o client.Object) []string {
	pipeline, ok := o.(*v1alpha1.Pipeline)
	if !ok {
		return nil
	}
	return []string{pipeline.EffectiveName()}
}

func byOpenStopRequest(o client.Object) []string {
	sr, ok := o.(*v1alpha1.StopRequest)
	if !ok || verdict.IsFinished(sr.Status.Conditions) {
		return nil
	}
	return []string{sr.Spec.PipelineExecutionID}
}
