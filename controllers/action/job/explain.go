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

// notRunningAfter is how long an action may take until its work runs before its status explains why it does not.
const notRunningAfter = 10 * time.Second

// addExplanation adds to an observation of work that goes on why it does, if a stop waits for it for long. An error that came
// with the observation is returned as it is.
func (p *Provider) addExplanation(
	ctx context.Context, scope action.Scope, op plan.Operation, o plan.Observation, err error,
) (plan.Observation, error) {
	if err != nil || !scope.Explain || o.Phase != plan.PhaseRunning || o.Message != "" {
		return o, err
	}
	pods, err := p.listPods(ctx, scope, op)
	if err != nil {
		return o, err
	}
	o.Reason, o.Message = whyPodsUnfinished(pods, scope.Now)
	return o, nil
}

// explainJob adds to the observation of a Job of ours why it does not go on, or why it failed. That costs a read, and only if
// a stop waits for the Job for long, if its work does not run for long, or once it has failed.
func (p *Provider) explainJob(
	ctx context.Context, scope action.Scope, op plan.Operation, job *batchv1.Job, o plan.Observation,
) (plan.Observation, error) {
	failed := o.Phase == plan.PhaseFailed
	waiting := o.Phase == plan.PhaseRunning && o.Message == "" && (scope.Explain || isLateToRun(job, scope, op))
	if !failed && !waiting {
		return o, nil
	}
	pods, err := p.listPods(ctx, scope, op)
	if err != nil {
		return o, err
	}
	if failed {
		o.Message = strings.TrimSpace(o.Message + " " + describeLastFailure(pods))
		return o, nil
	}
	o.Reason, o.Message = whyPodsUnfinished(pods, scope.Now)
	if o.Reason == "" && isIdle(job) && !slices.ContainsFunc(pods, isUnfinishedPod) {
		o.Reason, o.Message = whyIdle(job, pods)
	}
	return o, nil
}

// isLateToRun reports whether the action was started some time ago and no pod of its Job is ready.
func isLateToRun(job *batchv1.Job, scope action.Scope, op plan.Operation) bool {
	ready := job.Status.Ready != nil && *job.Status.Ready > 0
	return !ready && op.StartTime != nil && scope.Now.Sub(op.StartTime.Time) >= notRunningAfter
}

// whyIdle returns why a Job that runs has no pod that does.
func whyIdle(job *batchv1.Job, pods []corev1.Pod) (reason, message string) {
	last := findLastFailed(pods)
	if last == nil {
		return v1alpha1.ReasonNoPod, fmt.Sprintf("Job %q has to finish, and has no pod; `kubectl describe job %s` shows why.", job.Name, job.Name)
	}
	return v1alpha1.ReasonRetrying, fmt.Sprintf("Job %q has %d failed pods and waits before its next try. %s",
		job.Name, job.Status.Failed, describeLastFailure(pods))
}

// whyPodsUnfinished returns why the first pod has not ended of which that needs explaining.
func whyPodsUnfinished(pods []corev1.Pod, now metav1.Time) (reason, message string) {
	for i := range pods {
		if !isUnfinishedPod(pods[i]) {
			continue
		}
		if reason, message = whyUnfinished(&pods[i], now); reason != "" {
			return reason, message
		}
	}
	return "", ""
}

// endingSlack is how long after its grace period a pod may still be there on a healthy node: the kubelet ends its containers
// when the period is over, and removes the pod a little later.
const endingSlack = 10 * time.Second

// whyUnfinished returns why a pod has not ended, if that needs explaining: nothing for one that just runs. The message
// does not change as time goes by.
func whyUnfinished(pod *corev1.Pod, now metav1.Time) (reason, message string) {
	switch {
	case pod.DeletionTimestamp != nil && now.Sub(pod.DeletionTimestamp.Time) > endingSlack:
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
