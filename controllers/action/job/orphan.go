// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package job

import (
	"context"
	"fmt"

	batchv1 "k8s.io/api/batch/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/action"
	"haltline.dev/haltline/controllers/plan"
)

// Orphan lets the Job of an abandoned action go on outside the execution: it takes our controller reference off and marks
// the Job, so that a person can find it.
func (p *Provider) Orphan(ctx context.Context, scope action.Scope, op plan.Operation) (plan.Observation, error) {
	released := plan.Observation{
		Phase: plan.PhaseEnded, UID: op.Workload.UID,
		Message: fmt.Sprintf("Job %q was left to go on, outside the execution; its label is %s.", op.Workload.Name, v1alpha1.LabelOrphaned),
	}
	// If somebody else deleted it, there is nothing to leave.
	nothing := plan.Observation{Phase: plan.PhaseEnded, UID: op.Workload.UID}
	job, err := p.findJob(ctx, scope, op)
	if err != nil {
		return plan.Observation{}, err
	}
	if job == nil {
		return p.handleLostJob(ctx, scope, op, nothing)
	}
	if !isOurs(job, scope) {
		return released, nil
	}
	err = p.releaseJob(ctx, scope, op, job)
	switch {
	case apierrors.IsNotFound(err):
		return p.handleLostJob(ctx, scope, op, nothing)
	case err != nil:
		return observeReleaseRefused(op, fmt.Errorf("releasing Job %q: %w", job.Name, err))
	}
	return released, nil
}

// releaseJob takes our controller reference off the very Job that was read, marks it, and gives it the TTL that its definition asks
// for. What somebody else changes meanwhile stays.
func (p *Provider) releaseJob(ctx context.Context, scope action.Scope, op plan.Operation, job *batchv1.Job) error {
	patch, reference := patchOfOurs(scope, job)
	patch.Remove(reference)
	setLabel(patch, job, v1alpha1.LabelOrphaned)
	if ttl := op.Definition.OrphanTTLSecondsAfterFinished; ttl != nil {
		patch.Set("/spec/ttlSecondsAfterFinished", *ttl)
	}
	return p.patchJob(ctx, scope, job, patch)
}

// observeReleaseRefused shows that the API server refuses to let a Job go. No answer, or one that the Job was out of date, is only
// tried again.
func observeReleaseRefused(op plan.Operation, err error) (plan.Observation, error) {
	if !action.IsAnswer(err) {
		return plan.Observation{}, err
	}
	return plan.Observation{
		Phase: plan.PhaseRunning, UID: op.Workload.UID, Message: fmt.Sprintf("Trying again: %v", err),
	}, action.Pending(err)
}
