// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package invariants

import (
	batchv1 "k8s.io/api/batch/v1"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/simcluster"
)

// checkClaims is I7 for claims: no Job that can run is created that mounts a workspace whose claim is not there.
func checkClaims(h *History, r *Result) {
	for i := range h.Changes {
		c := &h.Changes[i]
		if c.Kind != simcluster.Job || !c.isCreation() || c.Writer != WriterOperator {
			continue
		}
		name := claimOf(c.New.(*batchv1.Job))
		if name == "" || c.New.GetLabels()[v1alpha1.LabelPlaceholder] != "" {
			continue
		}
		r.Checked++
		if !h.hasClaim(name, c.Position) {
			r.violate(c.Position, ExecutionOf(c.New), "Job %q was created, and its claim %q never was", c.Key.Name, name)
		}
	}
}

// claimOf returns the name of the claim of a workspace that a Job mounts, or nothing.
func claimOf(job *batchv1.Job) string {
	for _, v := range job.Spec.Template.Spec.Volumes {
		if v.Name == v1alpha1.WorkspaceVolume && v.PersistentVolumeClaim != nil {
			return v.PersistentVolumeClaim.ClaimName
		}
	}
	return ""
}

// hasClaim reports whether a claim of that name was created before a position. It may be gone since its last live read.
func (h *History) hasClaim(name string, position uint64) bool {
	for _, l := range h.Lives(simcluster.Claim) {
		if l.Key.Name == name && l.First().Position < position {
			return true
		}
	}
	return false
}
