// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package invariants

import (
	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/simcluster"
)

// checkRevisions is I10: nothing is deleted but "a revision that nothing uses". An execution uses the one that its status names.
func checkRevisions(h *History, r *Result) {
	for _, l := range h.Lives(simcluster.Revision) {
		r.Checked++
		if l.Removal == nil || !l.Removal.mayBeOperators() {
			continue
		}
		for _, user := range h.Lives(simcluster.Execution) {
			execution, there := user.ObjectAt(l.Removal.Position).(*v1alpha1.PipelineExecution)
			if there && execution.Namespace == l.Key.Namespace && execution.Status.PipelineRevision == l.Key.Name {
				r.violate(l.Removal.Position, execution.UID, "ControllerRevision %q is deleted, and execution %q uses it", l.Key.Name, execution.Name)
			}
		}
	}
}
