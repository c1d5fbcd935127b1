// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package action

import (
	"context"
	"fmt"

	batchv1 "k8s.io/api/batch/v1"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/plan"
)

// observe looks how far the Job of a started action is.
func (r *Runner) observe(ctx context.Context, run Run, t plan.Task) (plan.Observation, error) {
	job, err := r.find(ctx, run, t)
	if err != nil {
		return plan.Observation{}, err
	}
	if job == nil {
		return r.lost(ctx, run, t)
	}
	return assess(job), nil
}

// assess says how far a Job of ours is.
func assess(job *batchv1.Job) plan.Observation {
	if o, finished := finishedAs(job); finished {
		return o
	}
	running := plan.Observation{Phase: plan.Running, JobUID: string(job.UID)}
	switch {
	case job.DeletionTimestamp != nil:
		running.Message = fmt.Sprintf("Job %q is being deleted by another.", job.Name)
	case isSuspended(job):
		running.Message = fmt.Sprintf("Job %q is suspended by another; it goes on when it is resumed.", job.Name)
	}
	return running
}

// lost is what becomes of an action whose Job was deleted while it ran: it fails once the pods of the Job have ended.
func (r *Runner) lost(ctx context.Context, run Run, t plan.Task) (plan.Observation, error) {
	pods, err := r.podsLeft(ctx, run.Execution.Namespace, t.JobUID)
	if err != nil {
		return plan.Observation{}, err
	}
	if len(pods) > 0 {
		return plan.Observation{
			Phase: plan.Running, JobUID: t.JobUID, Reason: v1alpha1.ReasonJobLost,
			Message: fmt.Sprintf("Job %q was deleted by another; its pods have to end: %s.", t.JobName, nameFew(pods)),
		}, nil
	}
	return plan.Observation{
		Phase: plan.Failed, JobUID: t.JobUID, Reason: v1alpha1.ReasonJobLost,
		Message: fmt.Sprintf("Job %q was deleted by another before it finished; it is not run again.", t.JobName),
	}, nil
}
