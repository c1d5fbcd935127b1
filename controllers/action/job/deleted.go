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
	waiting := plan.Observation{Phase: plan.PhaseRunning, UID: op.Workload.UID}
	waiting.Reason, waiting.Message = whyDeleting(job)
	if len(foreignFinalizers(job)) == 0 {
		return waiting, nil
	}
	pods, err := p.remainingPods(ctx, scope, op)
	if err != nil {
		return waiting, err
	}
	if err := p.endLeftPods(ctx, op, pods); err != nil {
		waiting.Message = fmt.Sprintf("Trying again: %v", err)
		return waiting, err
	}
	if len(pods) == 0 && job.Status.Active == 0 && scope.Now.Sub(job.DeletionTimestamp.Time) >= deletionSlack {
		return result, nil
	}
	return waiting, nil
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
// not end them any more. Under a stop that waits they finish.
func (p *Provider) endLeftPods(ctx context.Context, op plan.Operation, pods []corev1.Pod) error {
	if op.Type != plan.OperationTerminate {
		return nil
	}
	var errs []error
	for i := range pods {
		pod := &pods[i]
		if pod.DeletionTimestamp != nil || pod.Labels[batchv1.ControllerUidLabel] != op.Workload.UID {
			continue
		}
		err := p.Client.Delete(ctx, pod, client.Preconditions{UID: &pod.UID})
		if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
			errs = append(errs, action.PendingIfAnswer(fmt.Errorf("deleting pod %q: %w", pod.Name, err)))
		}
	}
	return errors.Join(errs...)
}
