// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package job

import (
	"context"
	"fmt"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"haltline.dev/haltline/api/v1alpha1"
)

// The Job controller waits this long after the first failure, twice as long after each that follows, and so on
// (https://kubernetes.io/docs/concepts/workloads/controllers/job/#pod-backoff-failure-policy).
const (
	firstBackoff = 10 * time.Second
	lastBackoff  = 10 * time.Minute
)

// findCauseOfIdleness returns why a Job that runs has no pod that does.
func (p *Provider) findCauseOfIdleness(ctx context.Context, job *batchv1.Job, lastFailed *corev1.Pod) (cause, error) {
	if lastFailed != nil {
		return whyRetrying(job, lastFailed), nil
	}
	warning, err := p.findWarning(ctx, job)
	if err != nil {
		return cause{}, err
	}
	if warning == nil {
		return cause{v1alpha1.ReasonNoPod, fmt.Sprintf("Job %q has to finish, and has no pod; `kubectl describe job %s` shows why.", job.Name, job.Name)}, nil
	}
	return cause{v1alpha1.ReasonNoPod, fmt.Sprintf("Job %q has no pod: %s: %s", job.Name, warning.Reason, warning.Message)}, nil
}

// whyRetrying returns that a Job waits before its next try, how the last one failed, and about when the next comes.
func whyRetrying(job *batchv1.Job, last *corev1.Pod) cause {
	message := fmt.Sprintf("Job %q waits before its next try", job.Name)
	if at := nextTry(job, last); at != nil {
		message += fmt.Sprintf(", at about %s", formatTime(at))
	}
	return cause{v1alpha1.ReasonRetrying, fmt.Sprintf("%s. Failed so far: %d. %s", message, job.Status.Failed, describeFailure(last))}
}

// nextTry returns about when the Job controller starts the next pod, or nil if that cannot be told: where some indexes of a Job
// succeeded, its count starts anew.
func nextTry(job *batchv1.Job, last *corev1.Pod) *metav1.Time {
	c := findFailedContainer(last)
	if c == nil || job.Status.Failed < 1 || job.Status.Succeeded > 0 {
		return nil
	}
	delay := firstBackoff
	for range job.Status.Failed - 1 {
		delay = min(2*delay, lastBackoff)
	}
	return &metav1.Time{Time: c.State.Terminated.FinishedAt.Add(delay)}
}
