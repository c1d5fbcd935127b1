// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package job

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"haltline.dev/haltline/api/v1alpha1"
)

// The schema takes anything as job.spec, so what is wrong with it must be said here, and where.
func TestDecodeRefuses(t *testing.T) {
	tests := []struct {
		name string
		spec string
		says []string
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
		// "Jobs live as long as their execution."
		{"ttlSecondsAfterFinished", `{"ttlSecondsAfterFinished":60}`, []string{"job.spec.ttlSecondsAfterFinished: Forbidden"}},
		{"ttlSecondsAfterFinished of zero", `{"ttlSecondsAfterFinished":0}`, []string{"job.spec.ttlSecondsAfterFinished: Forbidden"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			definition := makeStart(tt.spec).Definition
			spec, err := decodeJobSpec(&definition)
			if err == nil {
				t.Fatalf("got %+v and no error", spec)
			}
			for _, want := range tt.says {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not have %q", err, want)
				}
			}
			if _, err := buildJob(makeScope(), makeStart(tt.spec)); err == nil {
				t.Error("Decode refuses it, and build takes it")
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

// "exactly one thing to run": an action of a later version, or without its revision, has none that we know.
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

// The marks of a Job are how its execution, and a person, find it.
func TestBuildMarks(t *testing.T) {
	job := mustBuild(t, makeScope(), makeStart(minimalSpec))
	want := metav1.ObjectMeta{
		Namespace:   "team",
		Name:        jobName,
		Labels:      map[string]string{v1alpha1.LabelExecutionID: executionUID},
		Annotations: map[string]string{v1alpha1.AnnotationStage: "build", v1alpha1.AnnotationAction: "compile"},
		OwnerReferences: []metav1.OwnerReference{{
			APIVersion: "pipelines.haltline.dev/v1alpha1", Kind: "PipelineExecution", Name: "run-1", UID: executionUID,
			Controller: ptr.To(true), BlockOwnerDeletion: ptr.To(true),
		}},
	}
	if diff := cmp.Diff(want, job.ObjectMeta); diff != "" {
		t.Errorf("metadata (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{v1alpha1.LabelExecutionID: executionUID}, job.Spec.Template.Labels); diff != "" {
		t.Errorf("labels of the pods (-want +got):\n%s", diff)
	}
}

// Labels and annotations of the user are kept, but those "under pipelines.haltline.dev/ are set by the operator": else a
// template could make its Job pass for a placeholder, or for one of another execution.
func TestBuildKeepsOurMarks(t *testing.T) {
	start := makeStart(`{"template":{"metadata":{"labels":{"team":"a","pipelines.haltline.dev/execution-id":"forged"}},"spec":{"containers":[{"name":"a"}]}}}`)
	start.Definition.Job.Metadata = v1alpha1.JobTemplateMetadata{
		Labels: map[string]string{
			"team": "a", v1alpha1.LabelExecutionID: "forged", v1alpha1.LabelPlaceholder: "true", v1alpha1.LabelOrphaned: "true",
		},
		Annotations: map[string]string{"note": "b", v1alpha1.AnnotationStage: "forged", v1alpha1.AnnotationAction: "forged"},
	}
	before := start.Definition.DeepCopy()
	job := mustBuild(t, makeScope(), start)

	ours := map[string]string{"team": "a", v1alpha1.LabelExecutionID: executionUID}
	if diff := cmp.Diff(ours, job.Labels); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(ours, job.Spec.Template.Labels); diff != "" {
		t.Errorf("labels of the pods (-want +got):\n%s", diff)
	}
	annotations := map[string]string{"note": "b", v1alpha1.AnnotationStage: "build", v1alpha1.AnnotationAction: "compile"}
	if diff := cmp.Diff(annotations, job.Annotations); diff != "" {
		t.Errorf("annotations (-want +got):\n%s", diff)
	}
	if isPlaceholder(job) {
		t.Error("the Job passes for a placeholder")
	}
	// The definition is that of the cache.
	if diff := cmp.Diff(before, &start.Definition); diff != "" {
		t.Errorf("the definition was changed (-before +after):\n%s", diff)
	}
}

// "It becomes the activeDeadlineSeconds of the Job, whose own value is used where this is absent."
func TestBuildTimeout(t *testing.T) {
	const own = `{"activeDeadlineSeconds":60,"template":{}}`
	tests := []struct {
		name    string
		spec    string
		timeout *int64
		want    *int64
	}{
		{"none", minimalSpec, nil, nil},
		{"the Job's own", own, nil, ptr.To[int64](60)},
		{"the action's", minimalSpec, ptr.To[int64](5), ptr.To[int64](5)},
		{"the action's wins", own, ptr.To[int64](5), ptr.To[int64](5)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			start := makeStart(tt.spec)
			start.Definition.TimeoutSeconds = tt.timeout
			if diff := cmp.Diff(tt.want, mustBuild(t, makeScope(), start).Spec.ActiveDeadlineSeconds); diff != "" {
				t.Errorf("activeDeadlineSeconds (-want +got):\n%s", diff)
			}
		})
	}
}

// The pods of a Job are found by the label controller-uid, which the API server leaves off where manualSelector is
// true. A stop would see no pods, and say Stopped while they run (I5), so such a Job must not be created.
func TestBuildNeedsTheSelectorOfTheAPIServer(t *testing.T) {
	const manual = `{"manualSelector":true,"selector":{"matchLabels":{"app":"a"}},
		"template":{"metadata":{"labels":{"app":"a"}},"spec":{"restartPolicy":"Never","containers":[{"name":"a"}]}}}`
	job, err := buildJob(makeScope(), makeStart(manual))
	if err == nil && ptr.Deref(job.Spec.ManualSelector, false) {
		t.Errorf("a Job with manualSelector was built; the labels of its pods are %v", job.Spec.Template.Labels)
	}
}

// A placeholder "never runs: it is suspended, has nothing to run if another resumes it".
func TestTombstone(t *testing.T) {
	start := makeStart(minimalSpec)
	start.Definition.Job.Metadata.Labels = map[string]string{"team": "a"}
	dead := newPlaceholder(makeScope(), start)

	if !isPlaceholder(dead) || !isSuspended(dead) {
		t.Errorf("placeholder: %v, suspended: %v", isPlaceholder(dead), isSuspended(dead))
	}
	if n, m := dead.Spec.Parallelism, dead.Spec.Completions; n == nil || *n != 0 || m == nil || *m != 0 {
		t.Errorf("it would run something: parallelism %v, completions %v", n, m)
	}
	for _, c := range dead.Spec.Template.Spec.Containers {
		if c.Image == "busybox" || len(c.Command)+len(c.Args) > 0 {
			t.Errorf("it has what the action runs: %+v", c)
		}
	}
	// It takes the very name of the Job that it stands for, and goes with the execution.
	live := mustBuild(t, makeScope(), makeStart(minimalSpec))
	if dead.Name != live.Name || dead.Namespace != live.Namespace {
		t.Errorf("it holds %s/%s, and the Job is %s/%s", dead.Namespace, dead.Name, live.Namespace, live.Name)
	}
	if diff := cmp.Diff(live.OwnerReferences, dead.OwnerReferences); diff != "" {
		t.Errorf("owners (-Job +placeholder):\n%s", diff)
	}
	want := map[string]string{v1alpha1.LabelExecutionID: executionUID, v1alpha1.LabelPlaceholder: "true"}
	if diff := cmp.Diff(want, dead.Labels); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
}

// A namespace may enforce the restricted pod security standard; a policy may look at Jobs as it does at pods.
func TestTombstoneIsRestricted(t *testing.T) {
	pod := newPlaceholder(makeScope(), makeStart(minimalSpec)).Spec.Template.Spec
	if !ptr.Deref(pod.SecurityContext.RunAsNonRoot, false) || pod.SecurityContext.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault {
		t.Errorf("pod: %+v", pod.SecurityContext)
	}
	if len(pod.Containers) != 1 || pod.RestartPolicy != corev1.RestartPolicyNever {
		t.Fatalf("%d containers, restartPolicy %s: the API server would refuse it", len(pod.Containers), pod.RestartPolicy)
	}
	c := pod.Containers[0].SecurityContext
	if ptr.Deref(c.AllowPrivilegeEscalation, true) || !cmp.Equal(c.Capabilities, &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}}) {
		t.Errorf("container: %+v", c)
	}
	if ptr.Deref(pod.AutomountServiceAccountToken, true) {
		t.Error("it has a token that it does not need")
	}
}

// Labels come from a cache that is shared, or are nil.
func TestWith(t *testing.T) {
	labels := map[string]string{"a": "1"}
	if diff := cmp.Diff(map[string]string{"a": "1", "b": "2"}, withLabel(labels, "b", "2")); diff != "" {
		t.Errorf("with (-want +got):\n%s", diff)
	}
	if len(labels) != 1 {
		t.Errorf("the labels were changed: %v", labels)
	}
	if diff := cmp.Diff(map[string]string{"b": "2"}, withLabel(nil, "b", "2")); diff != "" {
		t.Errorf("with of nil (-want +got):\n%s", diff)
	}
}
