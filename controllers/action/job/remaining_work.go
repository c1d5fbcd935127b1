// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package job

import (
	"context"
	"fmt"
	"iter"
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
// labels that they carry: whoever deletes an execution can leave its Jobs without an owner. Of each only its name is kept.
func (p *Provider) FindRemainingWork(ctx context.Context, namespace, executionID string, now metav1.Time) (action.RemainingWork, error) {
	ofExecution := client.MatchingLabels{v1alpha1.LabelExecutionID: executionID}
	work := remainingWork{executionID: executionID, now: now, settled: map[types.UID]bool{}}
	for job, err := range p.listJobs(ctx, namespace, ofExecution) {
		if err != nil {
			return action.RemainingWork{}, err
		}
		work.addJob(job)
	}
	for pod, err := range p.listPods(ctx, namespace, ofExecution) {
		if err != nil {
			return action.RemainingWork{}, err
		}
		work.addPod(pod)
	}
	return work.RemainingWork, nil
}

// listJobs goes through the Jobs that have all labels, as the cache would keep them. See listPods.
func (p *Provider) listJobs(ctx context.Context, namespace string, labels client.MatchingLabels) iter.Seq2[*batchv1.Job, error] {
	return eachItem(func(from string) ([]batchv1.Job, string, error) {
		page := &batchv1.JobList{}
		err := p.readPage(ctx, page, namespace, labels, from)
		for i := range page.Items {
			stripJob(&page.Items[i])
		}
		return page.Items, page.Continue, err
	})
}

// remainingWork tells what ends by itself from what runs on without an owner. Jobs are added before pods.
type remainingWork struct {
	action.RemainingWork

	executionID string
	now         metav1.Time
	// settled are the Jobs whose pods do not count.
	settled map[types.UID]bool
}

func (w *remainingWork) addJob(job *batchv1.Job) {
	name := fmt.Sprintf("Job %q", job.Name)
	_, finished := observeFinished(job)
	switch {
	case isOver(job, w.now): // A finalizer keeps it. What is left of it are its pods, if any.
	case job.DeletionTimestamp != nil, isOwnedBy(job, w.executionID):
		w.Ending = append(w.Ending, name) // The garbage collector deletes it.
	case finished, isPlaceholder(job), isOrphaned(job):
		w.settled[job.UID] = true
	case !isSuspended(job):
		w.LeftRunning = append(w.LeftRunning, name)
		w.settled[job.UID] = true
	}
}

func (w *remainingWork) addPod(pod *corev1.Pod) {
	name := fmt.Sprintf("pod %q", pod.Name)
	owner := metav1.GetControllerOf(pod)
	switch {
	case isFinishedPod(pod), owner != nil && (w.settled[owner.UID] || !isJob(owner)), owner == nil && pod.Labels[batchv1.ControllerUidLabel] == "":
	case owner != nil, pod.DeletionTimestamp != nil:
		w.Ending = append(w.Ending, name)
	default:
		w.LeftRunning = append(w.LeftRunning, name)
	}
}

func isOwnedBy(job *batchv1.Job, executionID string) bool {
	return slices.ContainsFunc(job.OwnerReferences, func(o metav1.OwnerReference) bool { return string(o.UID) == executionID })
}

// isOrphaned reports whether the Job was left to go on when its action was abandoned.
func isOrphaned(job *batchv1.Job) bool {
	return job.Labels[v1alpha1.LabelOrphaned] == "true"
}
