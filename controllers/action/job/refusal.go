// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package job

import (
	"errors"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"haltline.dev/haltline/controllers/action"
	"haltline.dev/haltline/controllers/plan"
)

// showAfter is how long an action may take to start before its status shows an error that may pass by itself.
const showAfter = 5 * time.Second

// observeRefusal shows what keeps the API server from creating a Job. A refusal by a quota or a policy is shown at once,
// another answer if it is late; anything else is only tried again.
func observeRefusal(what string, op plan.Operation, late bool, err error) (plan.Observation, error) {
	err = fmt.Errorf("could not %s Job %q: %w", what, op.Workload.Name, err)
	if !isRefused(err) && !(late && isAnswer(err)) {
		return plan.Observation{}, err
	}
	return plan.Observation{Phase: plan.PhaseBlocked, Message: fmt.Sprintf("Trying again: %v", err)}, err
}

// isStartLate reports whether an action should have started some time ago.
func isStartLate(scope action.Scope, op plan.Operation) bool {
	return op.StartTime != nil && scope.Now.Sub(op.StartTime.Time) >= showAfter
}

// isRefused reports whether the API server refused a write for a cause that people can lift, such as a quota or a policy. A
// webhook that denies without a code answers BadRequest.
func isRefused(err error) bool {
	return apierrors.IsForbidden(err) || apierrors.IsInvalid(err) || apierrors.IsBadRequest(err)
}

// isAnswer reports whether the API server answered with an error, such as that of a webhook that is down.
func isAnswer(err error) bool {
	var status apierrors.APIStatus
	return errors.As(err, &status) && !apierrors.IsConflict(err)
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
