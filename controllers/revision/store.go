// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package revision

import (
	"context"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/action"
)

// Store keeps revisions in the cluster.
type Store struct {
	// Client reads from the cache, and writes.
	Client client.Client
	// APIReader reads from the API server.
	APIReader client.Reader
}

// Ensure makes sure that the ControllerRevision of a Pipeline exists and returns its name. There is one for each
// definition that was run.
func (s *Store) Ensure(ctx context.Context, pipeline *v1alpha1.Pipeline) (string, error) {
	revision, err := newRevision(pipeline)
	if err != nil {
		return "", err
	}
	err = s.Client.Get(ctx, client.ObjectKeyFromObject(revision), &appsv1.ControllerRevision{})
	if apierrors.IsNotFound(err) {
		err = s.Client.Create(ctx, revision, client.FieldOwner(action.FieldOwner))
	}
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return "", fmt.Errorf("pinning Pipeline %q: %w", pipeline.Name, err)
	}
	return revision.Name, nil
}

// Load returns what the revision of that name pins, or nil if it is gone or does not hold what its name is a hash of.
func (s *Store) Load(ctx context.Context, namespace, name string) (*v1alpha1.PipelineDefinition, error) {
	revision := &appsv1.ControllerRevision{}
	key := client.ObjectKey{Namespace: namespace, Name: name}
	err := s.Client.Get(ctx, key, revision)
	if apierrors.IsNotFound(err) {
		err = s.APIReader.Get(ctx, key, revision)
	}
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading ControllerRevision %q: %w", name, err)
	}
	return unpackRevision(revision), nil
}
