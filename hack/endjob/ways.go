// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// jobChange changes a Job. It names the Job's uid, so that it never touches another Job of the same name.
type jobChange func(ctx context.Context, cluster *testCluster, tracked *trackedJob) error

// endingWay is one way to end a Job.
type endingWay struct {
	name       string
	shortName  string // heads a column
	requestEnd jobChange
	// hasReported reports whether the Job reports that it has ended. A Job that is gone is nil.
	hasReported func(job *batchv1.Job) bool
}

const (
	wayDeleteForeground    = "delete, foreground"
	wayDeleteBackground    = "delete, background"
	waySuspend             = "`suspend`"
	waySuspendAndDelete    = "`suspend`, and the ender deletes the pods"
	waySuspendAndZero      = "`suspend` and `parallelism: 0`"
	wayShortDeadline       = "`activeDeadlineSeconds: 1`"
	columnSuspendAndDelete = "`suspend`, pods deleted"
)

func allWays() []endingWay {
	return []endingWay{
		{wayDeleteForeground, wayDeleteForeground, deleteJob(metav1.DeletePropagationForeground), isGone},
		{wayDeleteBackground, wayDeleteBackground, deleteJob(metav1.DeletePropagationBackground), isGone},
		{waySuspend, waySuspend, patchSpec(`"suspend":true`), hasCondition(batchv1.JobSuspended)},
		{waySuspendAndDelete, columnSuspendAndDelete, suspendAndDeletePods, hasCondition(batchv1.JobSuspended)},
		{waySuspendAndZero, waySuspendAndZero, suspendWithoutParallelism, hasCondition(batchv1.JobSuspended)},
		{wayShortDeadline, wayShortDeadline, patchSpec(`"activeDeadlineSeconds":1`), hasCondition(batchv1.JobFailed)},
	}
}

func deleteJob(policy metav1.DeletionPropagation) jobChange {
	return func(ctx context.Context, cluster *testCluster, tracked *trackedJob) error {
		tracked.requests++
		options := metav1.DeleteOptions{Preconditions: metav1.NewUIDPreconditions(string(tracked.uid)), PropagationPolicy: &policy}
		return cluster.jobs.Delete(ctx, tracked.name, options)
	}
}

func patchSpec(fields string) jobChange {
	return patchJob(`{"metadata":{"uid":%q},"spec":{` + fields + `}}`)
}

func patchMetadata(fields string) jobChange {
	return patchJob(`{"metadata":{"uid":%q,` + fields + `}}`)
}

func patchJob(format string) jobChange {
	return func(ctx context.Context, cluster *testCluster, tracked *trackedJob) error {
		tracked.requests++
		body := fmt.Sprintf(format, tracked.uid)
		_, err := cluster.jobs.Patch(ctx, tracked.name, types.MergePatchType, []byte(body), metav1.PatchOptions{})
		return err
	}
}

// suspendAndDeletePods knows the pods from the watch. Each pod keeps its own grace period.
func suspendAndDeletePods(ctx context.Context, cluster *testCluster, tracked *trackedJob) error {
	if err := patchSpec(`"suspend":true`)(ctx, cluster, tracked); err != nil {
		return err
	}
	for _, pod := range tracked.remainingPods() {
		tracked.requests++
		options := metav1.DeleteOptions{Preconditions: metav1.NewUIDPreconditions(string(pod.UID))}
		if err := cluster.pods.Delete(ctx, pod.Name, options); err != nil && !apierrors.IsNotFound(err) {
			return err
		}
	}
	return nil
}

// suspendWithoutParallelism also sets parallelism to 0, so that nothing starts if somebody else resumes the Job. The
// resourceVersion has the API server refuse the patch if the Job was resumed since it was read.
func suspendWithoutParallelism(ctx context.Context, cluster *testCluster, tracked *trackedJob) error {
	for {
		version, err := tracked.awaitCurrentCondition(ctx)
		if err != nil {
			return err
		}
		tracked.requests++
		body := fmt.Sprintf(`{"metadata":{"uid":%q,"resourceVersion":%q},"spec":{"suspend":true,"parallelism":0}}`, tracked.uid, version)
		_, err = cluster.jobs.Patch(ctx, tracked.name, types.MergePatchType, []byte(body), metav1.PatchOptions{})
		if !apierrors.IsConflict(err) {
			return err
		}
		if err := sleepFor(ctx, 10*time.Millisecond); err != nil {
			return err
		}
	}
}

// awaitCurrentCondition waits until the condition Suspended does not describe an earlier suspension any more, and returns
// the Job's resourceVersion at that time. docs/ending-jobs.md, "A condition that is out of date", describes the case.
func (j *trackedJob) awaitCurrentCondition(ctx context.Context) (version string, err error) {
	err = j.waitUntil(ctx, "its condition shows that it is resumed", func() bool {
		if j.job == nil || !*j.job.Spec.Suspend && isConditionTrue(j.job, batchv1.JobSuspended) {
			return false
		}
		version = j.job.ResourceVersion
		return true
	})
	return version, err
}

func isGone(job *batchv1.Job) bool { return job == nil }

func hasCondition(conditionType batchv1.JobConditionType) func(*batchv1.Job) bool {
	return func(job *batchv1.Job) bool { return job != nil && isConditionTrue(job, conditionType) }
}

func isConditionTrue(job *batchv1.Job, conditionType batchv1.JobConditionType) bool {
	for _, condition := range job.Status.Conditions {
		if condition.Type == conditionType {
			return condition.Status == corev1.ConditionTrue
		}
	}
	return false
}
