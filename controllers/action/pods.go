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
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/plan"
)

// PodMetadata returns an empty object that stands for pods of which only the metadata is read.
func PodMetadata() *metav1.PartialObjectMetadata {
	pod := &metav1.PartialObjectMetadata{}
	pod.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Pod"))
	return pod
}

// podsLeft returns the pods of an action that are not gone, from the API server itself. Those that had ended before anybody
// deleted them, such as a failed try, are no work and stay as the Job's record. They are found by the name of the Job and
// not by its uid: a Job of the name that was deleted before its uid was recorded may have left some.
func (r *Runner) podsLeft(ctx context.Context, run Run, t plan.Task) ([]corev1.Pod, error) {
	pods := &corev1.PodList{}
	err := r.Live.List(ctx, pods, client.InNamespace(run.Execution.Namespace), client.MatchingLabels{
		batchv1.JobNameLabel: t.JobName, v1alpha1.LabelExecutionID: string(run.Execution.UID),
	})
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

// Remains reports whether a Job or a pod of an execution that was deleted is not gone yet. Jobs that the execution does not
// own were left to go on outside it.
func (r *Runner) Remains(ctx context.Context, namespace, executionID string) (bool, error) {
	ofExecution := client.MatchingLabels{v1alpha1.LabelExecutionID: executionID}
	jobs := &batchv1.JobList{}
	if err := r.Live.List(ctx, jobs, client.InNamespace(namespace), ofExecution); err != nil {
		return false, fmt.Errorf("listing the Jobs of an execution: %w", err)
	}
	left := map[types.UID]bool{}
	for _, j := range jobs.Items {
		if slices.ContainsFunc(j.OwnerReferences, func(o metav1.OwnerReference) bool { return string(o.UID) == executionID }) {
			return true, nil
		}
		left[j.UID] = true
	}
	pods := &metav1.PartialObjectMetadataList{}
	pods.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("PodList"))
	if err := r.Live.List(ctx, pods, client.InNamespace(namespace), ofExecution); err != nil {
		return false, fmt.Errorf("listing the pods of an execution: %w", err)
	}
	return slices.ContainsFunc(pods.Items, func(p metav1.PartialObjectMetadata) bool {
		owner := metav1.GetControllerOf(&p)
		return owner != nil && !left[owner.UID]
	}), nil
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
