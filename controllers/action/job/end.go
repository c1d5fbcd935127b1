// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package job

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	batchv1 "k8s.io/api/batch/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/action"
	"haltline.dev/haltline/controllers/plan"
)

// endJob ends a Job and observes when nothing of it runs any more.
//
// The Job is suspended and not deleted: its name stays taken, so that an operator that was paused before it created the Job
// cannot do so after the stop. Only the Job controller creates its pods. Its condition Suspended shows that it creates no
// more, and so does one that shows how the Job ends. After that, no pod is left when all that the Job controller counted are known to
// be gone, or when none is listed. A parallelism of 0 keeps it so: a queue that resumes the Job later brings no pod back.
func (p *Provider) endJob(ctx context.Context, scope action.Scope, op plan.Operation, job *batchv1.Job) (plan.Observation, error) {
	ending := plan.Observation{Phase: plan.PhaseRunning, UID: op.Workload.UID}
	_, finished := observeFinished(job)
	confirmed := isConditionTrue(job, batchv1.JobSuspended)
	switch {
	case finished && job.DeletionTimestamp != nil:
		// Its controller counts a pod that was left without an owner as failed while it still ends.
		scope, ending = p.limitExplanation(scope, op, ending)
		return p.observePodsEnd(ctx, scope, op, job, ending)
	case finished:
		return plan.Observation{Phase: plan.PhaseEnded, UID: op.Workload.UID}, nil
	case job.DeletionTimestamp != nil && (isOurs(job, scope) || len(foreignFinalizers(job)) > 0):
		return p.observeDeleting(ctx, scope, op, job, plan.Observation{Phase: plan.PhaseEnded, UID: op.Workload.UID})
	case !isOurs(job, scope):
		ending.Reason = v1alpha1.ReasonJobTakenOver
		ending.Message = fmt.Sprintf("Job %q was taken over by another controller, so it is left alone; it has to finish.", job.Name)
		return ending, nil
	case p.written.IsAhead(job.UID, job.Generation, scope.Now.Time):
		return ending, nil
	case !isSuspended(job) && confirmed:
		// It was just resumed, and its condition is older: only the next one will be about our suspension.
		return ending, nil
	case !isSuspended(job):
		return p.suspendJob(ctx, scope, job)
	case !isEmpty(job):
		// Somebody else suspended it, or it could not be emptied while it ran. Some Jobs have to keep their parallelism.
		if err := p.emptyJob(ctx, scope, job); !action.IsRefused(err) || !isMarkedStopped(job) {
			return observeSuspendRefused(ending, job, scope.Explain, client.IgnoreNotFound(err))
		}
	}
	return p.observeSuspended(ctx, scope, op, job)
}

// emptyJob has a suspended Job ask for no pods. If that is refused, it marks the Job: a queue that suspended it must not resume it, and a
// policy keeps others from resuming what is marked.
func (p *Provider) emptyJob(ctx context.Context, scope action.Scope, job *batchv1.Job) error {
	err := p.patchSpec(ctx, scope, job, map[string]any{"parallelism": 0})
	if action.IsRefused(err) && !isMarkedStopped(job) {
		return p.patchSpec(ctx, scope, job, map[string]any{"suspend": true})
	}
	return err
}

// observeSuspended observes when nothing runs any more of a Job whose suspension was asked for. See tellPods.
func (p *Provider) observeSuspended(ctx context.Context, scope action.Scope, op plan.Operation, job *batchv1.Job) (plan.Observation, error) {
	acted, known := isConditionTrue(job, batchv1.JobSuspended) || isDecided(job), podsUnknown
	if acted {
		var err error
		if known, err = p.tellPods(ctx, job); err != nil {
			return plan.Observation{}, err
		}
	}
	if known == podsGone {
		return plan.Observation{Phase: plan.PhaseEnded, UID: op.Workload.UID}, nil
	}
	scope, ending := p.limitExplanation(scope, op, plan.Observation{Phase: plan.PhaseRunning, UID: op.Workload.UID})
	switch {
	case !acted && scope.Explain:
		ending.Message = fmt.Sprintf("Job %q is suspended, and the Job controller has not ended its pods yet.", job.Name)
		return ending, nil
	case !acted, known == podsRemain && !scope.Explain && p.shortened.isDone(job, op):
		return ending, nil
	}
	return p.observePodsEnd(ctx, scope, op, job, ending)
}

// suspendJob asks the Job controller to end the pods of the Job, with their grace period. A refusal that people can lift,
// such as that of a policy, is shown, and another answer if it is late.
func (p *Provider) suspendJob(ctx context.Context, scope action.Scope, job *batchv1.Job) (plan.Observation, error) {
	ending := plan.Observation{Phase: plan.PhaseRunning, UID: string(job.UID)}
	err := p.patchSpec(ctx, scope, job, map[string]any{"suspend": true, "parallelism": 0})
	if action.IsRefused(err) {
		// Some Jobs may not change their parallelism, or not while they run.
		err = p.patchSpec(ctx, scope, job, map[string]any{"suspend": true})
	}
	return observeSuspendRefused(ending, job, scope.Explain, client.IgnoreNotFound(err))
}

// observeSuspendRefused adds to an observation what keeps a Job from being suspended: a refusal at once, another answer if it is
// late. Without an error it returns the observation as it is.
func observeSuspendRefused(o plan.Observation, job *batchv1.Job, late bool, err error) (plan.Observation, error) {
	if err == nil {
		return o, nil
	}
	return showSuspendRefusal(o, late, fmt.Errorf("suspending Job %q: %w", job.Name, err))
}

// showSuspendRefusal adds an error to an observation: a refusal at once, another answer if it is late. The error has to be tried again.
func showSuspendRefusal(o plan.Observation, late bool, err error) (plan.Observation, error) {
	if action.ShouldShow(err, late) {
		o.Reason, o.Message = v1alpha1.ReasonSuspendRefused, fmt.Sprintf("Trying again: %v", err)
	}
	return o, action.PendingIfAnswer(err)
}

// patchSpec changes fields of the spec of a Job of ours that a stop ends, and marks the Job. The condition Suspended of one that was
// resumed since it was read would be older than the change.
func (p *Provider) patchSpec(ctx context.Context, scope action.Scope, job *batchv1.Job, spec map[string]any) error {
	patch, _ := patchOfOurs(scope, job)
	setLabel(patch, job, v1alpha1.LabelStopped)
	for _, name := range slices.Sorted(maps.Keys(spec)) {
		patch.Set("/spec/"+name, spec[name])
	}
	return p.patchJob(ctx, scope, job, patch)
}

// observePodsEnd returns whether the pods of a Job that creates no more of them have ended; if they have not, what is given, with why if that
// is asked for. It shortens their grace period if a stop asks for that.
func (p *Provider) observePodsEnd(
	ctx context.Context, scope action.Scope, op plan.Operation, job *batchv1.Job, ending plan.Observation,
) (plan.Observation, error) {
	pods, err := p.remainingPods(ctx, scope, op)
	if err != nil {
		return plan.Observation{}, err
	}
	// Those of an earlier Job of the name, which somebody deleted, may have no owner.
	if err := errors.Join(p.endLeftPods(ctx, scope, op, "", pods), p.shortenGrace(ctx, scope, op, pods)); err != nil {
		return plan.Observation{Phase: plan.PhaseRunning, UID: op.Workload.UID, Message: fmt.Sprintf("Trying again: %v", err)}, err
	}
	if !slices.ContainsFunc(pods, isNotDeleted) {
		p.shortened.note(job, op)
	}
	switch {
	case len(pods) == 0:
		return plan.Observation{Phase: plan.PhaseEnded, UID: op.Workload.UID}, nil
	case !scope.Explain:
		return ending, nil
	}
	var seen podsSeen
	for i := range pods {
		seen.add(&pods[i], scope.Now)
	}
	return p.explainByPods(ctx, ending, seen)
}
