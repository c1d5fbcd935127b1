// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/action"
)

// bindPipeline marks the execution, and pins the definition of the Pipeline that it waited for, unless a stop came first. What
// the API server answers that keeps it from either is kept in the facts, to be shown.
func (r *PipelineExecutionReconciler) bindPipeline(ctx context.Context, execution *v1alpha1.PipelineExecution, f *facts) error {
	err := r.ensureMark(ctx, execution, f.canBind())
	switch {
	case err != nil || !f.canBind():
	case execution.Spec.RetryOf != nil:
		err = r.bindRetry(ctx, execution, f)
	default:
		f.in.Revision, err = r.Revisions.Ensure(ctx, f.pipeline)
	}
	switch {
	case err != nil && f.canBind() && action.ShouldShow(err, action.IsLate(&execution.CreationTimestamp, f.in.Now)):
		f.pinErr, f.in.PinBlocked = err, fmt.Sprintf("Trying again: %v", err)
	case err != nil:
		return err
	case f.in.Revision != "" && execution.Spec.RetryOf == nil:
		f.in.Definition, f.in.Pipeline = f.pipeline.Spec.Definition(), f.pipeline
	}
	return nil
}

// canBind reports whether a Pipeline is there to be bound, and nobody asked to stop the execution before.
func (f *facts) canBind() bool {
	return f.pipeline != nil && len(f.in.Requests) == 0
}
