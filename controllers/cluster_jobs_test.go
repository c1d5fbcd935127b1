// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"slices"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
)

// runJobController gives Jobs their pods, and ends those of suspended ones.
func (cluster *fakeCluster) runJobController() {
	cluster.t.Helper()
	ctx := context.Background()
	jobs := &batchv1.JobList{}
	cluster.must(cluster.raw.List(ctx, jobs))
	for i := range jobs.Items {
		job := &jobs.Items[i]
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
			Namespace: job.Namespace, Name: job.Name + "-pod", Labels: map[string]string{
				batchv1.ControllerUidLabel: string(job.UID), batchv1.JobNameLabel: job.Name,
				v1alpha1.LabelExecutionID: job.Labels[v1alpha1.LabelExecutionID],
			},
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(job, batchv1.SchemeGroupVersion.WithKind("Job"))},
		}}
		switch {
		case isFinished(job):
		case ptr.Deref(job.Spec.Suspend, false):
			if !cluster.isDeleting(pod) {
				cluster.countEffect(cluster.raw.Delete(ctx, pod))
			}
			cluster.setJobCondition(job, batchv1.JobSuspended)
		default:
			cluster.countEffect(cluster.raw.Create(ctx, pod))
		}
	}
}

// countEffect counts a change, unless it was made before.
func (cluster *fakeCluster) countEffect(err error) {
	cluster.t.Helper()
	if err == nil {
		cluster.effects++
		return
	}
	cluster.must(client.IgnoreAlreadyExists(client.IgnoreNotFound(err)))
}

// isDeleting reports whether a pod is there that was deleted, and that a finalizer keeps.
func (cluster *fakeCluster) isDeleting(pod *corev1.Pod) bool {
	cluster.t.Helper()
	current := &corev1.Pod{}
	err := cluster.raw.Get(context.Background(), client.ObjectKeyFromObject(pod), current)
	cluster.must(client.IgnoreNotFound(err))
	return err == nil && current.DeletionTimestamp != nil
}

func isFinished(job *batchv1.Job) bool {
	return slices.ContainsFunc(job.Status.Conditions, func(c batchv1.JobCondition) bool {
		return c.Type == batchv1.JobComplete || c.Type == batchv1.JobFailed
	})
}

// setJobCondition gives a Job a condition, once.
func (cluster *fakeCluster) setJobCondition(job *batchv1.Job, t batchv1.JobConditionType) {
	cluster.t.Helper()
	if !slices.ContainsFunc(job.Status.Conditions, func(c batchv1.JobCondition) bool { return c.Type == t }) {
		job.Status.Conditions = append(job.Status.Conditions, batchv1.JobCondition{Type: t, Status: corev1.ConditionTrue})
		cluster.countEffect(cluster.raw.Status().Update(context.Background(), job))
	}
}

// finishJob ends the Job of an action.
func (cluster *fakeCluster) finishJob(name string, how batchv1.JobConditionType) {
	cluster.t.Helper()
	cluster.must(client.IgnoreNotFound(cluster.raw.Delete(context.Background(), &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: cluster.findJob(name).Name + "-pod"}})))
	cluster.setJobCondition(cluster.findJob(name), how)
}

// deleteJob deletes the Job of an action and its pod, as the garbage collector does.
func (cluster *fakeCluster) deleteJob(name string) {
	cluster.t.Helper()
	job := cluster.findJob(name)
	cluster.must(cluster.raw.Delete(context.Background(), job))
	cluster.must(cluster.raw.Delete(context.Background(), &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: job.Namespace, Name: job.Name + "-pod"}}))
}

func (cluster *fakeCluster) findJob(name string) *batchv1.Job {
	cluster.t.Helper()
	for _, o := range cluster.listObjects() {
		if job, ok := o.(*batchv1.Job); ok && job.Annotations[v1alpha1.AnnotationAction] == name {
			return job
		}
	}
	cluster.t.Fatalf("no Job of action %q: %s", name, cluster.summarize())
	return nil
}
