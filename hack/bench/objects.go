// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"

	"haltline.dev/haltline/api/v1alpha1"
)

// pipelineName is the pipeline of every measured execution.
const pipelineName = "bench"

// jobSpec is the spec of a Job whose pod runs until it is deleted. The annotation is for simulated nodes.
func jobSpec() batchv1.JobSpec {
	return batchv1.JobSpec{
		BackoffLimit: ptr.To[int32](0),
		Template: corev1.PodTemplateSpec{
			ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{"haltline.dev/simulated-seconds": "86400"}},
			Spec: corev1.PodSpec{
				RestartPolicy: corev1.RestartPolicyNever,
				Containers:    []corev1.Container{{Name: "main", Image: "example"}},
			},
		},
	}
}

// newPipeline returns a pipeline of two steps, each with one Job.
func newPipeline(namespace string) (*v1alpha1.Pipeline, error) {
	raw, err := json.Marshal(jobSpec())
	if err != nil {
		return nil, err
	}
	action := func(name string) []v1alpha1.Action {
		return []v1alpha1.Action{{Name: name, Job: &v1alpha1.JobTemplate{Spec: runtime.RawExtension{Raw: raw}}}}
	}
	return &v1alpha1.Pipeline{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: pipelineName},
		Spec: v1alpha1.PipelineSpec{
			ExecutionMode: v1alpha1.ExecutionModeParallel,
			Stages:        []v1alpha1.Stage{{Name: "First", Actions: action("first")}, {Name: "Second", Actions: action("second")}},
		},
	}, nil
}

func newExecution(namespace, pipeline string, i int) *v1alpha1.PipelineExecution {
	return &v1alpha1.PipelineExecution{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: fmt.Sprintf("run-%d", i)},
		Spec:       v1alpha1.PipelineExecutionSpec{PipelineName: pipeline},
	}
}

func newStopRequest(namespace, name, executionID string, abandon bool) *v1alpha1.StopRequest {
	return &v1alpha1.StopRequest{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       v1alpha1.StopRequestSpec{PipelineName: pipelineName, PipelineExecutionID: executionID, Abandon: abandon},
	}
}

func newJob(namespace string, i int) *batchv1.Job {
	return &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: fmt.Sprintf("job-%d", i)}, Spec: jobSpec()}
}
