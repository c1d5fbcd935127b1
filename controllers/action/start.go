// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package action

import (
	"context"
	"errors"
	"fmt"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/plan"
)

// errFenced says that the status which asked for a start is out of date: the start was fenced since.
var errFenced = errors.New("the action was fenced by a stop; its execution must be read again")

// start creates the Job of an open intent.
func (r *Runner) start(ctx context.Context, run Run, t plan.Task) (plan.Observation, error) {
	if t.Definition.Name == "" {
		return plan.Observation{Phase: plan.Failed, Reason: v1alpha1.ReasonRevisionLost, Message: "What the action runs is not known any more."}, nil
	}
	job, err := build(run, t)
	if err != nil {
		return plan.Observation{Phase: plan.Failed, Reason: v1alpha1.ReasonInvalidJobTemplate, Message: err.Error()}, nil
	}
	err = r.Client.Create(ctx, job, client.FieldOwner(FieldOwner))
	switch {
	case err == nil:
		return plan.Observation{Phase: plan.Running, JobUID: string(job.UID)}, nil
	case apierrors.IsAlreadyExists(err):
		return r.existing(ctx, run, t, func() (plan.Observation, error) { return plan.Observation{}, errFenced })
	case apierrors.IsInvalid(err), apierrors.IsBadRequest(err), apierrors.IsRequestEntityTooLargeError(err):
		return plan.Observation{
			Phase: plan.Failed, Reason: v1alpha1.ReasonJobRefused,
			Message: fmt.Sprintf("The API server refused the Job; change the action's job in the Pipeline: %v", err),
		}, nil
	default:
		return blocked("create", t, err)
	}
}

// fence keeps the Job of an open intent from ever being created: it takes the Job's name. Where the name is taken the
// Job really started, and is in progress like any other.
func (r *Runner) fence(ctx context.Context, run Run, t plan.Task) (plan.Observation, error) {
	never := plan.Observation{Phase: plan.NeverStarted}
	err := r.bury(ctx, run, t)
	switch {
	case err == nil:
		return never, nil
	case apierrors.IsAlreadyExists(err):
		return r.existing(ctx, run, t, func() (plan.Observation, error) { return never, nil })
	case apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		// Nobody can create anything in this namespace any more.
		return never, nil
	default:
		return blocked("create the tombstone of", t, err)
	}
}

// fenceAll fences an action, and waits for what a Job of its name may have left that was deleted before its uid was recorded:
// "Stopped" is not said while a pod of it runs.
func (r *Runner) fenceAll(ctx context.Context, run Run, t plan.Task) (plan.Observation, error) {
	o, err := r.fence(ctx, run, t)
	if err != nil || o.Phase != plan.NeverStarted {
		return o, err
	}
	pods, err := r.podsLeft(ctx, run, t)
	if err != nil {
		return plan.Observation{}, err
	}
	if len(pods) > 0 {
		err := fmt.Errorf("job %q was deleted by another; its pods have to end: %s", t.JobName, nameFew(pods))
		return plan.Observation{Phase: plan.Blocked, Message: fmt.Sprintf("Trying again: %v.", err)}, err
	}
	return o, nil
}

// bury creates the tombstone of an action's Job. Where a policy refuses the plain one, one that looks like the Job itself may
// pass.
func (r *Runner) bury(ctx context.Context, run Run, t plan.Task) error {
	err := r.Client.Create(ctx, tombstone(run, t), client.FieldOwner(FieldOwner))
	if !isRefused(err) || apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
		return err
	}
	alike, buildErr := build(run, t)
	if buildErr != nil {
		return err
	}
	alike.Labels[v1alpha1.LabelTombstone] = "true"
	alike.Spec.Suspend, alike.Spec.Parallelism = ptr.To(true), ptr.To[int32](0)
	return r.Client.Create(ctx, alike, client.FieldOwner(FieldOwner))
}

// existing looks at the Job that holds the name of an open intent's Job.
func (r *Runner) existing(ctx context.Context, run Run, t plan.Task, fenced func() (plan.Observation, error)) (plan.Observation, error) {
	job, err := get(ctx, r.Live, run, t)
	switch {
	case err != nil:
		return plan.Observation{}, err
	case job == nil:
		return plan.Observation{}, fmt.Errorf("job %q existed and is gone; trying again", t.JobName)
	case !ours(job, run):
		return plan.Observation{
			Phase: plan.Failed, Reason: v1alpha1.ReasonJobNameTaken,
			Message: fmt.Sprintf("Job %q exists and is not this execution's, so it was left alone; delete or rename it, and "+
				"start another execution.", t.JobName),
		}, nil
	case isTombstone(job):
		return fenced()
	default:
		return assess(job), nil
	}
}

// blocked says what keeps the API server from creating a Job. A refusal that people can lift, such as a quota, is shown;
// anything else is only tried again.
func blocked(what string, t plan.Task, err error) (plan.Observation, error) {
	err = fmt.Errorf("could not %s Job %q: %w", what, t.JobName, err)
	if !isRefused(err) {
		return plan.Observation{}, err
	}
	return plan.Observation{Phase: plan.Blocked, Message: fmt.Sprintf("Trying again: %v", err)}, err
}

// Check asks the API server whether it would create the Job of an action, and creates nothing. It returns the message
// of a refusal that only a change of the template can lift, or an empty one. The error is one that can pass.
func (r *Runner) Check(ctx context.Context, run Run, t plan.Task) (string, error) {
	job, err := build(run, t)
	if err != nil {
		return err.Error(), nil
	}
	job.OwnerReferences = nil
	err = r.Client.Create(ctx, job, client.DryRunAll, client.FieldOwner(FieldOwner))
	switch {
	case apierrors.IsInvalid(err), apierrors.IsBadRequest(err):
		return "job: " + err.Error(), nil
	case err == nil, apierrors.IsForbidden(err), apierrors.IsAlreadyExists(err):
		// A quota or a policy may answer otherwise when the action runs.
		return "", nil
	}
	return "", fmt.Errorf("trying Job of action %q: %w", t.Key.Action, err)
}

// finishedAs returns the observation of a Job that has finished, or false.
func finishedAs(job *batchv1.Job) (plan.Observation, bool) {
	for _, c := range job.Status.Conditions {
		if c.Status != corev1.ConditionTrue {
			continue
		}
		switch c.Type {
		case batchv1.JobComplete:
			return plan.Observation{Phase: plan.Succeeded, JobUID: string(job.UID)}, true
		case batchv1.JobFailed:
			return plan.Observation{Phase: plan.Failed, JobUID: string(job.UID), Reason: c.Reason, Message: c.Message}, true
		}
	}
	return plan.Observation{}, false
}
