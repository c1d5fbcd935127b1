// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package job

import (
	"context"
	"fmt"
	"slices"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/action"
	"haltline.dev/haltline/controllers/plan"
)

// remainingPods returns the pods of an action that are not gone, from the API server itself. Those that had ended before
// anybody deleted them, such as a failed try, are no work and stay as the record of the Job. They are found by the name of
// the Job and not by its uid: a Job of the name that was deleted before its uid was recorded may have left some.
func (p *Provider) remainingPods(ctx context.Context, scope action.Scope, op plan.Operation) ([]corev1.Pod, error) {
	pods, err := p.listPods(ctx, scope, op)
	return unfinishedPods(pods), err
}

// unfinishedPods returns the pods that have not ended. The list given is not changed.
func unfinishedPods(pods []corev1.Pod) []corev1.Pod {
	return slices.DeleteFunc(slices.Clone(pods), func(pod corev1.Pod) bool { return isFinishedPod(&pod) })
}

// listPods returns all pods of an action. See remainingPods.
func (p *Provider) listPods(ctx context.Context, scope action.Scope, op plan.Operation) ([]corev1.Pod, error) {
	pods := &corev1.PodList{}
	err := p.APIReader.List(ctx, pods, client.InNamespace(scope.Execution.Namespace), client.MatchingLabels{
		batchv1.JobNameLabel: op.Workload.Name, v1alpha1.LabelExecutionID: string(scope.Execution.UID),
	})
	if err != nil {
		return nil, fmt.Errorf("listing the pods of a Job: %w", err)
	}
	return pods.Items, nil
}

// isFinishedPod reports whether a pod has ended and is kept: "Succeeded: All containers in the Pod have terminated in
// success", "Failed: All containers in the Pod have terminated"
// (https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-phase).
func isFinishedPod(pod *corev1.Pod) bool {
	ended := pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
	return ended && pod.DeletionTimestamp == nil
}

// maxPodNames bounds how many pods a message names.
const maxPodNames = 3

// joinPodNames names the first few pods.
func joinPodNames(pods []corev1.Pod) string {
	var names []string
	for _, pod := range pods[:min(len(pods), maxPodNames)] {
		names = append(names, pod.Name)
	}
	if len(pods) > maxPodNames {
		names = append(names, fmt.Sprintf("and %d more", len(pods)-maxPodNames))
	}
	return strings.Join(names, ", ")
}
