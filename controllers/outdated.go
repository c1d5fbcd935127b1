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

// outdatedDelay is when an object that was out of date is looked at again, should its own event not come first.
const outdatedDelay = 200 * time.Millisecond

// unlessOutdated returns an error to be tried again with backoff, but for a conflict: the cache was behind, as it may be,
// and its next event brings the object back. That is nothing to report.
func unlessOutdated(ctx context.Context, err error) (ctrl.Result, error) {
	if !apierrors.IsConflict(err) {
		return ctrl.Result{}, err
	}
	log.FromContext(ctx).V(1).Info("the object was out of date", "error", err.Error())
	return ctrl.Result{RequeueAfter: outdatedDelay}, nil
}
