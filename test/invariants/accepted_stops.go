// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package invariants

import (
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/simcluster"
)

// checkAcceptedStops is I2: "An execution accepts at most one wait and at most one abandon, in that order. Its record holds at
// most two: a wait, and an abandon that escalated it, append-only." If somebody else overwrote the record, it begins anew.
func checkAcceptedStops(h *History, r *Result) {
	for _, l := range h.Lives(simcluster.Execution) {
		r.Checked++
		for _, c := range l.Versions {
			if c.mayBeOperators() {
				checkRecordGrows(r, c)
			}
		}
		h.checkAcceptedOnce(r, l)
	}
}

// checkRecordGrows checks that a write leaves the record of a stop as it was, or adds to it.
func checkRecordGrows(r *Result, c *Change) {
	execution := c.New.(*v1alpha1.PipelineExecution)
	after := AcceptedRequests(execution)
	if len(after) > 2 || len(after) == 2 && (after[0].Mode != v1alpha1.StopModeWait || after[1].Mode != v1alpha1.StopModeAbandon) {
		r.violate(c.Position, execution.UID, "execution %q accepted %v", execution.Name, after)
	}
	old, existed := c.Old.(*v1alpha1.PipelineExecution)
	if !existed || old.Status.Stop == nil {
		return
	}
	before := AcceptedRequests(old)
	if len(after) < len(before) {
		r.violate(c.Position, execution.UID, "execution %q forgot an accepted request", execution.Name)
		return
	}
	for i := range before {
		was, is := before[i], after[i]
		was.EscalatedTime, is.EscalatedTime = nil, nil
		if !equality.Semantic.DeepEqual(was, is) {
			r.violate(c.Position, execution.UID, "execution %q changed what it recorded of %q", execution.Name, was.Name)
		}
	}
	if old.Status.Stop.Mode == v1alpha1.StopModeAbandon && execution.Status.Stop.Mode != v1alpha1.StopModeAbandon {
		r.violate(c.Position, execution.UID, "execution %q went back from abandoning to waiting", execution.Name)
	}
}

// checkAcceptedOnce checks that at most one request of each mode was accepted since the record began, and that the execution
// has each in its record.
func (h *History) checkAcceptedOnce(r *Result, execution *Life) {
	accepted := map[v1alpha1.StopMode]uint64{}
	for _, l := range h.Lives(simcluster.StopRequest) {
		c := l.FindFirst(func(o client.Object) bool { return IsAccepted(o.(*v1alpha1.StopRequest)) })
		if c == nil || executionOf(c.New) != execution.UID {
			continue
		}
		sr := c.New.(*v1alpha1.StopRequest)
		if earlier := accepted[sr.Mode()]; earlier != 0 && !h.isWipedBetween(execution.UID, earlier, c.Position) {
			r.violate(c.Position, execution.UID, "StopRequest %q is the second accepted %s of its execution", sr.Name, sr.Mode())
		}
		accepted[sr.Mode()] = c.Position
		last := execution.Last().New.(*v1alpha1.PipelineExecution)
		if !isRecorded(last, sr) && !h.isWiped(execution.UID, h.end(), partStop) {
			r.violateUnlessLost(h, execution, c.Position, execution.UID, "StopRequest %q was accepted, and execution %q has no record of it", sr.Name, last.Name)
		}
	}
}

func (h *History) isWipedBetween(execution types.UID, from, to uint64) bool {
	for _, w := range h.wipes[execution] {
		if from <= w.position && w.position <= to && w.parts&partStop != 0 {
			return true
		}
	}
	return false
}
