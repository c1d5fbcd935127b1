// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package action

import (
	"errors"
	"fmt"
	"maps"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/json"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/plan"
)

// Decode returns the JobSpec of an action. The error says which field of the template is wrong.
func Decode(a *v1alpha1.Action) (*batchv1.JobSpec, error) {
	if a.Job == nil {
		return nil, errors.New("job: Required value: an action must have something to run")
	}
	if err := checkQuantities(a.Job.Spec.Raw); err != nil {
		return nil, fmt.Errorf("job.spec: %w", err)
	}
	spec := &batchv1.JobSpec{}
	strict, err := json.UnmarshalStrict(a.Job.Spec.Raw, spec)
	if err == nil {
		err = errors.Join(strict...)
	}
	if err != nil {
		return nil, fmt.Errorf("job.spec: %w", err)
	}
	switch {
	case spec.TTLSecondsAfterFinished != nil:
		return nil, errors.New("job.spec.ttlSecondsAfterFinished: Forbidden: a Job lives as long as its execution; remove the field")
	case spec.ManualSelector != nil || spec.Selector != nil:
		// The pods of a Job are found by the labels that the API server gives them and no others.
		return nil, errors.New("job.spec.selector and manualSelector: Forbidden: the API server selects the pods of a Job; remove the fields")
	case spec.ManagedBy != nil && *spec.ManagedBy != batchv1.JobControllerName:
		// A stop goes by the word of the Job controller.
		return nil, errors.New("job.spec.managedBy: Forbidden: only the Job controller of Kubernetes is known to end pods; remove the field")
	}
	return spec, nil
}

// build returns the Job of an action. The error says which field of the template is wrong.
func build(run Run, t plan.Task) (*batchv1.Job, error) {
	spec, err := Decode(&t.Definition)
	if err != nil {
		return nil, err
	}
	if t.Definition.TimeoutSeconds != nil {
		spec.ActiveDeadlineSeconds = t.Definition.TimeoutSeconds
	}
	spec.Template.Labels = with(theirs(spec.Template.Labels), v1alpha1.LabelExecutionID, string(run.Execution.UID))
	addEnv(&spec.Template.Spec, environment(run, t))
	job := named(run, t)
	job.Labels = with(theirs(t.Definition.Job.Metadata.Labels), v1alpha1.LabelExecutionID, string(run.Execution.UID))
	maps.Copy(job.Annotations, theirs(t.Definition.Job.Metadata.Annotations))
	job.Spec = *spec
	return job, nil
}

// named returns a Job with the name, the owner and the marks of an action's Job, and no spec.
func named(run Run, t plan.Task) *batchv1.Job {
	return &batchv1.Job{ObjectMeta: metav1.ObjectMeta{
		Namespace:       run.Execution.Namespace,
		Name:            t.JobName,
		Labels:          map[string]string{v1alpha1.LabelExecutionID: string(run.Execution.UID)},
		Annotations:     map[string]string{v1alpha1.AnnotationStage: t.Key.Stage, v1alpha1.AnnotationAction: t.Key.Action},
		OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(run.Execution, v1alpha1.GroupVersion.WithKind("PipelineExecution"))},
	}}
}

// tombstone returns a Job that holds the name of an action's Job and never runs: it is suspended, has nothing to run if
// another resumes it, and keeps the restricted pod security standard so that a namespace that asks for it lets it be.
func tombstone(run Run, t plan.Task) *batchv1.Job {
	job := named(run, t)
	job.Labels[v1alpha1.LabelTombstone] = "true"
	job.Spec = batchv1.JobSpec{
		Suspend:     ptr.To(true),
		Parallelism: ptr.To[int32](0),
		Completions: ptr.To[int32](0),
		Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{
			RestartPolicy:                corev1.RestartPolicyNever,
			AutomountServiceAccountToken: ptr.To(false),
			SecurityContext: &corev1.PodSecurityContext{
				RunAsNonRoot:   ptr.To(true),
				SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
			},
			Containers: []corev1.Container{{
				Name:  "tombstone",
				Image: "haltline.dev/tombstone:never-runs",
				SecurityContext: &corev1.SecurityContext{
					AllowPrivilegeEscalation: ptr.To(false),
					ReadOnlyRootFilesystem:   ptr.To(true),
					Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
				},
			}},
		}},
	}
	return job
}

// theirs returns the labels or annotations that are the user's to set.
func theirs(all map[string]string) map[string]string {
	result := maps.Clone(all)
	maps.DeleteFunc(result, func(name, _ string) bool { return strings.HasPrefix(name, v1alpha1.GroupVersion.Group+"/") })
	return result
}

func with(labels map[string]string, name, value string) map[string]string {
	result := maps.Clone(labels)
	if result == nil {
		result = map[string]string{}
	}
	result[name] = value
	return result
}

// environment is what every container of the action is told. Values reach it as environment and nowhere as text in a
// command, so that nothing in them is ever run.
func environment(run Run, t plan.Task) []corev1.EnvVar {
	env := []corev1.EnvVar{
		{Name: v1alpha1.EnvPipelineName, Value: run.Execution.Spec.PipelineName},
		{Name: v1alpha1.EnvPipelineExecutionID, Value: string(run.Execution.UID)},
		{Name: v1alpha1.EnvStage, Value: t.Key.Stage},
		{Name: v1alpha1.EnvAction, Value: t.Key.Action},
	}
	for _, v := range run.Variables {
		env = append(env, corev1.EnvVar{Name: v.Name, Value: v.Value})
	}
	return env
}
