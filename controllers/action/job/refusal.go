// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package job

import (
	"errors"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"haltline.dev/haltline/controllers/action"
	"haltline.dev/haltline/controllers/plan"
)

// observeRefusal shows what keeps the API server from creating a Job that was due at the start of the action: a quota or a policy
// at once, another answer some seconds later. Anything else is only tried again.
func observeRefusal(what string, scope action.Scope, op plan.Operation, err error) (plan.Observation, error) {
	err = fmt.Errorf("could not %s Job %q: %w", what, op.Workload.Name, err)
	if !action.ShouldShow(err, action.IsLate(op.StartTime, scope.Now)) {
		return plan.Observation{}, action.PendingIfAnswer(err)
	}
	return plan.Observation{Phase: plan.PhaseBlocked, Message: fmt.Sprintf("Trying again: %v", err)}, action.Pending(err)
}

// isInvalidTemplate reports whether the API server refused a Job for a cause that only a change of its template can lift.
// A policy that denies has no field in its causes.
func isInvalidTemplate(err error) bool {
	if apierrors.IsRequestEntityTooLargeError(err) {
		return true
	}
	var status apierrors.APIStatus
	if !apierrors.IsInvalid(err) || !errors.As(err, &status) || status.Status().Details == nil {
		return false
	}
	return slices.ContainsFunc(status.Status().Details.Causes, func(c metav1.StatusCause) bool { return c.Field != "" })
}

func isNamespaceTerminating(err error) bool {
	return apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause)
}
