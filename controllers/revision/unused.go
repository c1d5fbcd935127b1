// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package revision

import (
	"time"

	appsv1 "k8s.io/api/apps/v1"

	"haltline.dev/haltline/api/v1alpha1"
)

// UnusedPeriod is how long a revision that nothing uses is kept. An operator that decided to use it has so long to record that.
const UnusedPeriod = 10 * time.Minute

// Step is what is done with a revision.
type Step int

const (
	// StepKeep leaves the revision as it is.
	StepKeep Step = iota
	// StepMarkUnused records since when nothing uses it.
	StepMarkUnused
	// StepMarkUsed takes that record off.
	StepMarkUsed
	// StepDelete deletes it.
	StepDelete
)

// NextStep returns what is done with a revision, and how long from now it must be looked at again; 0 if nothing depends on the
// time. A revision is deleted only after it was marked as unused for a while, so that whoever is about to use it sees the mark
// and takes it off. One that has an owner is somebody else's, and so is one that does not hold what its name is a hash of: ask
// IsIntact before a step is taken.
func NextStep(r *appsv1.ControllerRevision, used bool, now time.Time) (Step, time.Duration) {
	if len(r.OwnerReferences) > 0 || r.DeletionTimestamp != nil {
		return StepKeep, 0
	}
	mark, marked := r.Annotations[v1alpha1.AnnotationUnusedSince]
	since, err := time.Parse(time.RFC3339, mark)
	switch {
	case used && marked:
		return StepMarkUsed, 0
	case used:
		return StepKeep, 0
	case err != nil:
		return takeAt(r.CreationTimestamp.Add(UnusedPeriod), now, StepMarkUnused)
	default:
		return takeAt(since.Add(UnusedPeriod), now, StepDelete)
	}
}

// takeAt returns a step once its time has come.
func takeAt(due, now time.Time, step Step) (Step, time.Duration) {
	if left := due.Sub(now); left > 0 {
		return StepKeep, left
	}
	return step, 0
}
