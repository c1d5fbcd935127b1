// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package job

import (
	"context"
	"fmt"

	batchv1 "k8s.io/api/batch/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"haltline.dev/haltline/controllers/action"
	"haltline.dev/haltline/controllers/plan"
)

// Fence keeps the Job of an unconfirmed intent from ever being created, or observes that it was. It is done when nothing
// runs either of a Job of that name that was deleted before its uid was recorded.
func (p *Provider) Fence(ctx context.Context, scope action.Scope, op plan.Operation) (plan.Observation, error) {
	o, err := p.fence(ctx, scope, op)
	return p.explainFence(ctx, scope, op, o, err)
}

// fence takes the name of the action's Job. If the name is taken, the Job really started, and is in progress like any other.
func (p *Provider) fence(ctx context.Context, scope action.Scope, op plan.Operation) (plan.Observation, error) {
	holder, err := p.reserveName(ctx, scope, op)
	if err != nil {
		return observeRefusal("reserve by a placeholder the name of", scope, op, err)
	}
	o := observeNameHolder(holder, scope, op)
	if o.Phase != plan.PhaseNeverStarted {
		return p.addOutputs(ctx, scope, op, o)
	}
	pods, err := p.remainingPods(ctx, scope, op)
	if err != nil {
		return plan.Observation{}, err
	}
	if len(pods) > 0 {
		err := fmt.Errorf("job %q was deleted by somebody else; its pods have to end: %s", op.Workload.Name, joinPodNames(pods))
		return plan.Observation{Phase: plan.PhaseBlocked, Message: fmt.Sprintf("Trying again: %v.", err)}, action.Pending(err)
	}
	return o, nil
}

// reserveName makes sure that the name of the action's Job is taken, and returns the Job that holds it: a placeholder, the
// action's Job if it really started, or somebody else's. It returns nil if the namespace is being deleted: nobody can
// create anything there any more.
func (p *Provider) reserveName(ctx context.Context, scope action.Scope, op plan.Operation) (*batchv1.Job, error) {
	placeholder, err := p.createPlaceholder(ctx, scope, op)
	switch {
	case err == nil:
		return placeholder, nil
	case apierrors.IsAlreadyExists(err):
		return p.getNameHolder(ctx, scope, op)
	case isNamespaceTerminating(err):
		return nil, nil
	default:
		return nil, err
	}
}
