// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package job

import (
	"context"
	"fmt"
	"slices"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/action"
)

// FindRemainingWork returns the Jobs and pods of an execution that was deleted and that are not gone. They are found by the
// labels that they carry: whoever deletes an execution can leave its Jobs without an owner.
func (p *Provider) FindRemainingWork(ctx context.Context, namespace, executionID string, now metav1.Time) (action.RemainingWork, error) {
	ofExecution := client.MatchingLabels{v1alpha1.LabelExecutionID: executionID}
	jobs := &batchv1.JobList{}
	if err := p.APIReader.List(ctx, jobs, client.InNamespace(namespace), ofExecution); err != nil {
		return action.RemainingWork{}, fmt.Errorf("listing the Jobs of an execution: %w", err)
	}
	pods := &corev1.PodList{}
	if err := p.APIReader.List(ctx, pods, client.InNamespace(namespace), ofExecution); err != nil {
		return action.RemainingWork{}, fmt.Errorf("listing the pods of an execution: %w", err)
	}
	return sortRemainingWork(jobs.Items, pods.Items, executionID, now), nil
}

// sortRemainingWork tells what ends by itself from what runs on without an owner.
func sortRemainingWork(jobs []batchv1.Job, pods []corev1.Pod, executionID string, now metav1.Time) action.RemainingWork {
	var work action.RemainingWork
	settled := map[types.UID]bool{}
	for i := range jobs {
		job := &jobs[i]
		name := fmt.Sprintf("Job %q", job.Name)
		_, finished := observeFinished(job)
		switch {
		case isOver(job, now): // A finalizer keeps it. What is left of it are its pods, if any.
		case job.DeletionTimestamp != nil, isOwnedBy(job, executionID):
			work.Ending = append(work.Ending, name) // The garbage collector deletes it.
		case finished, isPlaceholder(job), isOrphaned(job):
			settled[job.UID] = true
		case !isSuspended(job):
			work.LeftRunning = append(work.LeftRunning, name)
			settled[job.UID] = true
		}
	}
	for i := range pods {
		pod := &pods[i]
		name := fmt.Sprintf("pod %q", pod.Name)
		owner := metav1.GetControllerOf(pod)
		switch {
		case isFinishedPod(pod), owner != nil && settled[owner.UID], owner == nil && pod.Labels[batchv1.ControllerUidLabel] == "":
		case owner != nil, pod.DeletionTimestamp != nil:
			work.Ending = append(work.Ending, name)
		default:
			work.LeftRunning = append(work.LeftRunning, name)
		}
	}
	return work
}

func isOwnedBy(job *batchv1.Job, executionID string) bool {
	return slices.ContainsFunc(job.OwnerReferences, func(o metav1.OwnerReference) bool { return string(o.UID) == executionID })
}

// isOrphaned reports whether the Job was left to go on when its action was abandoned.
func isOrphaned(job *batchv1.Job) bool {
	return job.Labels[v1alpha1.LabelOrphaned] == "true"
}
