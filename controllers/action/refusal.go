// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package action

import (
	"errors"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"haltline.dev/haltline/controllers/plan"
)

// ObserveRefusal shows what keeps the API server from creating what was due at the start of an action: a quota or a policy at once,
// another answer some seconds later. Anything else is only tried again.
func ObserveRefusal(err error, due *metav1.Time, now metav1.Time) (plan.Observation, error) {
	if !ShouldShow(err, IsLate(due, now)) {
		return plan.Observation{}, PendingIfAnswer(err)
	}
	return plan.Observation{Phase: plan.PhaseBlocked, Message: fmt.Sprintf("Trying again: %v", err)}, Pending(err)
}

// IsInvalidTemplate reports whether the API server refused an object for a cause that only a change of its template can lift.
// A policy that denies has no field in its causes.
func IsInvalidTemplate(err error) bool {
	if apierrors.IsRequestEntityTooLargeError(err) {
		return true
	}
	var status apierrors.APIStatus
	if !apierrors.IsInvalid(err) || !errors.As(err, &status) || status.Status().Details == nil {
		return false
	}
	return slices.ContainsFunc(status.Status().Details.Causes, func(c metav1.StatusCause) bool { return c.Field != "" })
}
