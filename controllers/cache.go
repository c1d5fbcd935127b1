// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/action"
)

// CacheOptions keeps the cache small: only Jobs, revisions and pods of ours, no managed fields, no pod templates of
// Jobs, and of pods only the metadata.
func CacheOptions() cache.Options {
	return cache.Options{
		DefaultTransform: cache.TransformStripManagedFields(),
		ByObject: map[client.Object]cache.ByObject{
			&batchv1.Job{}:               {Label: has(v1alpha1.LabelExecutionID), Transform: stripJob},
			&appsv1.ControllerRevision{}: {Label: has(v1alpha1.LabelPipelineUID)},
			action.PodMetadata():         {Label: has(v1alpha1.LabelExecutionID)},
		},
	}
}

// has selects the objects that have a label, whatever its value.
func has(label string) labels.Selector {
	requirement, err := labels.NewRequirement(label, selection.Exists, nil)
	if err != nil {
		// The labels are constants of the API.
		panic(err)
	}
	return labels.NewSelector().Add(*requirement)
}

// stripJob leaves out of a Job what nobody here reads.
func stripJob(obj any) (any, error) {
	if job, ok := obj.(*batchv1.Job); ok {
		job.ManagedFields = nil
		job.Spec.Template = corev1.PodTemplateSpec{}
	}
	return obj, nil
}
