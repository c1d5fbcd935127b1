// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/action"
	"haltline.dev/haltline/controllers/plan"
	"haltline.dev/haltline/controllers/retry"
	"haltline.dev/haltline/internal/jsonpatch"
)

// bindRetry pins for a retry what the execution that it retries has pinned, once that one names it, or sets why it is refused. What it decides
// on is read from the API server: the cache has little of what has finished, and it may lag behind another retry.
func (r *PipelineExecutionReconciler) bindRetry(ctx context.Context, execution *v1alpha1.PipelineExecution, f *facts) error {
	in := retry.Input{Execution: execution, Pipeline: f.pipeline}
	var err error
	if in.Original, err = r.liveExecutionByID(ctx, execution.Namespace, execution.Spec.RetryOf.PipelineExecutionID); err != nil {
		return err
	}
	if in.Rival, err = r.findRival(ctx, execution, in.Original); err != nil {
		return err
	}
	refusal := retry.Check(in)
	if refusal == nil {
		if f.in.Definition, err = r.Revisions.Reuse(ctx, execution.Namespace, in.Original.Status.PipelineRevision); err != nil {
			return err
		}
		if f.in.Definition == nil {
			refusal = retry.RefuseLostRevision(in.Original)
		}
	}
	if refusal != nil {
		f.in.Refused = &plan.Problem{Reason: refusal.Reason, Message: refusal.Message}
		return nil
	}
	if err := r.claimOriginal(ctx, execution, in.Original); err != nil {
		return err
	}
	f.in.Original, f.in.Pipeline, f.in.Revision = in.Original, f.pipeline, in.Original.Status.PipelineRevision
	return nil
}

// liveExecutionByID returns the execution of an id as the API server has it, or nil. It must not be changed.
func (r *PipelineExecutionReconciler) liveExecutionByID(ctx context.Context, namespace, id string) (*v1alpha1.PipelineExecution, error) {
	return r.unknown.lookUp(ctx, namespace, id, func(*v1alpha1.PipelineExecution) bool { return true })
}

// findRival returns the other execution that an original one names as its retry, from the API server; nil if there is none, or if it is gone.
func (r *PipelineExecutionReconciler) findRival(ctx context.Context, execution, original *v1alpha1.PipelineExecution) (*v1alpha1.PipelineExecution, error) {
	if original == nil || original.Status.RetriedBy == nil || retry.IsClaimedBy(original, execution) {
		return nil, nil
	}
	return r.liveExecutionByID(ctx, execution.Namespace, original.Status.RetriedBy.PipelineExecutionID)
}

// claimOriginal has the original execution name its retry, before that takes anything over. Of two retries one comes first, since the write is
// guarded by the version of the status. Nothing else of the final status is written, so that it stays even if somebody else writes it meanwhile.
func (r *PipelineExecutionReconciler) claimOriginal(ctx context.Context, execution, original *v1alpha1.PipelineExecution) error {
	if retry.IsClaimedBy(original, execution) {
		return nil
	}
	// The cache may show a retry that has ended meanwhile. Named here and deleted then, it would keep the original one from being retried for good.
	switch current, err := r.isCurrent(ctx, execution); {
	case err != nil:
		return err
	case !current:
		return action.Pending(fmt.Errorf("retry %q has changed since it was read", execution.Name))
	}
	claimed := original.DeepCopy()
	// The state as well: somebody else who overwrites it leaves the version as it was, and what has not ended is not retried.
	patch := jsonpatch.New(claimed).Test("/status/version", claimed.Status.Version).Test("/status/state", claimed.Status.State)
	patch.Set("/status/version", claimed.Status.Version+1)
	patch.Set("/status/retriedBy", retry.NewClaim(execution))
	err := jsonpatch.AsConflict(claimed, r.Client.Status().Patch(ctx, claimed, patch, client.FieldOwner(action.FieldOwner)))
	if err != nil {
		return pendingIfGone(fmt.Errorf("naming the retry in execution %q: %w", original.Name, err))
	}
	return nil
}
