// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package job

import (
	"context"
	"fmt"
	"iter"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/action"
	"haltline.dev/haltline/controllers/plan"
)

// Users decide how large a pod is. So pods are read in small pages, only a few workers read at the same time, and of each pod
// only what stripPod leaves is kept.
const (
	pageSize = 10
	// maxRemaining is how many of the pods that are left are kept. Where it matters whether any is left, the others need not be read.
	maxRemaining = 20
)

// remainingPods returns the first pods of an action that are not gone, at most maxRemaining, from the API server itself. Those
// that had ended before anybody deleted them, such as a failed try, are no work and stay as the record of the Job. They are found
// by the name of the Job and not by its uid: a Job of the name that was deleted before its uid was recorded may have left some.
func (p *Provider) remainingPods(ctx context.Context, scope action.Scope, op plan.Operation) ([]corev1.Pod, error) {
	var remaining []corev1.Pod
	for pod, err := range p.podsOfAction(ctx, scope, op) {
		if err != nil {
			return nil, err
		}
		if isFinishedPod(pod) {
			continue
		}
		if remaining = append(remaining, *pod); len(remaining) == maxRemaining {
			break
		}
	}
	return remaining, nil
}

// podsOfAction goes through all pods of an action. See remainingPods.
func (p *Provider) podsOfAction(ctx context.Context, scope action.Scope, op plan.Operation) iter.Seq2[*corev1.Pod, error] {
	all := p.listPods(ctx, scope.Execution.Namespace, client.MatchingLabels{
		batchv1.JobNameLabel: op.Workload.Name, v1alpha1.LabelExecutionID: string(scope.Execution.UID),
	})
	return func(yield func(*corev1.Pod, error) bool) {
		for pod, err := range all {
			if (err != nil || isOfJob(pod, op.Workload.Name)) && !yield(pod, err) {
				return
			}
		}
	}
}

// isOfJob reports whether a pod with the labels of a Job's pods is one: a Job of that name controls it, or it lost its controller and
// has the label of one. Whoever may create pods can put our labels on any.
func isOfJob(pod *corev1.Pod, name string) bool {
	owner := metav1.GetControllerOf(pod)
	if owner == nil {
		return pod.Labels[batchv1.ControllerUidLabel] != ""
	}
	return isJob(owner) && owner.Name == name
}

func isJob(owner *metav1.OwnerReference) bool {
	return owner.Kind == "Job" && strings.HasPrefix(owner.APIVersion, batchv1.GroupName+"/")
}

// listPods goes through the pods that have all labels, a page at a time, until the loop ends or a page cannot be read.
func (p *Provider) listPods(ctx context.Context, namespace string, labels client.MatchingLabels) iter.Seq2[*corev1.Pod, error] {
	return eachItem(func(from string) ([]corev1.Pod, string, error) {
		page := &corev1.PodList{}
		err := p.readPage(ctx, page, namespace, labels, from)
		for i := range page.Items {
			stripPod(&page.Items[i])
		}
		return page.Items, page.Continue, err
	})
}

// eachItem goes through the items of all pages. A page is read from where the page before it ended.
func eachItem[T any](read func(from string) (items []T, next string, err error)) iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		next := ""
		for {
			items, following, err := read(next)
			if err != nil {
				yield(nil, err)
				return
			}
			for i := range items {
				if !yield(&items[i], nil) {
					return
				}
			}
			if next = following; next == "" {
				return
			}
		}
	}
}

// readPage reads one page of a kind.
func (p *Provider) readPage(ctx context.Context, page client.ObjectList, namespace string, labels client.MatchingLabels, from string) error {
	return p.LargeReads.Do(ctx, func() error {
		err := p.APIReader.List(ctx, page, client.InNamespace(namespace), labels, client.Limit(pageSize), client.Continue(from))
		if err != nil {
			return fmt.Errorf("listing what an action runs: %w", err)
		}
		return nil
	})
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

// joinPodNames names the first few pods of those that remainingPods returns.
func joinPodNames(pods []corev1.Pod) string {
	var names []string
	for _, pod := range pods[:min(len(pods), maxPodNames)] {
		names = append(names, pod.Name)
	}
	if len(pods) > maxPodNames {
		names = append(names, fmt.Sprintf("and %s%d more", atLeast(pods), len(pods)-maxPodNames))
	}
	return strings.Join(names, ", ")
}

// atLeast begins a number of pods if there may be others that were not read.
func atLeast(pods []corev1.Pod) string {
	if len(pods) == maxRemaining {
		return "at least "
	}
	return ""
}
