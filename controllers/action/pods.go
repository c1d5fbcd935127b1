// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package action

import (
	"context"
	"fmt"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// UnfinishedPods selects the pods that have not ended: "Succeeded: All containers in the Pod have terminated in
// success", "Failed: All containers in the Pod have terminated"
// (https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-phase).
var UnfinishedPods = fields.AndSelectors(
	fields.OneTermNotEqualSelector("status.phase", string(corev1.PodSucceeded)),
	fields.OneTermNotEqualSelector("status.phase", string(corev1.PodFailed)),
)

// PodMetadata returns an empty object that stands for pods of which only the metadata is read.
func PodMetadata() *metav1.PartialObjectMetadata {
	pod := &metav1.PartialObjectMetadata{}
	pod.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Pod"))
	return pod
}

// maxPods bounds how many pods are read to name them.
const maxPods = 4

// livePods returns names of pods of a Job that have not ended, at most maxPods, from the API server itself.
func (r *Runner) livePods(ctx context.Context, namespace, jobUID string) ([]string, error) {
	pods := &metav1.PartialObjectMetadataList{}
	pods.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("PodList"))
	err := r.Live.List(ctx, pods, client.InNamespace(namespace), client.Limit(maxPods),
		client.MatchingLabels{batchv1.ControllerUidLabel: jobUID},
		client.MatchingFieldsSelector{Selector: UnfinishedPods})
	if err != nil {
		return nil, fmt.Errorf("listing the pods of a Job: %w", err)
	}
	var names []string
	for _, p := range pods.Items {
		names = append(names, p.Name)
	}
	return names, nil
}

// nameFew names the first few pods.
func nameFew(pods []string) string {
	if len(pods) < maxPods {
		return strings.Join(pods, ", ")
	}
	return strings.Join(pods[:maxPods-1], ", ") + " and more"
}
