// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package workspace

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/action"
)

// trialName is that of every claim that is tried.
const trialName = "haltline-trial"

// TryCreate asks the API server whether it would create the claim of a Pipeline, and creates nothing. The error is one that can pass. A
// workspace with the name of a claim is not looked at: the claim may be created later.
func (c *Claims) TryCreate(ctx context.Context, pipeline *v1alpha1.Pipeline) (action.Refusal, error) {
	workspace := pipeline.Spec.Workspace
	if workspace == nil || workspace.VolumeClaimTemplate == nil {
		return action.Refusal{}, nil
	}
	claim, err := newClaim(metav1.ObjectMeta{Namespace: pipeline.Namespace, Name: trialName}, workspace.VolumeClaimTemplate)
	if err != nil {
		return action.Refusal{Message: err.Error()}, nil
	}
	err = c.Client.Create(ctx, claim, client.DryRunAll, client.FieldOwner(action.FieldOwner))
	switch {
	case apierrors.IsInvalid(err), apierrors.IsBadRequest(err):
		return action.Refusal{Message: err.Error(), CanPass: !action.IsInvalidTemplate(err)}, nil
	case err == nil, apierrors.IsForbidden(err), apierrors.IsAlreadyExists(err):
		// A quota or a policy may answer otherwise when an execution runs.
		return action.Refusal{}, nil
	}
	return action.Refusal{}, action.PendingIfAnswer(fmt.Errorf("trying the PersistentVolumeClaim: %w", err))
}
