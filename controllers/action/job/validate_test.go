// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package job

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"haltline.dev/haltline/api/v1alpha1"
)

// The schema takes anything as job.spec, so what is wrong with it must be reported here, with the place.
func TestDecodeRefuses(t *testing.T) {
	tests := []struct {
		name  string
		spec  string
		parts []string
	}{
		{"nothing", ``, []string{"job.spec: "}},
		{"no JSON", `{"template":`, []string{"job.spec: "}},
		{"not an object", `[]`, []string{"job.spec: ", "cannot unmarshal"}},
		{"an unknown field", `{"templat":{}}`, []string{"job.spec: ", `unknown field "templat"`}},
		{"an unknown field deep inside", `{"template":{"spec":{"containers":[{"name":"a","imgae":"b"}]}}}`, []string{`unknown field "template.spec.containers[0].imgae"`}},
		{"a name in another case", `{"BackoffLimit":1}`, []string{`unknown field "BackoffLimit"`}},
		{"a field given twice", `{"backoffLimit":1,"backoffLimit":2}`, []string{`duplicate field "backoffLimit"`}},
		{"every unknown field at once", `{"one":1,"two":2}`, []string{`"one"`, `"two"`}},
		{"a wrong type", `{"backoffLimit":"three"}`, []string{"job.spec: ", "backoffLimit"}},
		{"a number out of range", `{"parallelism":99999999999}`, []string{"job.spec: ", "parallelism"}},
		// A Job lives as long as its execution.
		{"ttlSecondsAfterFinished", `{"ttlSecondsAfterFinished":60}`, []string{"job.spec.ttlSecondsAfterFinished: Forbidden"}},
		// A stop would wait as long.
		{"a finalizer", `{"template":{"metadata":{"finalizers":["a/b"]}}}`, []string{"job.spec.template.metadata.finalizers: Forbidden"}},
		{"a long deadline", `{"activeDeadlineSeconds":2592001}`, []string{"job.spec.activeDeadlineSeconds: Invalid value: 2592001: must be at most 2592000, which is 30 days"}},
		{"a long deadline of the pod", `{"template":{"spec":{"activeDeadlineSeconds":2592001}}}`, []string{"job.spec.template.spec.activeDeadlineSeconds: Invalid value: 2592001"}},
		{"a long grace period", `{"template":{"spec":{"terminationGracePeriodSeconds":86401}}}`,
			[]string{"job.spec.template.spec.terminationGracePeriodSeconds: Invalid value: 86401: must be at most 86400, which is a day"}},
		{"a long grace period of a liveness probe", `{"template":{"spec":{"containers":[{"livenessProbe":{"terminationGracePeriodSeconds":86401}}]}}}`,
			[]string{"job.spec.template.spec.containers[0].livenessProbe.terminationGracePeriodSeconds: Invalid value: 86401"}},
		{"a long grace period of a startup probe", `{"template":{"spec":{"initContainers":[{},{"startupProbe":{"terminationGracePeriodSeconds":86401}}]}}}`,
			[]string{"job.spec.template.spec.initContainers[1].startupProbe.terminationGracePeriodSeconds: Invalid value: 86401"}},
		{"ttlSecondsAfterFinished of zero", `{"ttlSecondsAfterFinished":0}`, []string{"job.spec.ttlSecondsAfterFinished: Forbidden"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			definition := makeStart(tt.spec).Definition
			spec, err := decodeJobSpec(&definition)
			if err == nil {
				t.Fatalf("got %+v and no error", spec)
			}
			for _, want := range tt.parts {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not have %q", err, want)
				}
			}
			if _, err := buildJob(makeScope(), makeStart(tt.spec)); err == nil {
				t.Error("Validate refuses it, and buildJob takes it")
			}
		})
	}
}

func TestDecodeTakes(t *testing.T) {
	tests := map[string]struct {
		spec string
		want batchv1.JobSpec
	}{
		"a null ttlSecondsAfterFinished is none":            {`{"ttlSecondsAfterFinished":null}`, batchv1.JobSpec{}},
		"an empty template is for the API server to refuse": {`{}`, batchv1.JobSpec{}},
		"fields of every depth": {
			`{"backoffLimit":0,"template":{"spec":{"restartPolicy":"Never","containers":[{"name":"a","image":"b"}]}}}`,
			batchv1.JobSpec{BackoffLimit: ptr.To[int32](0), Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{
				RestartPolicy: corev1.RestartPolicyNever, Containers: []corev1.Container{{Name: "a", Image: "b"}},
			}}},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			definition := makeStart(tt.spec).Definition
			got, err := decodeJobSpec(&definition)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(&tt.want, got); diff != "" {
				t.Errorf("spec (-want +got):\n%s", diff)
			}
		})
	}
}

// An action of a later version of the API, or without its revision, has nothing to run that we know.
func TestDecodeWithoutAJob(t *testing.T) {
	if _, err := decodeJobSpec(&v1alpha1.Action{Name: "a"}); err == nil || !strings.HasPrefix(err.Error(), "job: Required value") {
		t.Errorf("error is %v", err)
	}
	start := makeStart(minimalSpec)
	start.Definition.Job = nil
	if _, err := buildJob(makeScope(), start); err == nil {
		t.Error("built a Job of nothing")
	}
}
