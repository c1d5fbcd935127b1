// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package job

import (
	"context"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/action"
	"haltline.dev/haltline/controllers/plan"
)

// Start creates the Job of an unconfirmed intent.
func (p *Provider) Start(ctx context.Context, scope action.Scope, op plan.Operation) (plan.Observation, error) {
	if op.Definition.Name == "" {
		return plan.Observation{Phase: plan.PhaseFailed, Reason: v1alpha1.ReasonRevisionLost, Message: "What the action runs is not known any more."}, nil
	}
	job, err := buildJob(scope, op)
	var invalidImage *imageError
	switch {
	case errors.As(err, &invalidImage):
		return plan.Observation{Phase: plan.PhaseFailed, Reason: v1alpha1.ReasonInvalidImage, Message: err.Error()}, nil
	case err != nil:
		return plan.Observation{Phase: plan.PhaseFailed, Reason: v1alpha1.ReasonInvalidJobTemplate, Message: err.Error()}, nil
	}
	err = p.Client.Create(ctx, job, client.FieldOwner(action.FieldOwner))
	switch {
	case err == nil:
		p.written.Note(job.UID, job.Generation, scope.Now.Time)
		return plan.Observation{Phase: plan.PhaseRunning, UID: string(job.UID)}, nil
	case apierrors.IsAlreadyExists(err):
		return p.observeStarted(ctx, scope, op)
	case action.IsInvalidTemplate(err):
		return plan.Observation{
			Phase: plan.PhaseFailed, Reason: v1alpha1.ReasonJobRefused,
			Message: fmt.Sprintf("The API server refused the Job; change the action's job in the Pipeline: %v", err),
		}, nil
	default:
		return observeRefusal("create", scope, op, err)
	}
}

// observeStarted looks at the Job whose name was taken when the action's Job was created. A placeholder of ours is there only after
// a stop was recorded: then the status that asked for the start is out of date, and what is derived from it is never written.
func (p *Provider) observeStarted(ctx context.Context, scope action.Scope, op plan.Operation) (plan.Observation, error) {
	job, err := p.getNameHolder(ctx, scope, op)
	if err != nil {
		return plan.Observation{}, err
	}
	if o := observeNameHolder(job, scope, op); o.Phase != plan.PhaseNeverStarted {
		return p.addOutputs(ctx, scope, op, o)
	}
	return observeDisbelief(op, "it is marked as a placeholder, and no stop is recorded"), nil
}
