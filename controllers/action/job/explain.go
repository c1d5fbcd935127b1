// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package job

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/action"
	"haltline.dev/haltline/controllers/plan"
)

// addExplanation adds to an observation of work that goes on why it does, if that was asked for. An error that came with
// the observation is returned as it is.
func (p *Provider) addExplanation(
	ctx context.Context, scope action.Scope, op plan.Operation, o plan.Observation, err error,
) (plan.Observation, error) {
	if err != nil || !scope.Explain || o.Phase != plan.PhaseRunning || o.Message != "" {
		return o, err
	}
	pods, err := p.remainingPods(ctx, scope, op)
	if err != nil {
		return o, err
	}
	for i := range pods {
		if reason, message := whyUnfinished(&pods[i], scope.Now); reason != "" {
			o.Reason, o.Message = reason, message
			return o, nil
		}
	}
	if len(pods) > 0 || op.Type != plan.OperationObserve {
		return o, nil
	}
	job, err := p.findJob(ctx, scope, op)
	if err == nil && job != nil && isIdle(job) {
		o.Reason = v1alpha1.ReasonNoPod
		o.Message = fmt.Sprintf("Job %q has to finish, and has no pod; `kubectl describe job %s` shows why.", job.Name, job.Name)
	}
	return o, err
}

// whyUnfinished returns why a pod has not ended, if that needs explaining: nothing for one that just runs. The message
// does not change as time goes by.
func whyUnfinished(pod *corev1.Pod, now metav1.Time) (reason, message string) {
	switch {
	case pod.DeletionTimestamp != nil && now.After(pod.DeletionTimestamp.Time):
		return whyNotEnding(pod)
	case pod.DeletionTimestamp != nil:
		return v1alpha1.ReasonInGracePeriod, fmt.Sprintf("Pod %q is in its grace period, until %s.", pod.Name, formatTime(pod.DeletionTimestamp))
	}
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse {
			return c.Reason, fmt.Sprintf("Pod %q cannot be scheduled: %s", pod.Name, c.Message)
		}
	}
	for _, s := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
		if reason := whyWaiting(&s); reason != "" {
			return reason, fmt.Sprintf("Container %q of pod %q, of image %q, cannot start: %s.", s.Name, pod.Name, s.Image, reason)
		}
	}
	return "", ""
}

// whyNotEnding returns why a pod that is past its grace period is still there.
func whyNotEnding(pod *corev1.Pod) (reason, message string) {
	finalizers := slices.DeleteFunc(slices.Clone(pod.Finalizers), func(f string) bool { return f == batchv1.JobTrackingFinalizer })
	if len(finalizers) > 0 {
		return v1alpha1.ReasonPodFinalizer, fmt.Sprintf("Pod %q should have ended at %s; its finalizers must be removed by whoever "+
			"set them: %s.", pod.Name, formatTime(pod.DeletionTimestamp), strings.Join(finalizers, ", "))
	}
	return v1alpha1.ReasonPodNotEnding, fmt.Sprintf("Pod %q should have ended at %s and has not; see whether its node %q is lost.",
		pod.Name, formatTime(pod.DeletionTimestamp), pod.Spec.NodeName)
}

// whyWaiting returns why a container does not start, or nothing. The kubelet goes to and fro between the two reasons of an
// image that it cannot pull; here it has one.
func whyWaiting(s *corev1.ContainerStatus) string {
	if s.State.Waiting == nil {
		return ""
	}
	switch reason := s.State.Waiting.Reason; reason {
	case "ContainerCreating", "PodInitializing":
		return ""
	case "ErrImagePull":
		return "ImagePullBackOff"
	default:
		return reason
	}
}

func formatTime(t *metav1.Time) string {
	return t.UTC().Format(time.RFC3339)
}
