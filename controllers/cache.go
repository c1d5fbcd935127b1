// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	appsv1 "k8s.io/api/apps/v1"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/action"
)

// CacheOptions keeps the cache small: no managed fields, only revisions of ours, and of the workloads what their providers
// read.
func CacheOptions() cache.Options {
	byObject := map[client.Object]cache.ByObject{
		&appsv1.ControllerRevision{}: {Label: action.SelectLabeled(v1alpha1.LabelPipelineUID)},
	}
	for _, w := range newRegistry(nil, nil).Watches() {
		byObject[w.Object] = w.Cache
	}
	return cache.Options{DefaultTransform: cache.TransformStripManagedFields(), ByObject: byObject}
}
