// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package job

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/plan"
)

// buildEnvironment returns the variables that every container of an action has: those of ours, those of the execution, and outputs of
// earlier actions. Except in an image (see substituteImages), values reach it as environment only. A template
// that has $(NAME) in its command makes Kubernetes put the value there, which docs/pipelineexecution.md warns of.
func buildEnvironment(pipelineName, executionID string, key plan.ActionKey, variables []v1alpha1.Variable) []corev1.EnvVar {
	env := []corev1.EnvVar{
		{Name: v1alpha1.EnvPipelineName, Value: pipelineName},
		{Name: v1alpha1.EnvPipelineExecutionID, Value: executionID},
		{Name: v1alpha1.EnvStage, Value: key.Stage},
		{Name: v1alpha1.EnvAction, Value: key.Action},
	}
	for _, v := range variables {
		env = append(env, corev1.EnvVar{Name: v.Name, Value: v.Value})
	}
	return env
}

// addEnvironment gives every container of the pod the variables that it does not define itself, before its own, so that
// its own may refer to them.
func addEnvironment(pod *corev1.PodSpec, env []corev1.EnvVar) {
	for i := range pod.InitContainers {
		pod.InitContainers[i].Env = mergeEnv(env, pod.InitContainers[i].Env)
	}
	for i := range pod.Containers {
		pod.Containers[i].Env = mergeEnv(env, pod.Containers[i].Env)
	}
}

func mergeEnv(env, own []corev1.EnvVar) []corev1.EnvVar {
	merged := make([]corev1.EnvVar, 0, len(env)+len(own))
	for _, v := range env {
		if !slices.ContainsFunc(own, func(o corev1.EnvVar) bool { return o.Name == v.Name }) {
			v.Value = escapeExpansion(v.Value)
			merged = append(merged, v)
		}
	}
	return append(merged, own...)
}

// escapeExpansion escapes what Kubernetes would expand in the value of a variable: $(NAME) becomes $$(NAME), which a
// container sees as $(NAME).
func escapeExpansion(value string) string {
	return strings.ReplaceAll(value, "$", "$$")
}
