// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package revision

import (
	"context"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/action"
	"haltline.dev/haltline/internal/slots"
)

// Store keeps revisions in the cluster.
type Store struct {
	// Client reads from the cache, and writes.
	Client client.Client
	// APIReader reads from the API server.
	APIReader client.Reader
	// LargeSteps bound how often a definition is packed or unpacked at the same time, which takes many times its size; nil does
	// not bound it.
	LargeSteps slots.Slots

	recent recent
}

// Ensure makes sure that the ControllerRevision of a Pipeline exists and that it is not about to be deleted as unused, and
// returns its name. There is one for each definition that was run.
func (s *Store) Ensure(ctx context.Context, pipeline *v1alpha1.Pipeline) (string, error) {
	var revision *appsv1.ControllerRevision
	err := s.LargeSteps.Do(ctx, func() (err error) {
		revision, err = newRevision(pipeline)
		return err
	})
	if err != nil {
		return "", err
	}
	known := &appsv1.ControllerRevision{}
	err = s.Client.Get(ctx, client.ObjectKeyFromObject(revision), known)
	if err == nil {
		err = s.MarkUsed(ctx, known)
	}
	if apierrors.IsNotFound(err) {
		err = s.create(ctx, revision)
	}
	if err != nil {
		return "", fmt.Errorf("pinning Pipeline %q: %w", pipeline.Name, err)
	}
	return revision.Name, nil
}

// Reuse makes sure that a revision that an execution names is not about to be deleted as unused, and returns what it pins; nil if it is gone or
// does not hold what its name is a hash of. It is read from the API server.
func (s *Store) Reuse(ctx context.Context, namespace, name string) (*v1alpha1.PipelineDefinition, error) {
	known := &appsv1.ControllerRevision{}
	var definition *v1alpha1.PipelineDefinition
	err := s.LargeSteps.Do(ctx, func() error {
		if err := s.APIReader.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, known); err != nil {
			return client.IgnoreNotFound(err)
		}
		if known.DeletionTimestamp == nil {
			definition = unpackRevision(known)
		}
		return nil
	})
	if err == nil && definition != nil {
		err = s.MarkUsed(ctx, known)
	}
	if err != nil {
		return nil, fmt.Errorf("pinning the ControllerRevision %q once more: %w", name, err)
	}
	return definition, nil
}

// create creates a revision. One that the cache did not have may bear the mark, or be somebody else's.
func (s *Store) create(ctx context.Context, revision *appsv1.ControllerRevision) error {
	key := client.ObjectKeyFromObject(revision)
	err := s.Client.Create(ctx, revision, client.FieldOwner(action.FieldOwner))
	if !apierrors.IsAlreadyExists(err) {
		return err
	}
	known := &appsv1.ControllerRevision{}
	if err := s.APIReader.Get(ctx, key, known); err != nil {
		return err
	}
	if unpackRevision(known) == nil {
		return fmt.Errorf("ControllerRevision %q does not hold what its name is a hash of, so somebody else put it there; delete it: %w", key.Name, err)
	}
	return s.MarkUsed(ctx, known)
}

// MarkUsed takes the mark off that nothing uses the revision, if it bears it.
func (s *Store) MarkUsed(ctx context.Context, revision *appsv1.ControllerRevision) error {
	if _, marked := revision.Annotations[v1alpha1.AnnotationUnusedSince]; !marked {
		return nil
	}
	return s.patchMark(ctx, revision, func(annotations map[string]string) { delete(annotations, v1alpha1.AnnotationUnusedSince) })
}

// MarkUnused marks the revision as one that nothing uses since a time.
func (s *Store) MarkUnused(ctx context.Context, revision *appsv1.ControllerRevision, since time.Time) error {
	return s.patchMark(ctx, revision, func(annotations map[string]string) {
		annotations[v1alpha1.AnnotationUnusedSince] = since.UTC().Format(time.RFC3339)
	})
}

// patchMark changes the annotations of the very revision that was read.
func (s *Store) patchMark(ctx context.Context, revision *appsv1.ControllerRevision, change func(map[string]string)) error {
	changed := revision.DeepCopy()
	if changed.Annotations == nil {
		changed.Annotations = map[string]string{}
	}
	change(changed.Annotations)
	patch := client.MergeFromWithOptions(revision, client.MergeFromWithOptimisticLock{})
	return s.Client.Patch(ctx, changed, patch, client.FieldOwner(action.FieldOwner))
}

// Delete deletes the very revision that was read: an operator that took its mark off since is about to use it.
func (s *Store) Delete(ctx context.Context, revision *appsv1.ControllerRevision) error {
	return s.Client.Delete(ctx, revision, client.Preconditions{UID: &revision.UID, ResourceVersion: &revision.ResourceVersion})
}

// Load returns what the revision of that name pins, or nil if it is gone or does not hold what its name is a hash of. The
// definition must not be changed. The cache has revisions without what they pin.
func (s *Store) Load(ctx context.Context, namespace, name string) (*v1alpha1.PipelineDefinition, error) {
	key := client.ObjectKey{Namespace: namespace, Name: name}
	known := &appsv1.ControllerRevision{}
	err := s.Client.Get(ctx, key, known)
	if client.IgnoreNotFound(err) != nil {
		return nil, fmt.Errorf("reading ControllerRevision %q: %w", name, err)
	}
	if err == nil {
		if definition := s.recent.get(known); definition != nil {
			return definition, nil
		}
	}
	var definition *v1alpha1.PipelineDefinition
	err = s.LargeSteps.Do(ctx, func() (err error) {
		definition, err = s.loadLive(ctx, key)
		return err
	})
	return definition, err
}

// loadLive returns what a revision pins that is read from the API server. See Load.
func (s *Store) loadLive(ctx context.Context, key client.ObjectKey) (*v1alpha1.PipelineDefinition, error) {
	revision := &appsv1.ControllerRevision{}
	err := s.APIReader.Get(ctx, key, revision)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading ControllerRevision %q: %w", key.Name, err)
	}
	definition := unpackRevision(revision)
	if definition != nil {
		s.recent.add(revision, definition)
	}
	return definition, nil
}

// IsIntact reports whether a revision of the cache is there and holds what its name is a hash of.
func (s *Store) IsIntact(ctx context.Context, known *appsv1.ControllerRevision) (bool, error) {
	definition, err := s.Load(ctx, known.Namespace, known.Name)
	return definition != nil, err
}
