// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package job

import (
	"fmt"
	"path"

	corev1 "k8s.io/api/core/v1"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/plan"
)

// mountWorkspace gives every container of the pod the workspace, init containers and sidecars included. The error names the first field
// of the template that has its name or its path already.
func mountWorkspace(pod *corev1.PodSpec, mount *plan.Mount) error {
	if mount == nil {
		return nil
	}
	for i := range pod.Volumes {
		if pod.Volumes[i].Name == v1alpha1.WorkspaceVolume {
			return fmt.Errorf("job.spec.template.spec.volumes[%d].name: Invalid value: %q: the workspace of the pipeline has this name; "+
				"give the volume another one, or set workspace: None on the action", i, pod.Volumes[i].Name)
		}
	}
	if err := mountInto("initContainers", pod.InitContainers, mount); err != nil {
		return err
	}
	if err := mountInto("containers", pod.Containers, mount); err != nil {
		return err
	}
	pod.Volumes = append(pod.Volumes, corev1.Volume{Name: v1alpha1.WorkspaceVolume, VolumeSource: corev1.VolumeSource{
		PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: mount.ClaimName},
	}})
	return nil
}

func mountInto(field string, containers []corev1.Container, mount *plan.Mount) error {
	for i := range containers {
		for j, m := range containers[i].VolumeMounts {
			if path.Clean(m.MountPath) == path.Clean(mount.Path) {
				return fmt.Errorf("job.spec.template.spec.%s[%d].volumeMounts[%d].mountPath: Invalid value: %q: the workspace of the pipeline "+
					"is mounted there (spec.workspace.mountPath); mount the volume elsewhere, or set workspace: None on the action", field, i, j, m.MountPath)
			}
		}
		containers[i].VolumeMounts = append(containers[i].VolumeMounts, corev1.VolumeMount{Name: v1alpha1.WorkspaceVolume, MountPath: mount.Path})
	}
	return nil
}
