// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"encoding/json"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/action"
	"haltline.dev/haltline/internal/text"
)

// ensureMark puts its id, its name and its pipeline on the execution before anything of it starts: a copy that a restore makes
// of it later is known by the id, and tells the name. Neither a stop nor what runs depends on it, so an error of a mark that is not needed is none.
func (r *PipelineExecutionReconciler) ensureMark(ctx context.Context, execution *v1alpha1.PipelineExecution, needed bool) error {
	labels, annotations := buildMark(execution)
	if execution.DeletionTimestamp != nil || contains(execution.Labels, labels) && contains(execution.Annotations, annotations) {
		return nil
	}
	// The uid keeps it from another object of that name. Nothing else was decided on, except before there is a status.
	metadata := map[string]any{"uid": execution.UID, "labels": labels, "annotations": annotations}
	if execution.Status.Version == 0 {
		// The first status is written under the resourceVersion: see writeStatus.
		metadata["resourceVersion"] = execution.ResourceVersion
	}
	patch, err := json.Marshal(map[string]any{"metadata": metadata})
	if err != nil {
		return err
	}
	// The answer is as new as the API server has it, and must not be mixed with what was read before.
	answer := &v1alpha1.PipelineExecution{ObjectMeta: metav1.ObjectMeta{Namespace: execution.Namespace, Name: execution.Name}}
	err = r.Client.Patch(ctx, answer, client.RawPatch(types.MergePatchType, patch), client.FieldOwner(action.FieldOwner))
	if err == nil {
		execution.Labels, execution.Annotations = answer.Labels, answer.Annotations
		if execution.Status.Version == 0 {
			execution.ResourceVersion = answer.ResourceVersion
		}
		return nil
	}
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
