// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/action"
	"haltline.dev/haltline/internal/text"
)

// ensureMark puts its id, its name and its pipeline on the execution before anything of it starts: a copy that a restore makes
// of XX
func (r *PipelineExecutionReconciler) ensureMark(ctx context.Context, execution *v1alpha1.PipelineExecution, needed bool) error {
	labels, annotations := buildMark(execution)
	if execution.DeletionTimestamp != nil || contains(execution.Labels, labels) && contains(execution.Annotations, annotations) {
		return nil
	}
	before := execution.DeepCopy()
	for name, value := range labels {
		metav1.SetMetaDataLabel(&execution.ObjectMeta, name, value)
	}
	for name, value := range annotations {
		metav1.SetMetaDataAnnotation(&execution.ObjectMeta, name, value)
	}
	patch := client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
	err := r.Client.Patch(ctx, execution, patch, client.FieldOwner(action.FieldOwner))
	if err == nil {
		return nil
	}
	before.DeepCopyInto(execution)
	err = fmt.Errorf("marking the execution with its id: %w", err)
	if needed {
		return err
	}
	log.FromContext(ctx).V(1).Info("could not mark the execution", "error", err.Error())
	return nil
}

func buildMark(execution *v1alpha1.PipelineExecution) (labels, annotations map[string]string) {
	labels = map[string]string{
		v1alpha1.LabelExecutionID: string(execution.UID),
		v1alpha1.LabelPipeline:    text.FitLabel(execution.Spec.PipelineName),
	}
	return labels, map[string]string{v1alpha1.AnnotationExecutionName: execution.Name}
}

// contains reports whether a map has all entries of another.
func contains(all, some map[string]string) bool {
	for name, value := range some {
		if got, ok := all[name]; !ok || got != value {
			return false
		}
	}
	return true
}
