// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package action

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/plan"
)

// terminate ends the Job of an abandoned action and says when nothing of it runs any more.
//
// The Job is suspended and not deleted. Its name stays taken, so that an operator that was paused before it created the
// Job cannot do so after the stop; and its condition Suspended is the word of the Job controller, the only one that
// creates its pods, that it will create no more; so is one that says how the Job ends. After that, no pod is left when none
// is listed. A parallelism of 0 keeps it so: a queue that resumes the Job later brings no pod back.
func (r *Runner) terminate(ctx context.Context, run Run, t plan.Task) (plan.Observation, error) {
	ending := plan.Observation{Phase: plan.Running, JobUID: t.JobUID}
	job, err := r.find(ctx, run, t)
	if err != nil {
		return plan.Observation{}, err
	}
	if job == nil {
		return r.gone(ctx, run, t, plan.Observation{Phase: plan.Ended, JobUID: t.JobUID})
	}
	_, finished := finishedAs(job)
	saidSuspended := isConditionTrue(job, batchv1.JobSuspended)
	switch {
	case finished:
		return plan.Observation{Phase: plan.Ended, JobUID: t.JobUID}, nil
	case !ours(job, run):
		ending.Reason = reasonJobTakenOver
		ending.Message = fmt.Sprintf("Job %q was taken over by another controller, so it is left alone; it has to finish.", job.Name)
		return ending, nil
	case job.DeletionTimestamp != nil:
		ending.Reason, ending.Message = whyDeleting(job)
		return ending, nil
	case !isSuspended(job) && saidSuspended:
		// It was just resumed, and its condition is of before: only the next one will be about our suspension.
		return ending, nil
	case !isSuspended(job):
		return r.suspend(ctx, job)
	case !isEmpty(job):
		// Another suspended it, or it could not be emptied while it ran. Some Jobs have to keep their parallelism.
		if err := r.patch(ctx, job, map[string]any{"parallelism": 0}); !isRefused(err) {
			return ending, client.IgnoreNotFound(err)
		}
	}
	if !saidSuspended && !isDecided(job) {
		return ending, nil
	}
	return r.endedWithPods(ctx, run, t)
}

// isDecided reports whether the Job controller has decided how the Job ends; it creates no more pods from then on. That it has
// ended it may never say: a Job that was suspended before its startTime was recorded, and whose pod succeeded nevertheless,
// cannot be Complete ("startTime is required for finished job").
func isDecided(job *batchv1.Job) bool {
	return isConditionTrue(job, batchv1.JobSuccessCriteriaMet) || isConditionTrue(job, batchv1.JobFailureTarget)
}

// suspend asks the Job controller to end the pods of the Job, with their grace period. A refusal that people can lift, such
// as a policy's, is shown.
func (r *Runner) suspend(ctx context.Context, job *batchv1.Job) (plan.Observation, error) {
	ending := plan.Observation{Phase: plan.Running, JobUID: string(job.UID)}
	err := r.patch(ctx, job, map[string]any{"suspend": true, "parallelism": 0})
	if isRefused(err) {
		// Some Jobs may not change their parallelism, or not while they run.
		err = r.patch(ctx, job, map[string]any{"suspend": true})
	}
	if client.IgnoreNotFound(err) == nil {
		return ending, nil
	}
	err = fmt.Errorf("suspending Job %q: %w", job.Name, err)
	if isRefused(err) {
		ending.Reason, ending.Message = reasonSuspendRefused, fmt.Sprintf("Trying again: %v", err)
	}
	return ending, err
}

// patch changes the spec of a Job. The uid keeps it from another Job of that name; the resourceVersion keeps it from one that
// was resumed since it was read, whose condition Suspended would be of before.
func (r *Runner) patch(ctx context.Context, job *batchv1.Job, spec map[string]any) error {
	content, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"uid": job.UID, "resourceVersion": job.ResourceVersion},
		"spec":     spec,
	})
	if err != nil {
		return err
	}
	target := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: job.Namespace, Name: job.Name}}
	return r.Client.Patch(ctx, target, client.RawPatch(types.MergePatchType, content), client.FieldOwner(FieldOwner))
}

// isRefused reports whether the API server refused a write for a cause that people can lift, such as a quota or a policy.
func isRefused(err error) bool {
	return apierrors.IsForbidden(err) || apierrors.IsInvalid(err)
}

// isEmpty reports whether the Job asks for no pod.
func isEmpty(job *batchv1.Job) bool {
	return job.Spec.Parallelism != nil && *job.Spec.Parallelism == 0
}

// endedWithPods says whether the pods of a Job that creates no more of them have ended.
func (r *Runner) endedWithPods(ctx context.Context, run Run, t plan.Task) (plan.Observation, error) {
	pods, err := r.podsLeft(ctx, run, t)
	if err != nil {
		return plan.Observation{}, err
	}
	if len(pods) > 0 {
		return plan.Observation{Phase: plan.Running, JobUID: t.JobUID}, nil
	}
	return plan.Observation{Phase: plan.Ended, JobUID: t.JobUID}, nil
}

// orphan lets the Job of an abandoned action go on outside the execution: it takes our controller reference off and marks
// the Job, so that a person can find it. The resourceVersion keeps another's change from being overwritten.
func (r *Runner) orphan(ctx context.Context, run Run, t plan.Task) (plan.Observation, error) {
	done := plan.Observation{
		Phase: plan.Ended, JobUID: t.JobUID,
		Message: fmt.Sprintf("Job %q was left to go on, outside the execution; its label is %s.", t.JobName, v1alpha1.LabelOrphaned),
	}
	job, err := r.find(ctx, run, t)
	if err != nil {
		return plan.Observation{}, err
	}
	// Where another deleted it, there is nothing to leave.
	nothing := plan.Observation{Phase: plan.Ended, JobUID: t.JobUID}
	if job == nil {
		return r.gone(ctx, run, t, nothing)
	}
	if !ours(job, run) {
		return done, nil
	}
	released := job.DeepCopy()
	released.OwnerReferences = slices.DeleteFunc(released.OwnerReferences, func(o metav1.OwnerReference) bool {
		return o.UID == run.Execution.UID
	})
	released.Labels = with(released.Labels, v1alpha1.LabelOrphaned, "true")
	patch := client.MergeFromWithOptions(job, client.MergeFromWithOptimisticLock{})
	err = r.Client.Patch(ctx, released, patch, client.FieldOwner(FieldOwner))
	switch {
	case apierrors.IsNotFound(err):
		return r.gone(ctx, run, t, nothing)
	case err != nil:
		return plan.Observation{}, fmt.Errorf("releasing Job %q: %w", job.Name, err)
	}
	return done, nil
}

func isConditionTrue(job *batchv1.Job, conditionType batchv1.JobConditionType) bool {
	return slices.ContainsFunc(job.Status.Conditions, func(c batchv1.JobCondition) bool {
		return c.Type == conditionType && c.Status == corev1.ConditionTrue
	})
}
