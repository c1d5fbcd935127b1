// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

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
