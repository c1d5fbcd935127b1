// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package job

import (
	"context"

	"haltline.dev/haltline/controllers/action"
	"haltline.dev/haltline/controllers/plan"
)

// Terminate ends the Job of an abandoned action, and observes whether nothing of it runs any more.
func (p *Provider) Terminate(ctx context.Context, scope action.Scope, op plan.Operation) (plan.Observation, error) {
	job, err := p.findJob(ctx, scope, op)
	if err != nil {
		return plan.Observation{}, err
	}
	if job == nil {
		return p.handleLostJob(ctx, scope, op, plan.Observation{Phase: plan.PhaseEnded, UID: op.Workload.UID})
	}
	return p.endJob(ctx, scope, op, job)
}
