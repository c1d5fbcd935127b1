// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/action"
)

// CacheOptions keeps the cache small: only revisions of ours, and of every kind only what is read. Users decide how large an
// object is, and a reconciliation copies what it reads. So whatever comes from the cache lacks most of its metadata, and must
// never be written back as a whole.
func CacheOptions() cache.Options {
	byObject := map[client.Object]cache.ByObject{
		&v1alpha1.Pipeline{}:          {Transform: stripPipeline},
		&v1alpha1.PipelineExecution{}: {Transform: stripExecution},
		&v1alpha1.StopRequest{}:       {Transform: stripStopRequest},
		&v1alpha1.ApprovalResult{}:    {Transform: stripApprovalResult},
		&appsv1.ControllerRevision{}: {
			Label: action.SelectLabeled(v1alpha1.LabelPipelineUID), Transform: stripRevision,
		},
	}
	for _, w := range newRegistry(nil, nil, nil).Watches() {
		byObject[w.Object] = w.Cache
	}
	return cache.Options{DefaultTransform: cache.TransformStripManagedFields(), ByObject: byObject}
}

// stripPipeline leaves the name and the status of a Pipeline, its mode, the transitions of its stages, and how long its executions are kept.
// What it runs is read live, one Pipeline at a time.
func stripPipeline(obj any) (any, error) {
	if pipeline, ok := obj.(*v1alpha1.Pipeline); ok {
		action.StripMetadata(&pipeline.ObjectMeta, nil, nil)
		stages := make([]v1alpha1.Stage, len(pipeline.Spec.Stages))
		for i, s := range pipeline.Spec.Stages {
			stages[i] = v1alpha1.Stage{Name: s.Name, Transition: s.Transition}
		}
		pipeline.Spec = v1alpha1.PipelineSpec{
			PipelineName: pipeline.Spec.PipelineName, ExecutionMode: pipeline.Spec.ExecutionMode, Stages: stages,
			History: pipeline.Spec.History, TTLSecondsAfterFinished: pipeline.Spec.TTLSecondsAfterFinished,
		}
	}
	return obj, nil
}

// stripExecution leaves the spec and the status of an execution, which the schema bounds, and the marks of ours; of one at rest it
// leaves much less.
func stripExecution(obj any) (any, error) {
	execution, ok := obj.(*v1alpha1.PipelineExecution)
	switch {
	case !ok:
	case isExecutionAtRest(execution):
		stripExecutionAtRest(execution)
	default:
		stripExecutionMetadata(execution)
	}
	return obj, nil
}

func stripExecutionMetadata(execution *v1alpha1.PipelineExecution) {
	action.StripMetadata(&execution.ObjectMeta,
		[]string{v1alpha1.LabelExecutionID, v1alpha1.LabelPipeline}, []string{v1alpha1.AnnotationExecutionName})
}

// stripStopRequest leaves the spec and the status of a request; of one at rest it leaves much less.
func stripStopRequest(obj any) (any, error) {
	sr, ok := obj.(*v1alpha1.StopRequest)
	switch {
	case !ok:
	case isAtRest(sr):
		stripStopRequestAtRest(sr)
	default:
		action.StripMetadata(&sr.ObjectMeta, nil, nil)
	}
	return obj, nil
}

// stripApprovalResult leaves the spec and the status of a result; of one at rest it leaves much less.
func stripApprovalResult(obj any) (any, error) {
	ar, ok := obj.(*v1alpha1.ApprovalResult)
	switch {
	case !ok:
	case isAtRest(ar):
		stripApprovalResultAtRest(ar)
	default:
		action.StripMetadata(&ar.ObjectMeta, nil, nil)
	}
	return obj, nil
}

// stripRevision leaves of a ControllerRevision the marks of ours. What it pins is read live, and remembered for a while. Of its
// owners it matters only that there are any.
func stripRevision(obj any) (any, error) {
	if revision, ok := obj.(*appsv1.ControllerRevision); ok {
		owners := revision.OwnerReferences
		revision.Data = runtime.RawExtension{}
		action.StripMetadata(&revision.ObjectMeta, []string{v1alpha1.LabelPipelineUID}, []string{v1alpha1.AnnotationUnusedSince})
		if len(owners) > 0 {
			revision.OwnerReferences = []metav1.OwnerReference{owners[0]}
		}
	}
	return obj, nil
}
