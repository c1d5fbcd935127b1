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
	"haltline.dev/haltline/controllers/plan"
	"haltline.dev/haltline/internal/text"
)

// buildJob returns the Job of an action. The error names the field of the template that is wrong.
func buildJob(scope action.Scope, op plan.Operation) (*batchv1.Job, error) {
	execution := scope.Execution
	variables := slices.Concat(scope.Variables, op.Outputs)
	env := buildEnvironment(execution.Spec.PipelineName, string(execution.UID), op.Key, variables)
	return assembleJob(newJob(scope, op).ObjectMeta, env, &op.Definition, imageValues(variables), op.Workspace)
}

// assembleJob returns the Job of a definition with the metadata, the environment and the values for its images given. Its pods have the same labels and
// annotations of ours. Those of the template are added, except ours. The error names the field of the template that is wrong.
func assembleJob(
	meta metav1.ObjectMeta, env []corev1.EnvVar, definition *v1alpha1.Action, values plan.Values, workspace *plan.Mount,
) (*batchv1.Job, error) {
	spec, err := decodeJobSpec(definition)
	if err != nil {
		return nil, err
	}
	if err := checkJobSize(definition.Job, spec, env); err != nil {
		return nil, err
	}
	if definition.TimeoutSeconds != nil {
		spec.ActiveDeadlineSeconds = definition.TimeoutSeconds
	}
	if err := substituteImages(&spec.Template.Spec, values); err != nil {
		return nil, err
	}
	if err := mountWorkspace(&spec.Template.Spec, workspace); err != nil {
		return nil, err
	}
	addEnvironment(&spec.Template.Spec, env)
	spec.Template.Labels = action.MergeOurs(spec.Template.Labels, meta.Labels)
	spec.Template.Annotations = action.MergeOurs(spec.Template.Annotations, meta.Annotations)
	meta.Labels = action.MergeOurs(definition.Job.Metadata.Labels, meta.Labels)
	meta.Annotations = action.MergeOurs(definition.Job.Metadata.Annotations, meta.Annotations)
	return &batchv1.Job{ObjectMeta: meta, Spec: *spec}, nil
}

// newJob returns a Job with the name, the owner and the marks of an action's Job, and no spec.
func newJob(scope action.Scope, op plan.Operation) *batchv1.Job {
	execution := scope.Execution
	labels, annotations := buildMarks(execution.Spec.PipelineName, string(execution.UID), op.Key)
	owner := metav1.NewControllerRef(execution, v1alpha1.GroupVersion.WithKind("PipelineExecution"))
	return &batchv1.Job{ObjectMeta: metav1.ObjectMeta{
		Namespace:       execution.Namespace,
		Name:            op.Workload.Name,
		Labels:          labels,
		Annotations:     annotations,
		OwnerReferences: []metav1.OwnerReference{*owner},
	}}
}

// buildMarks returns the labels and annotations of ours by which people and tools find what an action runs.
func buildMarks(pipelineName, executionID string, key plan.ActionKey) (labels, annotations map[string]string) {
	labels = map[string]string{
		v1alpha1.LabelExecutionID: executionID,
		v1alpha1.LabelPipeline:    text.FitLabel(pipelineName),
		v1alpha1.LabelStage:       text.FitLabel(key.Stage),
		v1alpha1.LabelAction:      text.FitLabel(key.Action),
	}
	annotations = map[string]string{
		v1alpha1.AnnotationPipeline: pipelineName,
		v1alpha1.AnnotationStage:    key.Stage,
		v1alpha1.AnnotationAction:   key.Action,
	}
	return labels, annotations
}
