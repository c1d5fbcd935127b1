// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

// conflictRetryDelay is when an object that was out of date is looked at again, in case its own event does not come first.
const conflictRetryDelay = 200 * time.Millisecond

// ignoreConflict returns an error to be tried again with backoff, except a conflict: the cache was behind, as it may be,
// and its next event brings the object back. That is nothing to report.
func ignoreConflict(ctx context.Context, err error) (ctrl.Result, error) {
	if !apierrors.IsConflict(err) {
		return ctrl.Result{}, err
	}
	log.FromContext(ctx).V(1).Info("the object was out of date", "error", err.Error())
	return ctrl.Result{RequeueAfter: conflictRetryDelay}, nil
}
