// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package explorer

import (
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"

	"haltline.dev/haltline/api/v1alpha1"
)

// parts of the status of an execution that others can take away. What an invariant says holds as long as the parts are there
// that it depends on.
type parts int

const (
	theState parts = 1 << iota
	theStop
	theStages
	theRevision
)

// wiping is a change by which another took parts of the status of an execution away, or put others in their place.
type wiping struct {
	at   int
	lost parts
	// unstopped says that nothing shows a stop after it.
	unstopped bool
}

func lostParts(old, next *v1alpha1.PipelineExecutionStatus) (lost parts) {
	if next.State != old.State {
		lost |= theState
	}
	if !equality.Semantic.DeepEqual(next.Stop, old.Stop) {
		lost |= theStop
	}
	if !equality.Semantic.DeepEqual(next.Stages, old.Stages) {
		lost |= theStages
	}
	if next.PipelineRevision != old.PipelineRevision {
		lost |= theRevision
	}
	return lost
}

// showsStop reports whether the status of an execution says that nothing more starts: "a state that shows a stop counts even
// where the record of the stop was lost".
func showsStop(e *v1alpha1.PipelineExecution) bool {
	return e.Status.Stop != nil || e.Status.State == v1alpha1.ExecutionStopping || e.Status.State.IsFinal()
}

// lost reports whether one of some parts of an execution's status was taken away up to a change.
func (r *record) lost(uid types.UID, at int, what parts) bool {
	return slices.ContainsFunc(r.wipes[uid], func(w wiping) bool { return w.at <= at && w.lost&what != 0 })
}

// wipedAt reports whether a change took some part of an execution's status away.
func (r *record) wipedAt(uid types.UID, at int) (wiping, bool) {
	i := slices.IndexFunc(r.wipes[uid], func(w wiping) bool { return w.at == at })
	if i < 0 {
		return wiping{}, false
	}
	return r.wipes[uid][i], true
}
