// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"hash/fnv"
	"strconv"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/verdict"
)

// Indexes of the cache. Each finds a few objects among many, so that no reconciliation walks over all of a namespace.
const (
	// indexIDHash finds the executions whose pipelineExecutionId has a hash: see hashID.
	indexIDHash = "hashOfID"
	// indexPipelineName finds the Pipelines of a pipelineName.
	indexPipelineName = "pipelineName"
	// indexAwaitedPipeline finds the executions that wait for a Pipeline of a pipelineName.
	indexAwaitedPipeline = "awaitedPipeline"
	// indexRunningOf finds the executions of a pipelineName that have not ended.
	indexRunningOf = "runningOf"
	// indexWaitingOf finds the executions of a pipelineName that wait before a stage.
	indexWaitingOf = "waitingOf"
	// indexRevision finds the executions that use a ControllerRevision. It is a selectable field of the API server as well.
	indexRevision = "status.pipelineRevision"
	// indexFinishedOf finds the finished executions of a pipelineName.
	indexFinishedOf = "finishedOf"
	// indexOpenStopRequests finds the StopRequests of a pipelineExecutionId that are not finished.
	indexOpenStopRequests = "openStopRequests"
	// indexOpenApprovalResults finds the ApprovalResults of a pipelineExecutionId that are not finished.
	indexOpenApprovalResults = "openApprovalResults"
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
		{&v1alpha1.PipelineExecution{}, indexIDHash, byIDHash},
		{&v1alpha1.PipelineExecution{}, indexAwaitedPipeline, byAwaitedPipeline},
		{&v1alpha1.PipelineExecution{}, indexRunningOf, byPipelineIfRunning},
		{&v1alpha1.PipelineExecution{}, indexWaitingOf, byPipelineIfWaiting},
		{&v1alpha1.PipelineExecution{}, indexRevision, byRevision},
		{&v1alpha1.PipelineExecution{}, indexFinishedOf, byPipelineIfFinished},
		{&v1alpha1.Pipeline{}, indexPipelineName, byPipelineName},
		{&v1alpha1.StopRequest{}, indexOpenStopRequests, byOpenStopRequest},
		{&v1alpha1.ApprovalResult{}, indexOpenApprovalResults, byOpenApprovalResult},
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

func byIDHash(o client.Object) []string {
	return []string{hashID(string(o.GetUID()))}
}

// idHashes is how many hashes of ids there are. A value of an index that has one object takes more memory than a finished execution,
// so some share a value: of 100,000 executions of a namespace about 25.
const idHashes = 4096

// hashID returns one of idHashes hashes of a pipelineExecutionId.
func hashID(id string) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(id)) // It never fails.
	return strconv.FormatUint(uint64(h.Sum32()%idHashes), 36)
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

func byPipelineIfFinished(o client.Object) []string {
	execution, ok := o.(*v1alpha1.PipelineExecution)
	if !ok || !isExecutionAtRest(execution) {
		return nil
	}
	return []string{execution.Spec.PipelineName}
}

func byPipelineIfRunning(o client.Object) []string {
	execution, ok := o.(*v1alpha1.PipelineExecution)
	if !ok || execution.Status.State.IsFinal() || execution.IsRestoredCopy() {
		return nil
	}
	return []string{execution.Spec.PipelineName}
}

func byPipelineIfWaiting(o client.Object) []string {
	execution, ok := o.(*v1alpha1.PipelineExecution)
	if !ok || execution.Status.State.IsFinal() || execution.Status.WaitingForStage == nil {
		return nil
	}
	return []string{execution.Spec.PipelineName}
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

func byOpenApprovalResult(o client.Object) []string {
	ar, ok := o.(*v1alpha1.ApprovalResult)
	if !ok || verdict.IsFinished(ar.Status.Conditions) {
		return nil
	}
	return []string{ar.Spec.PipelineExecutionID}
}
