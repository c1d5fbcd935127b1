// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package job

import (
	"fmt"

	batchv1 "k8s.io/api/batch/v1"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/plan"
)

// observeJob returns how far a Job of ours is.
func observeJob(job *batchv1.Job) plan.Observation {
	if o, finished := observeFinished(job); finished {
		return o
	}
	running := plan.Observation{Phase: plan.PhaseRunning, UID: string(job.UID), HasRun: hasRun(job)}
	switch {
	case job.DeletionTimestamp != nil:
		return observeBeingDeleted(job)
	case isSuspended(job):
		running.Reason = v1alpha1.ReasonJobSuspended
		running.Message = fmt.Sprintf("Job %q is suspended; it goes on when somebody resumes it.", job.Name)
	}
	return running
}

// observeFinished returns the observation of a Job that has finished, or false.
func observeFinished(job *batchv1.Job) (plan.Observation, bool) {
	if findTrueCondition(job, batchv1.JobComplete) != nil {
		return plan.Observation{Phase: plan.PhaseSucceeded, UID: string(job.UID)}, true
	}
	if c := findTrueCondition(job, batchv1.JobFailed); c != nil {
		return plan.Observation{Phase: plan.PhaseFailed, UID: string(job.UID), Reason: c.Reason, Message: c.Message}, true
	}
	return plan.Observation{}, false
}
