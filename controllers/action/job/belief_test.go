// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package job

import (
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/plan"
)

func withManagedBy(job *batchv1.Job)                   { job.Spec.ManagedBy = ptr.To("example.com/controller") }
func withParallelism(job *batchv1.Job)                 { job.Spec.Parallelism = ptr.To[int32](1) }
func mainContainer(job *batchv1.Job) *corev1.Container { return &job.Spec.Template.Spec.Containers[0] }

// What an admission webhook makes of a Job of ours is believed, and what somebody else puts in its place is not.
func TestWhyNotBelieved(t *testing.T) {
	tests := []struct {
		name string
		edit func(*batchv1.Job)
		// want is a part of the answer; empty if the Job is believed.
		want string
	}{
		{"ours", func(*batchv1.Job) {}, ""},
		{"a sidecar was added", func(j *batchv1.Job) {
			j.Spec.Template.Spec.Containers = append([]corev1.Container{{Name: "proxy"}}, j.Spec.Template.Spec.Containers...)
		}, ""},
		{"an init container was added", func(j *batchv1.Job) { j.Spec.Template.Spec.InitContainers = []corev1.Container{{Name: "setup"}} }, ""},
		{"the image comes from another registry", func(j *batchv1.Job) { mainContainer(j).Image = "mirror.example.com:5000/hub/busybox@sha256:0123" }, ""},
		{"a variable was added", func(j *batchv1.Job) {
			mainContainer(j).Env = append([]corev1.EnvVar{{Name: "PROXY", Value: "a"}}, mainContainer(j).Env...)
		}, ""},
		{"its defaults are set", func(j *batchv1.Job) {
			mainContainer(j).ImagePullPolicy, j.Spec.ManagedBy = corev1.PullAlways, ptr.To(batchv1.JobControllerName)
		}, ""},
		{"its labels were removed", func(j *batchv1.Job) { j.Labels = nil }, ""},
		{"it has ended", asComplete, ""},
		{"a placeholder", asPlaceholder, ""},
		{"a placeholder that was resumed", func(j *batchv1.Job) { asPlaceholder(j); j.Spec.Suspend = ptr.To(false) }, ""},

		{"a selector of its own", func(j *batchv1.Job) { j.Spec.ManualSelector = ptr.To(true) }, "selects its pods by itself"},
		{"another controller", withManagedBy, `spec.managedBy is "example.com/controller"`},
		{"a placeholder that runs", func(j *batchv1.Job) { asPlaceholder(j); withParallelism(j) }, "asks for pods"},
		{"pods without labels", func(j *batchv1.Job) { j.Spec.Template.Labels = nil }, "do not have the label"},
		{"pods of another action", func(j *batchv1.Job) { j.Spec.Template.Labels[v1alpha1.LabelAction] = "lint" }, "label pipelines.haltline.dev/action=compile"},
		{"another image", func(j *batchv1.Job) { mainContainer(j).Image = "true" }, `container "main" runs something else`},
		{"another command", func(j *batchv1.Job) { mainContainer(j).Command = []string{"true"} }, `container "main" runs something else`},
		{"other arguments", func(j *batchv1.Job) { mainContainer(j).Args = []string{"x"} }, `container "main" runs something else`},
		{"a variable less", func(j *batchv1.Job) { mainContainer(j).Env = mainContainer(j).Env[1:] }, `container "main" runs something else`},
		{"another value of a variable", func(j *batchv1.Job) { mainContainer(j).Env[0].Value += "x" }, `container "main" runs something else`},
		{"another container", func(j *batchv1.Job) { mainContainer(j).Name = "other" }, `no container "main"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := whyNotBelieved(makeJob(tt.edit), makeScope(), makeUnconfirmed(plan.OperationStart))
			if (got == "") != (tt.want == "") || !strings.Contains(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// A stop must not take the Job of the action for somebody else's, so its containers are not looked at once nobody knows any more what the
// action runs.
func TestBelievedWithoutADefinition(t *testing.T) {
	op := makeUnconfirmed(plan.OperationFence)
	op.Definition = v1alpha1.Action{}
	job := makeJob(func(j *batchv1.Job) { mainContainer(j).Image = "other" })
	if got := whyNotBelieved(job, makeScope(), op); got != "" {
		t.Errorf("got %q", got)
	}
}
