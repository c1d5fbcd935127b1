// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package job

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/controllers/action"
)

// trialName is that of every Job that is tried. A name that is drawn would be in the words of the API server, and so in the
// status of a Pipeline, which would never settle.
const trialName = "haltline-trial"

// TryStart asks the API server whether it would create the Job of an action, and creates nothing.
func (p *Provider) TryStart(ctx context.Context, trial action.Trial) (action.Refusal, error) {
	env := buildEnvironment(trial.PipelineName, "", trial.Key, nil)
	labels, annotations := buildMarks(trial.PipelineName, "", trial.Key)
	job, err := assembleJob(metav1.ObjectMeta{
		Namespace: trial.Namespace, Name: trialName, Labels: labels, Annotations: annotations,
	}, env, trial.Definition, trial.Values, trial.Workspace)
	if err != nil {
		return action.Refusal{Message: err.Error()}, nil
	}
	err = p.Client.Create(ctx, job, client.DryRunAll, client.FieldOwner(action.FieldOwner))
	switch {
	case action.IsInvalidTemplate(err):
		return action.Refusal{Message: "job: " + err.Error()}, nil
	case apierrors.IsInvalid(err), apierrors.IsBadRequest(err):
		return action.Refusal{Message: "job: " + err.Error(), CanPass: true}, nil
	case err == nil, apierrors.IsForbidden(err), apierrors.IsAlreadyExists(err):
		// A quota or a policy may answer otherwise when the action runs.
		return action.Refusal{}, nil
	}
	return action.Refusal{}, action.PendingIfAnswer(fmt.Errorf("trying Job of action %q: %w", trial.Key.Action, err))
}
