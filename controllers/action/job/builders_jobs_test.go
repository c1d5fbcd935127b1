// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package job

import (
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/plan"
)

// makeJob returns the Job of the action, which runs, as the API server has it.
func makeJob(change ...func(*batchv1.Job)) *batchv1.Job {
	job, err := buildJob(makeScope(), makeConfirmed(plan.OperationObserve))
	if err != nil {
		panic(err)
	}
	job.UID = jobUID
	job.Spec.Suspend = ptr.To(false)
	for _, c := range change {
		c(job)
	}
	return job
}

// ourLabels are those of every Job of the action, with others.
func ourLabels(others ...string) map[string]string {
	labels := map[string]string{
		v1alpha1.LabelExecutionID: executionUID, v1alpha1.LabelPipeline: "deploy-prod-64406a9f", v1alpha1.LabelStage: "build", v1alpha1.LabelAction: "compile",
	}
	for i := 0; i < len(others); i += 2 {
		labels[others[i]] = others[i+1]
	}
	return labels
}

// ourAnnotations are those of every Job of the action.
func ourAnnotations() map[string]string {
	return map[string]string{v1alpha1.AnnotationPipeline: "deploy@prod", v1alpha1.AnnotationStage: "build", v1alpha1.AnnotationAction: "compile"}
}

// Changes of a Job, for makeJob.
func withoutOwner(j *batchv1.Job) { j.OwnerReferences = nil }

func asOrphan(j *batchv1.Job) { withoutOwner(j); j.Labels[v1alpha1.LabelOrphaned] = "true" }

func asPlaceholder(j *batchv1.Job) {
	j.Labels[v1alpha1.LabelPlaceholder] = "true"
	asSuspended(j)
	asEmpty(j)
}

func asSuspended(j *batchv1.Job) { j.Spec.Suspend = ptr.To(true) }

func asStopped(j *batchv1.Job) { j.Labels[v1alpha1.LabelStopped] = "true" }

func asEmpty(j *batchv1.Job) { j.Spec.Parallelism = ptr.To[int32](0) }

func asComplete(j *batchv1.Job) { j.Status.Conditions = jobConditions(batchv1.JobComplete) }

func asFailed(reason, message string) func(*batchv1.Job) {
	return func(j *batchv1.Job) {
		j.Status.Conditions = jobConditions(batchv1.JobFailureTarget, batchv1.JobFailed)
		j.Status.Conditions[1].Reason, j.Status.Conditions[1].Message = reason, message
	}
}

func asDecided(t batchv1.JobConditionType) func(*batchv1.Job) {
	return func(j *batchv1.Job) { j.Status.Conditions = jobConditions(t) }
}

func asConfirmedSuspended(j *batchv1.Job) { j.Status.Conditions = jobConditions(batchv1.JobSuspended) }

func asResumed(j *batchv1.Job) {
	j.Status.Conditions = jobConditions(batchv1.JobSuspended)
	j.Status.Conditions[0].Status = corev1.ConditionFalse
}

func asDeleting(j *batchv1.Job) {
	j.DeletionTimestamp, j.Finalizers = ptr.To(at(0)), []string{"foregroundDeletion"}
}

func asTakenOver(j *batchv1.Job) {
	j.OwnerReferences = []metav1.OwnerReference{{APIVersion: "example.com/v1", Kind: "Other", Name: "o", UID: "other", Controller: ptr.To(true)}}
}

func asHeld(j *batchv1.Job) { asDeleting(j); j.Finalizers = append(j.Finalizers, "example.com/hold") }

func withOtherUID(j *batchv1.Job) { j.UID = "job-2" }

func jobConditions(types ...batchv1.JobConditionType) []batchv1.JobCondition {
	var c []batchv1.JobCondition
	for _, t := range types {
		c = append(c, batchv1.JobCondition{Type: t, Status: corev1.ConditionTrue, Reason: "R", Message: "m"})
	}
	return c
}
