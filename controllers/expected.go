// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"haltline.dev/haltline/controllers/action"
)

// conflictRetryDelay is when an object that was out of date is looked at again, in case its own event does not come first.
const conflictRetryDelay = 200 * time.Millisecond

// ignoreConflict returns an error to be tried again with backoff, except a conflict: the cache was behind, as it may be,
// and its next event brings the object back. That is nothing to report.
func ignoreConflict(ctx context.Context, err error) (ctrl.Result, error) {
	return retryExpected(ctx, err, conflictRetryDelay)
}

// retryExpected returns an error to be tried again with backoff, except if every part of it is expected: a conflict, or what
// keeps an operation. That is tried again after a delay, and is nothing to report.
func retryExpected(ctx context.Context, err error, delay time.Duration) (ctrl.Result, error) {
	if err == nil || !isExpected(err) {
		return ctrl.Result{}, err
	}
	log.FromContext(ctx).V(1).Info("trying again", "error", err.Error(), "after", delay)
	return ctrl.Result{RequeueAfter: delay}, nil
}

// pendingIfGone marks the error of a write to an object that somebody deleted since it was read. That it is gone is seen when it is
// tried again.
func pendingIfGone(err error) error {
	if apierrors.IsNotFound(err) {
		return action.Pending(err)
	}
	return err
}

// isExpected reports whether an error, or each of those that were joined into it, is a conflict or pending.
func isExpected(err error) bool {
	joined, ok := err.(interface{ Unwrap() []error }) //nolint:errorlint // Of an error that wraps others all of them count.
	if !ok {
		return apierrors.IsConflict(err) || action.IsPending(err)
	}
	for _, e := range joined.Unwrap() {
		if !isExpected(e) {
			return false
		}
	}
	return true
}
