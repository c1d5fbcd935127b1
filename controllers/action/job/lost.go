// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package job

import (
	"context"
	"errors"
	"fmt"
	"slices"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/action"
	"haltline.dev/haltline/controllers/plan"
)

// handleLostJob handles a Job that somebody else deleted while it ran. It returns result once the pods are gone and a
// placeholder holds the name, so that a paused operator cannot create the Job again.
func (p *Provider) handleLostJob(ctx context.Context, scope action.Scope, op plan.Operation, result plan.Observation) (plan.Observation, error) {
	pods, err := p.remainingPods(ctx, scope, op)
	if err != nil {
		return plan.Observation{}, err
	}
	waiting := plan.Observation{
		Phase: plan.PhaseRunning, UID: op.Workload.UID, Reason: v1alpha1.ReasonWorkloadLost,
		Message: describeLost(op.Workload.Name, pods),
	}
	if err := errors.Join(p.endLeftPods(ctx, scope, op, op.Workload.UID, pods), p.shortenGrace(ctx, scope, op, pods)); err != nil {
		waiting.Message = fmt.Sprintf("Trying again: %v", err)
		return waiting, err
	}
	if slices.ContainsFunc(pods, func(pod corev1.Pod) bool { return pod.Labels[batchv1.ControllerUidLabel] == op.Workload.UID }) {
		return waiting, nil
	}
	if scope.Execution.DeletionTimestamp != nil {
		// Whatever is created for it now goes with it.
		return result, nil
	}
	holder, err := p.reserveName(ctx, scope, op)
	switch {
	case err != nil:
		return observeRefusal("reserve by a placeholder the name of", scope, op, err)
	case holder != nil && isOurs(holder, scope) && !isPlaceholder(holder) && whyNotBelieved(holder, scope, op) == "":
		return p.endRecreatedJob(ctx, scope, op, holder, result)
	case len(pods) > 0:
		return waiting, nil
	default:
		return result, nil
	}
}

// endRecreatedJob ends a lost Job that an operator, which had been paused, has created again. It returns result once
// nothing of it runs.
func (p *Provider) endRecreatedJob(
	ctx context.Context, scope action.Scope, op plan.Operation, job *batchv1.Job, result plan.Observation,
) (plan.Observation, error) {
	op.Workload.UID = string(job.UID)
	o, err := p.endJob(ctx, scope, op, job)
	if o.Phase == plan.PhaseEnded {
		return result, err
	}
	return o, err
}

// describeLost returns what a lost Job left. Pods without an owner are ended by nobody but the person who left them, or by an
// abandon.
func describeLost(name string, pods []corev1.Pod) string {
	message := fmt.Sprintf("Job %q was deleted by somebody else; its pods have to end: %s.", name, joinPodNames(pods))
	if slices.ContainsFunc(pods, func(pod corev1.Pod) bool { return metav1.GetControllerOf(&pod) == nil && pod.DeletionTimestamp == nil }) {
		message += " Some were left without an owner and run on; delete them, or abandon the execution."
	}
	return message
}
