// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package job

import (
	"slices"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/action"
)

// isOurs reports whether the execution controls the Job. A Job that it does not control is never changed.
func isOurs(job *batchv1.Job, scope action.Scope) bool {
	return metav1.IsControlledBy(job, scope.Execution)
}

func isSuspended(job *batchv1.Job) bool {
	return job.Spec.Suspend != nil && *job.Spec.Suspend
}

// isMarkedStopped reports whether a stop has marked the Job, so that a policy keeps others from resuming it.
func isMarkedStopped(job *batchv1.Job) bool {
	return job.Labels[v1alpha1.LabelStopped] == "true"
}

// isEmpty reports whether the Job asks for no pod.
func isEmpty(job *batchv1.Job) bool {
	return job.Spec.Parallelism != nil && *job.Spec.Parallelism == 0
}

// isDecided reports whether the Job controller has decided how the Job ends; it creates no more pods from then on. It may
// never show that the Job has ended: a Job that was suspended before its startTime was recorded, and whose pod succeeded
// nevertheless, cannot become Complete ("startTime is required for finished job").
func isDecided(job *batchv1.Job) bool {
	return isConditionTrue(job, batchv1.JobSuccessCriteriaMet) || isConditionTrue(job, batchv1.JobFailureTarget)
}

// isIdle reports whether the Job controller knows of no pod of the Job, and of no end of it either. It learns of both a
// little later than the pods show them.
func isIdle(job *batchv1.Job) bool {
	uncounted := job.Status.UncountedTerminatedPods
	counted := uncounted == nil || len(uncounted.Succeeded)+len(uncounted.Failed) == 0
	return job.Status.Active == 0 && job.Status.Succeeded == 0 && counted && !isDecided(job)
}

func isConditionTrue(job *batchv1.Job, conditionType batchv1.JobConditionType) bool {
	return findTrueCondition(job, conditionType) != nil
}

func findTrueCondition(job *batchv1.Job, conditionType batchv1.JobConditionType) *batchv1.JobCondition {
	i := slices.IndexFunc(job.Status.Conditions, func(c batchv1.JobCondition) bool {
		return c.Type == conditionType && c.Status == corev1.ConditionTrue
	})
	if i < 0 {
		return nil
	}
	return &job.Status.Conditions[i]
}
