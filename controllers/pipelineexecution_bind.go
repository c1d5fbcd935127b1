// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/action"
)

// bindPipeline makes the execution a dependent of the Pipeline that it waited for, and pins its definition, unless a stop
// came first. What the API server refuses for a cause that people can lift is kept in the facts.
func (r *PipelineExecutionReconciler) bindPipeline(ctx context.Context, execution *v1alpha1.PipelineExecution, f *facts) error {
	if f.pipeline == nil {
		return nil
	}
	stopped := len(f.in.Requests) > 0
	err := r.ensureOwnerReference(ctx, f.pipeline, execution)
	if err == nil && !stopped {
		f.in.Revision, err = r.Revisions.Ensure(ctx, f.pipeline)
	}
	switch {
	case err == nil:
		f.in.Definition = f.pipeline.Spec.Definition()
		return nil
	case stopped && !apierrors.IsConflict(err):
		// A stop does not depend on who owns the execution.
		return nil
	case apierrors.IsForbidden(err) || apierrors.IsInvalid(err):
		f.pinErr, f.in.PinBlocked = err, fmt.Sprintf("Trying again: %v", err)
		return nil
	default:
		return err
	}
}

// ensureOwnerReference makes the Pipeline an owner of the execution, so that deleting the one deletes the other.
func (r *PipelineExecutionReconciler) ensureOwnerReference(
	ctx context.Context, pipeline *v1alpha1.Pipeline, execution *v1alpha1.PipelineExecution,
) error {
	before := execution.DeepCopy()
	if err := controllerutil.SetOwnerReference(pipeline, execution, r.Client.Scheme(), controllerutil.WithBlockOwnerDeletion(true)); err != nil {
		return fmt.Errorf("owning the execution: %w", err)
	}
	sameUID := func(a, b metav1.OwnerReference) bool { return a.UID == b.UID }
	if slices.EqualFunc(before.OwnerReferences, execution.OwnerReferences, sameUID) {
		execution.OwnerReferences = before.OwnerReferences
		return nil
	}
	patch := client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
	if err := r.Client.Patch(ctx, execution, patch, client.FieldOwner(action.FieldOwner)); err != nil {
		return fmt.Errorf("owning the execution: %w", err)
	}
	return nil
}
