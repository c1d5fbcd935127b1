// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package job

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"haltline.dev/haltline/controllers/plan"
)

// observeRefusal explains what keeps the API server from creating a Job. A refusal that people can lift, such as a quota,
// is shown; anything else is only tried again.
func observeRefusal(what string, op plan.Operation, err error) (plan.Observation, error) {
	err = fmt.Errorf("could not %s Job %q: %w", what, op.Workload.Name, err)
	if !isRefused(err) {
		return plan.Observation{}, err
	}
	return plan.Observation{Phase: plan.PhaseBlocked, Message: fmt.Sprintf("Trying again: %v", err)}, err
}

// isRefused reports whether the API server refused a write for a cause that people can lift, such as a quota or a policy.
func isRefused(err error) bool {
	return apierrors.IsForbidden(err) || apierrors.IsInvalid(err)
}

func isNamespaceTerminating(err error) bool {
	return apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause)
}
