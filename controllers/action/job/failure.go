// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package job

import (
	"fmt"
	"slices"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"haltline.dev/haltline/internal/text"
)

// maxTerminationMessage bounds, in characters, how much of a container's termination message is shown: its end.
const maxTerminationMessage = 300

// describeFailure returns how a pod failed; nothing for nil.
func describeFailure(pod *corev1.Pod) string {
	if pod == nil {
		return ""
	}
	name := fmt.Sprintf("Pod %q", pod.Name)
	if index := pod.Annotations[batchv1.JobCompletionIndexAnnotation]; index != "" {
		name += " of index " + index
	}
	if c := findFailedContainer(pod); c != nil {
		return fmt.Sprintf("%s failed: container %q ended with exit code %d%s.", name, c.Name, c.State.Terminated.ExitCode,
			describeTermination(c.State.Terminated))
	}
	if pod.Status.Reason != "" {
		return fmt.Sprintf("%s failed: %s.", name, strings.TrimSuffix(strings.TrimSpace(pod.Status.Reason+": "+pod.Status.Message), "."))
	}
	return name + " failed."
}

// laterFailed returns which of two pods failed last: the one that was created later, if it failed. The first one is known to have
// failed, or nil.
func laterFailed(last, pod *corev1.Pod) *corev1.Pod {
	if pod.Status.Phase == corev1.PodFailed && (last == nil || last.CreationTimestamp.Before(&pod.CreationTimestamp)) {
		return pod
	}
	return last
}

// findFailedContainer returns the first container of a pod that ended with an error, an init container before the others.
func findFailedContainer(pod *corev1.Pod) *corev1.ContainerStatus {
	all := slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses)
	i := slices.IndexFunc(all, func(s corev1.ContainerStatus) bool {
		return s.State.Terminated != nil && s.State.Terminated.ExitCode != 0
	})
	if i < 0 {
		return nil
	}
	return &all[i]
}

// describeTermination returns the reason of Kubernetes, unless it is the plain one, and the end of what the container wrote
// into its termination message.
func describeTermination(t *corev1.ContainerStateTerminated) string {
	said := ""
	if t.Reason != "" && t.Reason != "Error" {
		said += " (" + t.Reason + ")"
	}
	if message := strings.TrimSpace(t.Message); message != "" {
		said += fmt.Sprintf(": %q", text.BoundEnd(message, maxTerminationMessage))
	}
	return said
}
