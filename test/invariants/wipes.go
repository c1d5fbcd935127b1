// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package invariants

import (
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"

	"haltline.dev/haltline/api/v1alpha1"
)

// statusParts are parts of the status of an execution that somebody else can overwrite. "If somebody overwrites a status,
// which only the operator may do, an invariant holds as far as what was overwritten can be known."
type statusParts int

const (
	partState statusParts = 1 << iota
	partStop
	partStages
	partRevision
)

// wipe is a change by which somebody else overwrote parts of the status of an execution.
type wipe struct {
	position uint64
	parts    statusParts
	// hidesStop is true if nothing shows a stop after it.
	hidesStop bool
}

func (h *History) indexWipe(c *Change, execution *v1alpha1.PipelineExecution) {
	old, existed := c.Old.(*v1alpha1.PipelineExecution)
	if !existed || c.Writer != WriterOther {
		return
	}
	if parts := changedParts(&old.Status, &execution.Status); parts != 0 {
		h.wipes[execution.UID] = append(h.wipes[execution.UID], wipe{c.Position, parts, !ShowsStop(execution)})
	}
}

func changedParts(old, next *v1alpha1.PipelineExecutionStatus) (parts statusParts) {
	if next.State != old.State {
		parts |= partState
	}
	if !equality.Semantic.DeepEqual(next.Stop, old.Stop) {
		parts |= partStop
	}
	if !equality.Semantic.DeepEqual(next.Stages, old.Stages) {
		parts |= partStages
	}
	if next.PipelineRevision != old.PipelineRevision {
		parts |= partRevision
	}
	return parts
}

// ShowsStop reports whether the status of an execution shows that nothing more starts.
func ShowsStop(execution *v1alpha1.PipelineExecution) bool {
	return execution.Status.Stop != nil || isPublished(execution)
}

// isWiped reports whether one of some parts of the status of an execution was overwritten up to a position.
func (h *History) isWiped(execution types.UID, position uint64, parts statusParts) bool {
	return slices.ContainsFunc(h.wipes[execution], func(w wipe) bool { return w.position <= position && w.parts&parts != 0 })
}

// wipeAt returns the wipe that a change is, or false.
func (h *History) wipeAt(execution types.UID, position uint64) (wipe, bool) {
	i := slices.IndexFunc(h.wipes[execution], func(w wipe) bool { return w.position == position })
	if i < 0 {
		return wipe{}, false
	}
	return h.wipes[execution][i], true
}
