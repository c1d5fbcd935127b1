// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package job

import (
	"context"
	"fmt"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/action"
	"haltline.dev/haltline/controllers/plan"
)

// Observe looks how far the Job of a started action is.
func (p *Provider) Observe(ctx context.Context, scope action.Scope, op plan.Operation) (plan.Observation, error) {
	job, err := p.findJob(ctx, scope, op)
	if err != nil {
		return plan.Observation{}, err
	}
	lost := plan.Observation{
		Phase: plan.PhaseFailed, UID: op.Workload.UID, Reason: v1alpha1.ReasonWorkloadLost,
		Message: fmt.Sprintf("Job %q was deleted by somebody else before it finished; it is not run again.", op.Workload.Name),
	}
	if job == nil {
		return p.handleLostJob(ctx, scope, op, lost)
	}
	if shouldKeepFromStarting(job, scope, op) {
		return p.keepFromStarting(ctx, scope, job)
	}
	o := observeJob(job)
	if job.DeletionTimestamp != nil && o.Phase != plan.PhaseRunning {
		if o, err = p.observeDeletedAfterItsEnd(ctx, scope, op, job, o); err != nil {
			return o, err
		}
		return p.addOutputs(ctx, scope, op, o)
	}
	if o.Phase == plan.PhaseSucceeded {
		return p.addOutputs(ctx, scope, op, o)
	}
	if o.Reason == v1alpha1.ReasonJobFinalizer {
		return p.observeDeleting(ctx, scope, op, job, lost)
	}
	return p.explainJob(ctx, scope, op, job, o)
}
