// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package job

import (
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/action"
	"haltline.dev/haltline/internal/intern"
)

// Labels and annotations that are read.
var (
	keptJobLabels = []string{
		v1alpha1.LabelExecutionID, v1alpha1.LabelPlaceholder, v1alpha1.LabelOrphaned, v1alpha1.LabelStopped,
	}
	keptPodLabels      = []string{v1alpha1.LabelExecutionID, batchv1.ControllerUidLabel}
	keptPodAnnotations = []string{batchv1.JobCompletionIndexAnnotation}
)

// sharedStrings are those that many Jobs and pods have. No other ones go there: it is bounded, and forgets all when it is full.
var sharedStrings intern.Table

// transformJob has the cache keep what stripJob leaves.
func transformJob(obj any) (any, error) {
	if job, ok := obj.(*batchv1.Job); ok {
		stripJob(job)
		shareStrings(&job.TypeMeta, &job.ObjectMeta)
		shareConditions(job.Status.Conditions)
	}
	return obj, nil
}

// stripJob leaves out of a Job what is not read of it once it was created: its template and its selector above all.
func stripJob(job *batchv1.Job) {
	stripWorkMetadata(&job.ObjectMeta, keptJobLabels, nil)
	stripped := batchv1.JobSpec{
		Suspend: job.Spec.Suspend, Parallelism: job.Spec.Parallelism, Completions: job.Spec.Completions,
		ManualSelector: job.Spec.ManualSelector, ManagedBy: job.Spec.ManagedBy,
	}
	if job.Spec.PodFailurePolicy != nil {
		stripped.PodFailurePolicy = &batchv1.PodFailurePolicy{}
	}
	job.Spec = stripped
	job.Status.CompletedIndexes, job.Status.FailedIndexes = "", nil
	if ptr.Deref(job.Status.Ready, 0) == 0 {
		job.Status.Ready = nil
	}
	if u := job.Status.UncountedTerminatedPods; u != nil && len(u.Succeeded)+len(u.Failed) == 0 {
		job.Status.UncountedTerminatedPods = nil
	}
}

// shareStrings has an object share the memory of what others have as well, and of what it has twice: the id of its execution.
func shareStrings(kind *metav1.TypeMeta, meta *metav1.ObjectMeta) {
	kind.Kind, kind.APIVersion = sharedStrings.Intern(kind.Kind), sharedStrings.Intern(kind.APIVersion)
	meta.Namespace = sharedStrings.Intern(meta.Namespace)
	for i := range meta.OwnerReferences {
		o := &meta.OwnerReferences[i]
		o.Kind, o.APIVersion = sharedStrings.Intern(o.Kind), sharedStrings.Intern(o.APIVersion)
		if id, ok := meta.Labels[v1alpha1.LabelExecutionID]; ok && string(o.UID) == id {
			meta.Labels[v1alpha1.LabelExecutionID] = string(o.UID)
		}
	}
}

// shareConditions does the same for conditions.
func shareConditions(conditions []batchv1.JobCondition) {
	for i := range conditions {
		c := &conditions[i]
		c.Type = batchv1.JobConditionType(sharedStrings.Intern(string(c.Type)))
		c.Status = corev1.ConditionStatus(sharedStrings.Intern(string(c.Status)))
		c.Reason, c.Message = sharedStrings.Intern(c.Reason), sharedStrings.Intern(c.Message)
	}
}

// transformPodMetadata leaves of a pod for the cache what its deletion is about.
func transformPodMetadata(obj any) (any, error) {
	if pod, ok := obj.(*metav1.PartialObjectMetadata); ok {
		action.StripMetadata(&pod.ObjectMeta, keptPodLabels, nil)
		shareStrings(&pod.TypeMeta, &pod.ObjectMeta)
	}
	return obj, nil
}

// stripPod leaves out of a pod everything except its metadata that is read, its node, its grace period, its sidecars and its status.
func stripPod(pod *corev1.Pod) {
	stripWorkMetadata(&pod.ObjectMeta, keptPodLabels, keptPodAnnotations)
	spec := corev1.PodSpec{NodeName: pod.Spec.NodeName, TerminationGracePeriodSeconds: pod.Spec.TerminationGracePeriodSeconds}
	for _, c := range pod.Spec.InitContainers {
		spec.InitContainers = append(spec.InitContainers, corev1.Container{Name: c.Name, RestartPolicy: c.RestartPolicy})
	}
	pod.Spec = spec
}

// stripWorkMetadata leaves the owners and the finalizers as well: a policy bounds those of Jobs of ours.
func stripWorkMetadata(meta *metav1.ObjectMeta, labels, annotations []string) {
	owners, finalizers := meta.OwnerReferences, meta.Finalizers
	action.StripMetadata(meta, labels, annotations)
	meta.OwnerReferences, meta.Finalizers = owners, finalizers
}
