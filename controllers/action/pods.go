// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package action

import (
	"context"
	"fmt"
	"slices"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// PodMetadata returns an empty object that stands for pods of which only the metadata is read.
func PodMetadata() *metav1.PartialObjectMetadata {
	pod := &metav1.PartialObjectMetadata{}
	pod.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Pod"))
	return pod
}

// podsLeft returns the pods of a Job that are not gone, from the API server itself. Those that had ended before anybody
// deleted them, such as a failed try, are no work and stay as the Job's record.
func (r *Runner) podsLeft(ctx context.Context, namespace, jobUID string) ([]corev1.Pod, error) {
	pods := &corev1.PodList{}
	err := r.Live.List(ctx, pods, client.InNamespace(namespace), client.MatchingLabels{batchv1.ControllerUidLabel: jobUID})
	if err != nil {
		return nil, fmt.Errorf("listing the pods of a Job: %w", err)
	}
	return slices.DeleteFunc(pods.Items, func(p corev1.Pod) bool { return isRecord(&p) }), nil
}

// isRecord reports whether a pod has ended and is kept: "Succeeded: All containers in the Pod have terminated in
// success", "Failed: All containers in the Pod have terminated"
// (https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-phase).
func isRecord(pod *corev1.Pod) bool {
	ended := pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
	return ended && pod.DeletionTimestamp == nil
}

// maxNames bounds how many pods a message names.
const maxNames = 3

// nameFew names the first few pods.
func nameFew(pods []corev1.Pod) string {
	var names []string
	for _, p := range pods[:min(len(pods), maxNames)] {
		names = append(names, p.Name)
	}
	if len(pods) > maxNames {
		names = append(names, fmt.Sprintf("and %d more", len(pods)-maxNames))
	}
	return strings.Join(names, ", ")
}
