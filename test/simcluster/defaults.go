// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package simcluster

import (
	"maps"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
)

// applyDefaults sets the defaults of the schema, or of the strategy, on a new object.
func applyDefaults(o client.Object) {
	if KindOf(o) != Revision {
		o.SetGeneration(1)
	}
	switch t := o.(type) {
	case *v1alpha1.Pipeline:
		t.Status = v1alpha1.PipelineStatus{ObservedGeneration: -1}
	case *v1alpha1.PipelineExecution:
		t.Status = v1alpha1.PipelineExecutionStatus{ObservedGeneration: -1}
	case *v1alpha1.StopRequest:
		t.Status = v1alpha1.StopRequestStatus{ObservedGeneration: -1}
	case *v1alpha1.ApprovalResult:
		t.Status = v1alpha1.ApprovalResultStatus{ObservedGeneration: -1}
	case *batchv1.Job:
		defaultJob(t)
	case *corev1.Pod:
		t.Status = corev1.PodStatus{Phase: corev1.PodPending}
	}
}

func defaultJob(job *batchv1.Job) {
	job.Status = batchv1.JobStatus{}
	if job.Spec.Parallelism == nil && job.Spec.Completions == nil {
		job.Spec.Completions = ptr.To[int32](1)
	}
	if job.Spec.Parallelism == nil {
		job.Spec.Parallelism = ptr.To[int32](1)
	}
	if job.Spec.BackoffLimit == nil {
		job.Spec.BackoffLimit = ptr.To[int32](6)
	}
	if job.Spec.Suspend == nil {
		job.Spec.Suspend = ptr.To(false)
	}
	labels := maps.Clone(job.Spec.Template.Labels)
	if labels == nil {
		labels = map[string]string{}
	}
	labels[batchv1.ControllerUidLabel] = string(job.UID)
	labels[batchv1.JobNameLabel] = job.Name
	job.Spec.Template.Labels = labels
}
