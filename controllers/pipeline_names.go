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

// holder returns the Pipeline that has a pipelineName in a namespace, or nil: of several it is the oldest, by creation
// time, then by name.
func holder(ctx context.Context, c client.Reader, namespace, pipelineName string) (*v1alpha1.Pipeline, error) {
	list := &v1alpha1.PipelineList{}
	err := c.List(ctx, list, client.InNamespace(namespace), client.MatchingFields{indexPipelineName: pipelineName})
	if err != nil {
		return nil, fmt.Errorf("looking up Pipeline %q: %w", pipelineName, err)
	}
	return oldest(list.Items), nil
}

func oldest(pipelines []v1alpha1.Pipeline) *v1alpha1.Pipeline {
	living := slices.DeleteFunc(slices.Clone(pipelines), func(p v1alpha1.Pipeline) bool { return p.DeletionTimestamp != nil })
	if len(living) == 0 {
		return nil
	}
	first := slices.MinFunc(living, func(a, b v1alpha1.Pipeline) int {
		return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
	})
	return &first
}
