// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package job

import (
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/action"
)

// keptLabels are the labels of Jobs and pods that are read.
var keptLabels = []string{
	v1alpha1.LabelExecutionID, v1alpha1.LabelPipeline, v1alpha1.LabelStage, v1alpha1.LabelAction,
	v1alpha1.LabelPlaceholder, v1alpha1.LabelOrphaned, v1alpha1.LabelStopped,
	batchv1.JobNameLabel, batchv1.ControllerUidLabel,
}

// keptAnnotations are the annotations of Jobs and pods that are read.
var keptAnnotations = []string{
	v1alpha1.AnnotationPipeline, v1alpha1.AnnotationStage, v1alpha1.AnnotationAction,
	batchv1.JobCompletionIndexAnnotation,
}

// transformJob has the cache keep what stripJob leaves.
func transformJob(obj any) (any, error) {
	if job, ok := obj.(*batchv1.Job); ok {
		stripJob(job)
	}
	return obj, nil
}

// stripJob leaves out of a Job what is not read of it once it was created: its template above all.
func stripJob(job *batchv1.Job) {
	stripWorkMetadata(&job.ObjectMeta)
	stripped := batchv1.JobSpec{
		Suspend: job.Spec.Suspend, Parallelism: job.Spec.Parallelism, Completions: job.Spec.Completions,
		ManualSelector: job.Spec.ManualSelector, ManagedBy: job.Spec.ManagedBy, Selector: stripSelector(job.Spec.Selector),
	}
	if job.Spec.PodFailurePolicy != nil {
		stripped.PodFailurePolicy = &batchv1.PodFailurePolicy{}
	}
	job.Spec = stripped
	job.Status.CompletedIndexes, job.Status.FailedIndexes = "", nil
}

// stripSelector leaves a selector that the API server gave the Job, and of another one only that it is none of those.
func stripSelector(selector *metav1.LabelSelector) *metav1.LabelSelector {
	if selector == nil || len(selector.MatchLabels) == 1 && len(selector.MatchExpressions) == 0 {
		return selector
	}
	return &metav1.LabelSelector{}
}

// transformPodMetadata leaves of a pod for the cache what its deletion is about.
func transformPodMetadata(obj any) (any, error) {
	if pod, ok := obj.(*metav1.PartialObjectMetadata); ok {
		action.StripMetadata(&pod.ObjectMeta, keptLabels, nil)
	}
	return obj, nil
}

// stripPod leaves out of a pod everything except its metadata that is read, its node, its grace period, its sidecars and its status.
func stripPod(pod *corev1.Pod) {
	stripWorkMetadata(&pod.ObjectMeta)
	spec := corev1.PodSpec{NodeName: pod.Spec.NodeName, TerminationGracePeriodSeconds: pod.Spec.TerminationGracePeriodSeconds}
	for _, c := range pod.Spec.InitContainers {
		spec.InitContainers = append(spec.InitContainers, corev1.Container{Name: c.Name, RestartPolicy: c.RestartPolicy})
	}
	pod.Spec = spec
}

// stripWorkMetadata leaves the owners and the finalizers as well: a policy bounds those of Jobs of ours.
func stripWorkMetadata(meta *metav1.ObjectMeta) {
	owners, finalizers := meta.OwnerReferences, meta.Finalizers
	action.StripMetadata(meta, keptLabels, keptAnnotations)
	meta.OwnerReferences, meta.Finalizers = owners, finalizers
}
