// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package action

import (
	"context"
	"fmt"
	"slices"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

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
		return r.gone(ctx, run, t, plan.Observation{
			Phase: plan.Failed, JobUID: t.JobUID, Reason: v1alpha1.ReasonJobLost,
			Message: fmt.Sprintf("Job %q was deleted by another before it finished; it is not run again.", t.JobName),
		})
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
		running.Reason, running.Message = whyDeleting(job)
	case isSuspended(job):
		running.Reason = reasonJobSuspended
		running.Message = fmt.Sprintf("Job %q is suspended by another; it goes on when it is resumed.", job.Name)
	}
	return running
}

// gone is what becomes of an action whose Job was deleted while it ran: the observation given, once the pods of the Job are
// gone and its name is held, so that no operator that was paused can create it again.
func (r *Runner) gone(ctx context.Context, run Run, t plan.Task, then plan.Observation) (plan.Observation, error) {
	pods, err := r.podsLeft(ctx, run, t)
	if err != nil {
		return plan.Observation{}, err
	}
	waiting := plan.Observation{
		Phase: plan.Running, JobUID: t.JobUID, Reason: v1alpha1.ReasonJobLost,
		Message: fmt.Sprintf("Job %q was deleted by another; its pods have to end: %s.", t.JobName, nameFew(pods)),
	}
	if slices.ContainsFunc(pods, func(p corev1.Pod) bool { return p.Labels[batchv1.ControllerUidLabel] == t.JobUID }) {
		return waiting, nil
	}
	if run.Execution.DeletionTimestamp != nil {
		// Whatever is created for it now goes with it.
		return then, nil
	}
	held, err := r.fence(ctx, run, t)
	switch {
	case err != nil:
		return held, err
	case held.Phase == plan.NeverStarted || held.Reason == v1alpha1.ReasonJobNameTaken:
		if len(pods) > 0 {
			return waiting, nil
		}
		return then, nil
	default:
		// An operator that was paused has created it again.
		again := t
		again.JobUID = held.JobUID
		ending, err := r.terminate(ctx, run, again)
		if ending.Phase == plan.Ended {
			return then, err
		}
		return ending, err
	}
}
