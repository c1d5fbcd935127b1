// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package job

import (
	"context"
	"fmt"

	batchv1 "k8s.io/api/batch/v1"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/action"
	"haltline.dev/haltline/controllers/plan"
)

// getNameHolder returns the Job that holds the name of the action's Job, whoever owns it, as the API server has it. It
// returns an error if there is none: it existed a moment ago.
func (p *Provider) getNameHolder(ctx context.Context, scope action.Scope, op plan.Operation) (*batchv1.Job, error) {
	job, err := getJob(ctx, p.APIReader, scope, op)
	if err == nil && job == nil {
		err = action.Pending(fmt.Errorf("job %q existed and is gone; trying again", op.Workload.Name))
	}
	return job, err
}

// observeNameHolder returns what the Job that holds the name of an unconfirmed intent shows about its action.
func observeNameHolder(holder *batchv1.Job, scope action.Scope, op plan.Operation) plan.Observation {
	switch {
	case holder == nil:
		return plan.Observation{Phase: plan.PhaseNeverStarted}
	case !isOurs(holder, scope):
		return plan.Observation{
			Phase: plan.PhaseFailed, Reason: v1alpha1.ReasonJobNameTaken,
			Message: fmt.Sprintf("Job %q exists and is not this execution's, so it was left alone; delete or rename it, and "+
				"start another execution.", op.Workload.Name),
		}
	}
	if why := whyNotBelieved(holder, scope, op); why != "" {
		return observeDisbelief(op, why)
	}
	if isPlaceholder(holder) {
		return plan.Observation{Phase: plan.PhaseNeverStarted}
	}
	return observeJob(holder)
}
