// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package job

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"haltline.dev/haltline/api/v1alpha1"
)

const (
	// settledAfter is how long a container must have ended before the others are taken to run on without it.
	settledAfter = 10 * time.Second
	// crashLoopPeriod is how long a container must run without an error before the kubelet forgets its crashes
	// (https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#restart-policy).
	crashLoopPeriod = 10 * time.Minute
	crashLoopReason = "CrashLoopBackOff"
)

// runsWell reports whether the pod shows that its containers run and that nothing is wrong with it.
func runsWell(pod *corev1.Pod) bool {
	return pod.Status.Phase == corev1.PodRunning && !slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionFalse
	})
}

// whyNotRunning returns what a pod itself shows of why its main container does not run, or of what else is wrong with it.
func whyNotRunning(pod *corev1.Pod, now metav1.Time) cause {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse {
			return cause{cmp.Or(c.Reason, corev1.PodReasonUnschedulable), fmt.Sprintf("Pod %q cannot be scheduled: %s", pod.Name, c.Message)}
		}
	}
	for i := range pod.Status.InitContainerStatuses {
		if c := whyInitContainer(pod, &pod.Status.InitContainerStatuses[i], now); c.reason != "" {
			return c
		}
	}
	for i := range pod.Status.ContainerStatuses {
		if c := whyContainer(pod, &pod.Status.ContainerStatuses[i], now); c.reason != "" {
			return c
		}
	}
	return whyRunsOn(pod, now)
}

// whyInitContainer returns why an init container keeps the others from starting. A sidecar, which is restarted always, keeps
// them until it has started.
func whyInitContainer(pod *corev1.Pod, s *corev1.ContainerStatus, now metav1.Time) cause {
	if c := whyContainer(pod, s, now); c.reason != "" {
		return c
	}
	if s.State.Running == nil {
		return cause{}
	}
	started := s.Started != nil && *s.Started
	switch {
	case isSidecar(pod, s.Name) && !started:
		return cause{v1alpha1.ReasonSidecarNotStarted, fmt.Sprintf("Sidecar %q of pod %q runs since %s and is not started; the other containers "+
			"wait for it. See its startup probe.", s.Name, pod.Name, formatTime(&s.State.Running.StartedAt))}
	case !isSidecar(pod, s.Name):
		return cause{v1alpha1.ReasonInitContainerRunning, fmt.Sprintf("Init container %q of pod %q runs since %s; the other containers wait for it.",
			s.Name, pod.Name, formatTime(&s.State.Running.StartedAt))}
	default:
		return cause{}
	}
}

func isSidecar(pod *corev1.Pod, name string) bool {
	return slices.ContainsFunc(pod.Spec.InitContainers, func(c corev1.Container) bool {
		return c.Name == name && c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways
	})
}

// whyContainer returns why a container does not start, or does not stay up.
func whyContainer(pod *corev1.Pod, s *corev1.ContainerStatus, now metav1.Time) cause {
	if isCrashLooping(s, now) {
		message := fmt.Sprintf("Container %q of pod %q crashes and is started again", s.Name, pod.Name)
		if t := s.LastTerminationState.Terminated; t != nil {
			message += fmt.Sprintf(": it ended with exit code %d%s", t.ExitCode, describeTermination(t))
		}
		return cause{crashLoopReason, message + "."}
	}
	if reason := whyWaiting(s); reason != "" {
		return cause{reason, fmt.Sprintf("Container %q of pod %q, of image %q, cannot start: %s.", s.Name, pod.Name, s.Image, reason)}
	}
	return cause{}
}

// isCrashLooping reports whether a container crashed and was started again a short time ago, or is about to be. Between two
// crashes it runs for a moment; that changes nothing.
func isCrashLooping(s *corev1.ContainerStatus, now metav1.Time) bool {
	if s.State.Waiting != nil && s.State.Waiting.Reason == crashLoopReason {
		return true
	}
	last := s.LastTerminationState.Terminated
	if s.RestartCount == 0 || last == nil || last.ExitCode == 0 {
		return false
	}
	running := s.State.Running
	return running == nil || now.Sub(running.StartedAt.Time) < crashLoopPeriod
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

// whyPending returns the reason of the first container of a pod that has not started, if nothing else is known: its image is being
// pulled, or the pod is being set up.
func whyPending(pod *corev1.Pod) cause {
	if pod.Status.Phase != corev1.PodPending {
		return cause{}
	}
	for _, s := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
		if s.State.Waiting != nil && s.State.Waiting.Reason != "" {
			return cause{s.State.Waiting.Reason, fmt.Sprintf("Container %q of pod %q, of image %q, has not started yet.", s.Name, pod.Name, s.Image)}
		}
	}
	return cause{string(corev1.PodPending), fmt.Sprintf("Pod %q has not started yet.", pod.Name)}
}

// whyRunsOn returns that a container has ended while another, such as a proxy, runs on: the pod does not end by itself.
func whyRunsOn(pod *corev1.Pod, now metav1.Time) cause {
	var ended, running *corev1.ContainerStatus
	for i := range pod.Status.ContainerStatuses {
		s := &pod.Status.ContainerStatuses[i]
		switch t := s.State.Terminated; {
		case t != nil && now.Sub(t.FinishedAt.Time) >= settledAfter:
			ended = cmp.Or(ended, s)
		case s.State.Running != nil:
			running = cmp.Or(running, s)
		}
	}
	if ended == nil || running == nil {
		return cause{}
	}
	return cause{v1alpha1.ReasonContainerRunsOn, fmt.Sprintf("Container %q of pod %q has ended with exit code %d, and container %q runs on; the pod "+
		"ends when all have.", ended.Name, pod.Name, ended.State.Terminated.ExitCode, running.Name)}
}
