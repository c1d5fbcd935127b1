// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package job

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"haltline.dev/haltline/api/v1alpha1"
)

// The marks of a Job are how its execution, and a person, can find it.
func TestBuildMarks(t *testing.T) {
	job := mustBuild(t, makeScope(), makeStart(minimalSpec))
	want := metav1.ObjectMeta{
		Namespace:   "team",
		Name:        jobName,
		Labels:      ourLabels(),
		Annotations: ourAnnotations(),
		OwnerReferences: []metav1.OwnerReference{{
			APIVersion: "pipelines.haltline.dev/v1alpha1", Kind: "PipelineExecution", Name: "run-1", UID: executionUID,
			Controller: ptr.To(true), BlockOwnerDeletion: ptr.To(true),
		}},
	}
	if diff := cmp.Diff(want, job.ObjectMeta); diff != "" {
		t.Errorf("metadata (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(ourLabels(), job.Spec.Template.Labels); diff != "" {
		t.Errorf("labels of the pods (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(ourAnnotations(), job.Spec.Template.Annotations); diff != "" {
		t.Errorf("annotations of the pods (-want +got):\n%s", diff)
	}
}

// Labels and annotations of the user are kept, except those under pipelines.haltline.dev/, which the operator sets: a template
// could make its Job look like a placeholder, or like a Job of another execution.
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

	ours := ourLabels("team", "a")
	if diff := cmp.Diff(ours, job.Labels); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(ours, job.Spec.Template.Labels); diff != "" {
		t.Errorf("labels of the pods (-want +got):\n%s", diff)
	}
	annotations := ourAnnotations()
	annotations["note"] = "b"
	if diff := cmp.Diff(annotations, job.Annotations); diff != "" {
		t.Errorf("annotations (-want +got):\n%s", diff)
	}
	if isPlaceholder(job) {
		t.Error("the Job looks like a placeholder")
	}
	// The definition is that of the cache.
	if diff := cmp.Diff(before, &start.Definition); diff != "" {
		t.Errorf("the definition was changed (-before +after):\n%s", diff)
	}
}

// timeoutSeconds of the action becomes activeDeadlineSeconds of the Job. If it is absent, the value of the template stays.
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

// The pods of a Job are found by the label controller-uid, which the API server leaves off if manualSelector is
// true. A stop would see no pods and turn Stopped while they run (I5), so such a Job must not be created.
func TestBuildNeedsTheSelectorOfTheAPIServer(t *testing.T) {
	const manual = `{"manualSelector":true,"selector":{"matchLabels":{"app":"a"}},
		"template":{"metadata":{"labels":{"app":"a"}},"spec":{"restartPolicy":"Never","containers":[{"name":"a"}]}}}`
	job, err := buildJob(makeScope(), makeStart(manual))
	if err == nil && ptr.Deref(job.Spec.ManualSelector, false) {
		t.Errorf("a Job with manualSelector was built; the labels of its pods are %v", job.Spec.Template.Labels)
	}
}

// Kubernetes puts the value of a variable where a command has $(NAME), and nothing in that value is replaced again. The operator
// leaves a command as it is: docs/pipelineexecution.md warns of scripts.
func TestACommandIsLeftAsItIs(t *testing.T) {
	scope := makeScope()
	scope.Variables = []v1alpha1.Variable{{Name: "TAG", Value: "$(SECRET)"}}
	job := mustBuild(t, scope, makeStart(`{"template":{"spec":{"containers":[{"name":"a","command":["deploy"],"args":["--tag=$(TAG)"]}]}}}`))
	container := job.Spec.Template.Spec.Containers[0]
	if diff := cmp.Diff([]string{"deploy", "--tag=$(TAG)"}, slices.Concat(container.Command, container.Args)); diff != "" {
		t.Errorf("command (-want +got):\n%s", diff)
	}
	if !slices.Contains(container.Env, corev1.EnvVar{Name: "TAG", Value: "$$(SECRET)"}) {
		t.Errorf("the environment %v lacks the escaped value", container.Env)
	}
}
