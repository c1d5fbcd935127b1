// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package invariants

import (
	"slices"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/simcluster"
)

// shortensGrace reports whether a change does nothing but shorten the grace period of a pod that somebody else has deleted, to what
// the abandon in force asks for. A grace period of 0 would remove the pod while its containers may run.
func (h *History) shortensGrace(c *Change) bool {
	if c.Old == nil || c.New == nil || c.Old.GetDeletionTimestamp() == nil {
		return false
	}
	was, is := c.Old.GetDeletionGracePeriodSeconds(), c.New.GetDeletionGracePeriodSeconds()
	return was != nil && is != nil && *is < *was && h.mayShortenTo(c, *is)
}

// mayShortenTo reports whether the execution that a pod was created for has had an abandon that asks for a grace period, of at least a second.
func (h *History) mayShortenTo(c *Change, seconds int64) bool {
	pod := h.findLife(simcluster.Pod, c.Old.GetUID())
	if pod == nil {
		return false
	}
	job := h.findLife(simcluster.Job, jobOf(pod.First().New))
	if job == nil {
		return false
	}
	execution := h.Execution(ExecutionOf(job.First().New))
	return execution != nil && slices.ContainsFunc(execution.Versions, func(v *Change) bool {
		return v.Position <= c.Position && askedGrace(v.New.(*v1alpha1.PipelineExecution)) == seconds
	})
}

// askedGrace returns the grace period that the abandon in force asks for, and at least a second; 0 if it asks for none.
func askedGrace(execution *v1alpha1.PipelineExecution) int64 {
	accepted := AcceptedRequests(execution)
	if len(accepted) == 0 || execution.Status.Stop.Mode != v1alpha1.StopModeAbandon || accepted[len(accepted)-1].GracePeriodSeconds == nil {
		return 0
	}
	return max(*accepted[len(accepted)-1].GracePeriodSeconds, 1)
}
