// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package job

import (
	"maps"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/action"
	"haltline.dev/haltline/controllers/plan"
)

// buildJob returns the Job of an action. The error names the field of the template that is wrong.
func buildJob(scope action.Scope, op plan.Operation) (*batchv1.Job, error) {
	execution := scope.Execution
	env := buildEnvironment(execution.Spec.PipelineName, string(execution.UID), op.Key, scope.Variables)
	return assembleJob(newJob(scope, op).ObjectMeta, string(execution.UID), env, &op.Definition)
}

// assembleJob returns the Job of a definition with the metadata and the environment given. Labels and annotations of the
// template are added, except those that are ours to set. The error names the field of the template that is wrong.
func assembleJob(meta metav1.ObjectMeta, executionID string, env []corev1.EnvVar, definition *v1alpha1.Action) (*batchv1.Job, error) {
	spec, err := decodeJobSpec(definition)
	if err != nil {
		return nil, err
	}
	if definition.TimeoutSeconds != nil {
		spec.ActiveDeadlineSeconds = definition.TimeoutSeconds
	}
	spec.Template.Labels = withLabel(withoutOurs(spec.Template.Labels), v1alpha1.LabelExecutionID, executionID)
	addEnvironment(&spec.Template.Spec, env)
	meta.Labels = withLabel(withoutOurs(definition.Job.Metadata.Labels), v1alpha1.LabelExecutionID, executionID)
	annotations := withoutOurs(definition.Job.Metadata.Annotations)
	if annotations == nil {
		annotations = map[string]string{}
	}
	maps.Copy(annotations, meta.Annotations)
	meta.Annotations = annotations
	return &batchv1.Job{ObjectMeta: meta, Spec: *spec}, nil
}

// newJob returns a Job with the name, the owner and the marks of an action's Job, and no spec.
func newJob(scope action.Scope, op plan.Operation) *batchv1.Job {
	execution := scope.Execution
	owner := metav1.NewControllerRef(execution, v1alpha1.GroupVersion.WithKind("PipelineExecution"))
	return &batchv1.Job{ObjectMeta: metav1.ObjectMeta{
		Namespace:       execution.Namespace,
		Name:            op.Workload.Name,
		Labels:          map[string]string{v1alpha1.LabelExecutionID: string(execution.UID)},
		Annotations:     map[string]string{v1alpha1.AnnotationStage: op.Key.Stage, v1alpha1.AnnotationAction: op.Key.Action},
		OwnerReferences: []metav1.OwnerReference{*owner},
	}}
}

// withoutOurs returns the labels or annotations that are the user's to set.
func withoutOurs(all map[string]string) map[string]string {
	result := maps.Clone(all)
	maps.DeleteFunc(result, func(name, _ string) bool { return strings.HasPrefix(name, v1alpha1.GroupVersion.Group+"/") })
	return result
}

// withLabel returns the labels with one more. The map given is not changed.
func withLabel(labels map[string]string, name, value string) map[string]string {
	result := maps.Clone(labels)
	if result == nil {
		result = map[string]string{}
	}
	result[name] = value
	return result
}
