// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package job

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/plan"
)

// Every container has the workspace, init containers included, beside its own volumes.
func TestMountWorkspace(t *testing.T) {
	pod := &corev1.PodSpec{
		Volumes:        []corev1.Volume{{Name: "own"}},
		InitContainers: []corev1.Container{{Name: "init"}},
		Containers:     []corev1.Container{{Name: "main", VolumeMounts: []corev1.VolumeMount{{Name: "own", MountPath: "/data/own"}}}, {Name: "second"}},
	}
	if err := mountWorkspace(pod, &plan.Mount{ClaimName: "claim", Path: "/data"}); err != nil {
		t.Fatal(err)
	}
	for _, c := range append(pod.InitContainers, pod.Containers...) {
		if m := c.VolumeMounts[len(c.VolumeMounts)-1]; m.Name != v1alpha1.WorkspaceVolume || m.MountPath != "/data" {
			t.Errorf("container %q has %+v", c.Name, c.VolumeMounts)
		}
	}
	if v := pod.Volumes[1]; len(pod.Volumes) != 2 || v.Name != v1alpha1.WorkspaceVolume || v.PersistentVolumeClaim.ClaimName != "claim" {
		t.Errorf("volumes %+v", pod.Volumes)
	}
}

func TestNoWorkspaceChangesNothing(t *testing.T) {
	pod := &corev1.PodSpec{Containers: []corev1.Container{{Name: "main"}}}
	if err := mountWorkspace(pod, nil); err != nil || len(pod.Volumes) > 0 || len(pod.Containers[0].VolumeMounts) > 0 {
		t.Errorf("%v, %+v", err, pod)
	}
}

func TestWorkspaceConflictsNameTheField(t *testing.T) {
	at := func(path string) []corev1.Container {
		return []corev1.Container{{}, {VolumeMounts: []corev1.VolumeMount{{Name: "own", MountPath: path}}}}
	}
	for name, tt := range map[string]struct {
		pod  corev1.PodSpec
		want string
	}{
		"volume":            {corev1.PodSpec{Volumes: []corev1.Volume{{Name: "a"}, {Name: v1alpha1.WorkspaceVolume}}}, "volumes[1].name"},
		"container":         {corev1.PodSpec{Containers: at("/data")}, "containers[1].volumeMounts[0].mountPath"},
		"init container":    {corev1.PodSpec{InitContainers: at("/data")}, "initContainers[1].volumeMounts[0].mountPath"},
		"with a slash more": {corev1.PodSpec{Containers: at("/data/")}, "containers[1].volumeMounts[0].mountPath"},
	} {
		err := mountWorkspace(&tt.pod, &plan.Mount{ClaimName: "claim", Path: "/data"})
		if err == nil || !strings.Contains(err.Error(), "job.spec.template.spec."+tt.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
