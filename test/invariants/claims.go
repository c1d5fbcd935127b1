// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package invariants

import (
	batchv1 "k8s.io/api/batch/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/simcluster"
)

// WorkspaceChecks are those of executions with a workspace. They are no part of Checks, because test/chaos demands that each of those
// looked at something, and its executions have no workspace.
var WorkspaceChecks = []Check{
	{Name: "I4 a claim has the name that its execution recorded", AtAnyTime: true, run: checkClaimNames},
	{Name: "I7 no Job mounts a claim that never was", AtAnyTime: true, run: checkMountedClaims},
}

// checkClaimNames is I4 for claims: an execution records the name before it creates the claim, so that it creates one only.
func checkClaimNames(h *History, r *Result) {
	for i := range h.Changes {
		c := &h.Changes[i]
		if c.Kind != simcluster.Claim || !c.isCreation() || c.Writer != WriterOperator {
			continue
		}
		r.Checked++
		execution := h.Execution(ExecutionOf(c.New))
		recorded := func(o client.Object) bool {
			w := o.(*v1alpha1.PipelineExecution).Status.Workspace
			return w != nil && w.ClaimName == c.Key.Name
		}
		if execution == nil || !execution.IsBefore(c.Position, recorded) {
			r.violate(c.Position, ExecutionOf(c.New), "claim %q was created under a name that its execution had not recorded", c.Key.Name)
		}
	}
}

// checkMountedClaims is I7 for claims: no Job that can run is created that mounts a workspace whose claim never was there.
func checkMountedClaims(h *History, r *Result) {
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
