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

// way is one way to end a Job.
type way struct {
	name string
	// begin asks for the end. It names the uid, so that it never touches another Job of that name.
	begin func(ctx context.Context, c *cluster, s *subject) error
	// said reports whether the Job says that it has ended; a Job that is gone is nil.
	said func(job *batchv1.Job) bool
}

func ways() []way {
	foreground, background := metav1.DeletePropagationForeground, metav1.DeletePropagationBackground
	return []way{
		{"delete, foreground", remove(foreground), isGone},
		{"delete, background", remove(background), isGone},
		{"`suspend`", patch(`"suspend":true`), has(batchv1.JobSuspended)},
		{"`suspend`, and the ender deletes the pods", suspendAndDelete, has(batchv1.JobSuspended)},
		{"`suspend` and `parallelism: 0`", suspendForGood, has(batchv1.JobSuspended)},
		{"`activeDeadlineSeconds: 1`", patch(`"activeDeadlineSeconds":1`), has(batchv1.JobFailed)},
	}
}

func remove(policy metav1.DeletionPropagation) func(context.Context, *cluster, *subject) error {
	return func(ctx context.Context, c *cluster, s *subject) error {
		s.requests++
		options := metav1.DeleteOptions{Preconditions: metav1.NewUIDPreconditions(string(s.uid)), PropagationPolicy: &policy}
		return c.jobs.Delete(ctx, s.name, options)
	}
}

func patch(spec string) func(context.Context, *cluster, *subject) error {
	return patchWith(`{"metadata":{"uid":%q},"spec":{` + spec + `}}`)
}

func patchMetadata(metadata string) func(context.Context, *cluster, *subject) error {
	return patchWith(`{"metadata":{"uid":%q,` + metadata + `}}`)
}

func patchWith(format string) func(context.Context, *cluster, *subject) error {
	return func(ctx context.Context, c *cluster, s *subject) error {
		s.requests++
		body := fmt.Sprintf(format, s.uid)
		_, err := c.jobs.Patch(ctx, s.name, types.MergePatchType, []byte(body), metav1.PatchOptions{})
		return err
	}
}

// suspendAndDelete knows the pods from its watch. The grace period is that of the pod.
func suspendAndDelete(ctx context.Context, c *cluster, s *subject) error {
	if err := patch(`"suspend":true`)(ctx, c, s); err != nil {
		return err
	}
	for _, pod := range s.podsLeft() {
		s.requests++
		options := metav1.DeleteOptions{Preconditions: metav1.NewUIDPreconditions(string(pod.UID))}
		if err := c.pods.Delete(ctx, pod.Name, options); err != nil && !apierrors.IsNotFound(err) {
			return err
		}
	}
	return nil
}

// suspendForGood also sees to it that nothing starts when another resumes the Job. The condition Suspended may be that of
// before, where the Job was suspended once already; then it waits until the Job controller has noticed the resumption.
// The resourceVersion keeps it from going by an older state of the Job.
func suspendForGood(ctx context.Context, c *cluster, s *subject) error {
	for {
		version, err := s.noticed(ctx)
		if err != nil {
			return err
		}
		s.requests++
		body := fmt.Sprintf(`{"metadata":{"uid":%q,"resourceVersion":%q},"spec":{"suspend":true,"parallelism":0}}`, s.uid, version)
		_, err = c.jobs.Patch(ctx, s.name, types.MergePatchType, []byte(body), metav1.PatchOptions{})
		if !apierrors.IsConflict(err) {
			return err
		}
		if err := sleep(ctx, 10*time.Millisecond); err != nil {
			return err
		}
	}
}

// noticed waits until the condition Suspended says nothing of the time before a resumption, and returns the
// resourceVersion in which that is so.
func (s *subject) noticed(ctx context.Context) (version string, err error) {
	err = s.until(ctx, "its condition says that it is resumed", func() bool {
		if s.job == nil || !*s.job.Spec.Suspend && isTrue(s.job, batchv1.JobSuspended) {
			return false
		}
		version = s.job.ResourceVersion
		return true
	})
	return version, err
}

func isGone(job *batchv1.Job) bool { return job == nil }

func has(conditionType batchv1.JobConditionType) func(*batchv1.Job) bool {
	return func(job *batchv1.Job) bool { return job != nil && isTrue(job, conditionType) }
}

func isTrue(job *batchv1.Job, conditionType batchv1.JobConditionType) bool {
	for _, condition := range job.Status.Conditions {
		if condition.Type == conditionType {
			return condition.Status == corev1.ConditionTrue
		}
	}
	return false
}
