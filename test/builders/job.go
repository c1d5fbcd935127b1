// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package builders

import (
	"encoding/json"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"

	"haltline.dev/haltline/api/v1alpha1"
)

// LabelAction is on the pods of a Job of JobSpec. Its value is the name of the action.
const LabelAction = "action"

// JobSpec returns a Job of one pod with one container, which is not tried again when it fails.
func JobSpec(action string) *batchv1.JobSpec {
	return &batchv1.JobSpec{
		BackoffLimit: ptr.To[int32](0),
		Template: corev1.PodTemplateSpec{
			ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{LabelAction: action}},
			Spec: corev1.PodSpec{
				RestartPolicy: corev1.RestartPolicyNever,
				Containers:    []corev1.Container{{Name: "main", Image: "example"}},
			},
		},
	}
}

// MarshalJobSpec returns a Job spec as a Pipeline holds it. It panics if there is no JSON for it.
func MarshalJobSpec(spec *batchv1.JobSpec) runtime.RawExtension {
	raw, err := json.Marshal(spec)
	if err != nil {
		panic(err)
	}
	return runtime.RawExtension{Raw: raw}
}

// Script returns an option that has an action run a shell script on a real node. The container keeps the restricted pod
// security standard.
func Script(script string) ActionOption {
	return func(_ *v1alpha1.Action, spec *batchv1.JobSpec) {
		pod := &spec.Template.Spec
		pod.AutomountServiceAccountToken = ptr.To(false)
		pod.SecurityContext = &corev1.PodSecurityContext{
			RunAsNonRoot:   ptr.To(true),
			RunAsUser:      ptr.To[int64](65532),
			SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
		}
		pod.Containers = []corev1.Container{{
			Name: "main", Image: "busybox:1.35", Command: []string{"sh", "-c", script},
			SecurityContext: &corev1.SecurityContext{
				AllowPrivilegeEscalation: ptr.To(false),
				ReadOnlyRootFilesystem:   ptr.To(true),
				Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
			},
		}}
	}
}

// GraceSeconds returns an option that gives the pods of an action that many seconds to end.
func GraceSeconds(seconds int64) ActionOption {
	return EditJob(func(spec *batchv1.JobSpec) { spec.Template.Spec.TerminationGracePeriodSeconds = &seconds })
}

// PodAnnotation returns an option that annotates the pods of an action.
func PodAnnotation(key, value string) ActionOption {
	return EditJob(func(spec *batchv1.JobSpec) { metav1.SetMetaDataAnnotation(&spec.Template.ObjectMeta, key, value) })
}

// Suspended is an option for an action whose Job is created suspended, as for a queue.
func Suspended(_ *v1alpha1.Action, spec *batchv1.JobSpec) { spec.Suspend = ptr.To(true) }
