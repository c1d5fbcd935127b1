// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package job

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/action"
	"haltline.dev/haltline/controllers/plan"
)

// deletionSlack is how long after the deletion of a Job its controller may still create a pod of it, since its cache lags.
const deletionSlack = 10 * time.Second

// observeDeleting observes a Job that somebody else deletes. It returns result if a finalizer keeps the Job and nothing of it can
// run any more: the Job controller creates no pods of a Job that is being deleted
// (https://github.com/kubernetes/kubernetes/blob/master/pkg/controller/job/job_controller.go, syncJob), and no pod is left.
// Without such a finalizer the Job is gone in a moment, and its name can be held.
func (p *Provider) observeDeleting(
	ctx context.Context, scope action.Scope, op plan.Operation, job *batchv1.Job, result plan.Observation,
) (plan.Observation, error) {
	waiting := observeBeingDeleted(job)
	if len(foreignFinalizers(job)) == 0 {
		return waiting, nil
	}
	pods, err := p.remainingPods(ctx, scope, op)
	if err != nil {
		return waiting, err
	}
	if !isOurs(job, scope) {
		// What was taken over is left alone.
		op.Type = plan.OperationObserve
	}
	if err := errors.Join(p.endLeftPods(ctx, scope, op, op.Workload.UID, pods), p.shortenGrace(ctx, scope, op, pods)); err != nil {
		waiting.Message = fmt.Sprintf("Trying again: %v", err)
		return waiting, err
	}
	if len(pods) == 0 && isOver(job, scope.Now) {
		return result, nil
	}
	return waiting, nil
}

// observeDeletedAfterItsEnd returns the end of a Job that somebody deletes once no pod of it is left: its controller counts a pod
// that was left without an owner as failed while it still ends.
func (p *Provider) observeDeletedAfterItsEnd(
	ctx context.Context, scope action.Scope, op plan.Operation, job *batchv1.Job, end plan.Observation,
) (plan.Observation, error) {
	pods, err := p.remainingPods(ctx, scope, op)
	if err == nil && len(pods) == 0 {
		return p.explainJob(ctx, scope, op, job, end)
	}
	return observeBeingDeleted(job), err
}

// isOver reports whether a finalizer keeps a Job that was deleted, and its controller creates no pod of it any more and knows of none.
func isOver(job *batchv1.Job, now metav1.Time) bool {
	kept := job.DeletionTimestamp != nil && len(foreignFinalizers(job)) > 0
	return kept && hasNoPod(job) && now.Sub(job.DeletionTimestamp.Time) >= deletionSlack
}

// hasNoPod reports whether the Job controller knows of no pod that runs or ends.
func hasNoPod(job *batchv1.Job) bool {
	status := job.Status
	return status.Active == 0 && ptr.Deref(status.Ready, 0) == 0 && ptr.Deref(status.Terminating, 0) == 0
}

// observeBeingDeleted returns that a Job which somebody deletes is still there, and why.
func observeBeingDeleted(job *batchv1.Job) plan.Observation {
	o := plan.Observation{Phase: plan.PhaseRunning, UID: string(job.UID)}
	o.Reason, o.Message = whyDeleting(job)
	return o
}

// whyDeleting returns why a Job that is being deleted is still there. While it is, the Job controller leaves its pods alone.
func whyDeleting(job *batchv1.Job) (reason, message string) {
	finalizers := foreignFinalizers(job)
	if len(finalizers) == 0 {
		return v1alpha1.ReasonJobDeleting, fmt.Sprintf("Job %q is being deleted by somebody else; its pods have to end.", job.Name)
	}
	return v1alpha1.ReasonJobFinalizer, fmt.Sprintf("Job %q is being deleted by somebody else and kept by finalizers of somebody else: %s. "+
		"Its pods run on; delete them, or abandon the execution.", job.Name, strings.Join(finalizers, ", "))
}

// foreignFinalizers returns those that Kubernetes does not remove by itself.
func foreignFinalizers(job *batchv1.Job) []string {
	return slices.DeleteFunc(slices.Clone(job.Finalizers), func(f string) bool {
		return f == metav1.FinalizerDeleteDependents || f == metav1.FinalizerOrphanDependents
	})
}

// endLeftPods deletes the pods of an abandoned action whose Job somebody deleted, with their grace period: the Job controller does
// not end them any more. Under a stop that waits they finish. A pod that changed since it was listed, such as by somebody who took
// its label off, is looked at again. Those given are the first that remain; if there may be more, all are gone through. Without the
// uid of a Job, only those without a controller are deleted.
func (p *Provider) endLeftPods(ctx context.Context, scope action.Scope, op plan.Operation, jobUID string, pods []corev1.Pod) error {
	if op.Type != plan.OperationTerminate {
		return nil
	}
	var errs []error
	if len(pods) < maxRemaining {
		for i := range pods {
			errs = append(errs, p.endLeftPod(ctx, op, jobUID, &pods[i]))
		}
		return errors.Join(errs...)
	}
	for pod, err := range p.podsOfAction(ctx, scope, op) {
		if err == nil && !isFinishedPod(pod) {
			err = p.endLeftPod(ctx, op, jobUID, pod)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// endLeftPod deletes a pod unless somebody else controls it or it ends already. See endLeftPods.
func (p *Provider) endLeftPod(ctx context.Context, op plan.Operation, jobUID string, pod *corev1.Pod) error {
	if pod.DeletionTimestamp != nil || !isLeft(pod, jobUID) {
		return nil
	}
	guard := client.Preconditions{UID: &pod.UID, ResourceVersion: &pod.ResourceVersion}
	err := p.Client.Delete(ctx, pod, append(graceOf(op, pod), guard)...)
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return nil
	}
	if err != nil {
		return action.PendingIfAnswer(fmt.Errorf("deleting pod %q: %w", pod.Name, err))
	}
	return nil
}

// isLeft reports whether nobody else controls a pod of a Job that is deleted: the pod has no controller any more, or still has the
// Job. One without a controller may be of an earlier Job of the name, which was deleted before its uid was recorded.
func isLeft(pod *corev1.Pod, jobUID string) bool {
	owner := metav1.GetControllerOf(pod)
	return owner == nil || string(owner.UID) == jobUID
}
