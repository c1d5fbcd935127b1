// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// writeGeneration makes the status of an object that is finished catch up with its generation, unless the object is being deleted: that
// moves the generation as well. The generation and the conditions are those of the object.
func writeGeneration(
	ctx context.Context, c client.Client, o client.Object, observed *int64, conditions []metav1.Condition,
) (ctrl.Result, error) {
	if o.GetDeletionTimestamp() != nil || !observeGeneration(observed, conditions, o.GetGeneration()) {
		return ctrl.Result{}, nil
	}
	return ignoreConflict(ctx, writeStatus(ctx, c, o))
}

// observeGeneration makes the status of an object that is finished catch up with its generation, and reports whether it was
// behind. The generation moves also if nothing changes that matters, such as when a default is written out. Whoever follows
// kstatus, such as Flux, waits for it.
func observeGeneration(observed *int64, conditions []metav1.Condition, generation int64) bool {
	if *observed == generation {
		return false
	}
	*observed = generation
	for i := range conditions {
		conditions[i].ObservedGeneration = generation
	}
	return true
}
