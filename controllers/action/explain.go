// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package action

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"haltline.dev/haltline/controllers/plan"
)

// Reasons why a pod keeps a stop waiting, where Kubernetes has none of its own for it.
const (
	// reasonPodNotEnding says that a pod is past its grace period and has not ended.
	reasonPodNotEnding = "PodNotEnding"
	// reasonPodFinalizer says that a pod is past its grace period and has a finalizer of another.
	reasonPodFinalizer = "PodFinalizer"
	// reasonPodTerminating says that a pod is in its grace period.
	reasonPodTerminating = "PodTerminating"
	// reasonNoPod says that a Job that runs has no pod.
	reasonNoPod = "NoPod"
	// reasonJobSuspended says that another suspended the Job.
	reasonJobSuspended = "JobSuspended"
	// reasonJobDeleting says that another deletes the Job.
	reasonJobDeleting = "JobDeleting"
	// reasonJobFinalizer says that another deletes the Job, and that a finalizer keeps it.
	reasonJobFinalizer = "JobFinalizer"
	// reasonJobTakenOver says that the execution does not control the Job any more.
	reasonJobTakenOver = "JobTakenOver"
	// reasonSuspendRefused says that the API server refuses to suspend the Job.
	reasonSuspendRefused = "SuspendRefused"
)

// explain adds to an observation of work that goes on why it does, where that was asked for.
func (r *Runner) explain(ctx context.Context, run Run, t plan.Task, o plan.Observation) (plan.Observation, error) {
	if !run.Explain || o.Phase != plan.Running || o.Message != "" {
		return o, nil
	}
	pods, err := r.podsLeft(ctx, run, t)
	if err != nil {
		return o, err
	}
	for i := range pods {
		if reason, message := whyUnfinished(&pods[i], run.Now); reason != "" {
			o.Reason, o.Message = reason, message
			return o, nil
		}
	}
	if len(pods) > 0 || t.Verb != plan.Observe {
		return o, nil
	}
	job, err := r.find(ctx, run, t)
	if err == nil && job != nil && isIdle(job) {
		o.Reason, o.Message = reasonNoPod, fmt.Sprintf("Job %q has to finish, and has no pod; `kubectl describe job %s` says why.", t.JobName, t.JobName)
	}
	return o, err
}

// isIdle reports whether the Job controller knows of no pod of the Job, and of no end of it either: its word comes a
// little later than that of the pods.
func isIdle(job *batchv1.Job) bool {
	uncounted := job.Status.UncountedTerminatedPods
	counted := uncounted == nil || len(uncounted.Succeeded)+len(uncounted.Failed) == 0
	return job.Status.Active == 0 && job.Status.Succeeded == 0 && counted &&
		!isConditionTrue(job, batchv1.JobSuccessCriteriaMet) && !isConditionTrue(job, batchv1.JobFailureTarget)
}

// whyUnfinished says why a pod has not ended, where that needs saying: not of one that just runs. The message does not
// change as time goes by.
func whyUnfinished(pod *corev1.Pod, now metav1.Time) (reason, message string) {
	switch {
	case pod.DeletionTimestamp != nil && now.After(pod.DeletionTimestamp.Time):
		return whyNotEnding(pod)
	case pod.DeletionTimestamp != nil:
		return reasonPodTerminating, fmt.Sprintf("Pod %q is in its grace period, until %s.", pod.Name, stamp(pod.DeletionTimestamp))
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

// whyDeleting says why a Job that is being deleted is still there. While it is, the Job controller leaves its pods alone.
func whyDeleting(job *batchv1.Job) (reason, message string) {
	finalizers := slices.DeleteFunc(slices.Clone(job.Finalizers), func(f string) bool {
		return f == metav1.FinalizerDeleteDependents || f == metav1.FinalizerOrphanDependents
	})
	if len(finalizers) == 0 {
		return reasonJobDeleting, fmt.Sprintf("Job %q is being deleted by another; its pods have to end.", job.Name)
	}
	return reasonJobFinalizer, fmt.Sprintf("Job %q is being deleted by another and kept by finalizers, which must be removed by "+
		"whoever set them: %s. Its pods end when they are deleted by hand.", job.Name, strings.Join(finalizers, ", "))
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

func whyNotEnding(pod *corev1.Pod) (reason, message string) {
	finalizers := slices.DeleteFunc(slices.Clone(pod.Finalizers), func(f string) bool { return f == batchv1.JobTrackingFinalizer })
	if len(finalizers) > 0 {
		return reasonPodFinalizer, fmt.Sprintf("Pod %q should have ended at %s; its finalizers must be removed by whoever "+
			"set them: %s.", pod.Name, stamp(pod.DeletionTimestamp), strings.Join(finalizers, ", "))
	}
	return reasonPodNotEnding, fmt.Sprintf("Pod %q should have ended at %s and has not; see whether its node %q is lost.",
		pod.Name, stamp(pod.DeletionTimestamp), pod.Spec.NodeName)
}

func stamp(t *metav1.Time) string {
	return t.UTC().Format(time.RFC3339)
}
