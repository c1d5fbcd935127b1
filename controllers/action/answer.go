// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package action

import (
	"errors"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// showAfter is how long something may take before a status shows an error that may pass by itself.
const showAfter = 5 * time.Second

// ShouldShow reports whether a status should show an error: at once if people have to lift it, such as a quota or a policy, and
// once it is late if the API server answered otherwise, such as for a webhook that is down.
func ShouldShow(err error, late bool) bool {
	return IsRefused(err) || late && IsAnswer(err)
}

// IsLate reports whether what was due at a time has taken so long that a status should show why; false if the time is not known.
func IsLate(due *metav1.Time, now metav1.Time) bool {
	return due != nil && now.Sub(due.Time) >= showAfter
}

// IsRefused reports whether the API server refused a write for a cause that people can lift, such as a quota or a policy. A
// webhook that denies without a code answers BadRequest.
func IsRefused(err error) bool {
	return apierrors.IsForbidden(err) || apierrors.IsInvalid(err) || apierrors.IsBadRequest(err)
}

// IsAnswer reports whether the API server answered with an error, other than that the object was out of date.
func IsAnswer(err error) bool {
	var status apierrors.APIStatus
	return errors.As(err, &status) && !apierrors.IsConflict(err)
}
