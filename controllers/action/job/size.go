// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package job

import (
	"encoding/json"
	"fmt"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"haltline.dev/haltline/api/v1alpha1"
)

// maxJobSize bounds a Job with its variables, in bytes: it and its pods are held by whoever reads them.
const maxJobSize = 256 << 10

// checkTemplateSize returns an error if a template is too large by itself, before it is decoded.
func checkTemplateSize(template *v1alpha1.JobTemplate) error {
	return checkSize("job", templateSize(template), "")
}

// checkJobSize returns an error if the Job of a template is too large with a copy of the environment in each container. The copies
// are not made.
func checkJobSize(template *v1alpha1.JobTemplate, spec *batchv1.JobSpec, env []corev1.EnvVar) error {
	escaped := mergeEnv(env, nil)
	content, err := json.Marshal(escaped)
	if err != nil {
		return err
	}
	pod := &spec.Template.Spec
	containers := len(pod.InitContainers) + len(pod.Containers)
	return checkSize("job", templateSize(template)+containers*len(content),
		fmt.Sprintf(" with the variables, which each of its %d containers gets", containers))
}

func checkSize(field string, size int, what string) error {
	if size <= maxJobSize {
		return nil
	}
	return fmt.Errorf("%s: Too long: the Job would have %d KiB%s, and at most %d KiB are allowed; move scripts and data into an image, "+
		"a ConfigMap or a volume", field, (size+1023)>>10, what, maxJobSize>>10)
}

// templateSize returns the size of a template in bytes.
func templateSize(template *v1alpha1.JobTemplate) int {
	size := len(template.Spec.Raw)
	for _, m := range []map[string]string{template.Metadata.Labels, template.Metadata.Annotations} {
		for name, value := range m {
			size += len(name) + len(value)
		}
	}
	return size
}
