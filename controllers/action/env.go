// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package action

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// addEnv gives every container of the pod the variables that it does not define itself, before its own, so that its
// own may refer to them.
func addEnv(pod *corev1.PodSpec, env []corev1.EnvVar) {
	for i := range pod.InitContainers {
		pod.InitContainers[i].Env = merge(env, pod.InitContainers[i].Env)
	}
	for i := range pod.Containers {
		pod.Containers[i].Env = merge(env, pod.Containers[i].Env)
	}
}

func merge(env, own []corev1.EnvVar) []corev1.EnvVar {
	merged := make([]corev1.EnvVar, 0, len(env)+len(own))
	for _, v := range env {
		if !slices.ContainsFunc(own, func(o corev1.EnvVar) bool { return o.Name == v.Name }) {
			v.Value = literal(v.Value)
			merged = append(merged, v)
		}
	}
	return append(merged, own...)
}

// literal escapes what Kubernetes would expand in the value of a variable: $(NAME) becomes $$(NAME), which a container
// sees as $(NAME).
func literal(value string) string {
	return strings.ReplaceAll(value, "$", "$$")
}
