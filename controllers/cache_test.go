// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
)

// maxCached bounds in bytes what the cache keeps of an object whose users filled whatever they can fill.
const maxCached = 2000

// What users size is not held: an object that is filled with anything is small in the cache.
func TestTheCacheKeepsLittle(t *testing.T) {
	huge := strings.Repeat("x", 100_000)
	template := v1alpha1.JobTemplate{Spec: runtime.RawExtension{Raw: []byte(`{"a":"` + huge + `"}`)}}
	podSpec := corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Args: []string{huge}}}}
	for _, o := range []client.Object{
		&v1alpha1.Pipeline{Spec: v1alpha1.PipelineSpec{
			PipelineName: "web", Stages: []v1alpha1.Stage{{Name: "s", Actions: []v1alpha1.Action{{Name: "a", Job: &template}}}},
		}},
		&v1alpha1.PipelineExecution{Spec: v1alpha1.PipelineExecutionSpec{PipelineName: "web"}},
		&v1alpha1.StopRequest{Spec: v1alpha1.StopRequestSpec{PipelineExecutionID: "id"}},
		&batchv1.Job{
			Spec: batchv1.JobSpec{
				Template: corev1.PodTemplateSpec{Spec: podSpec},
				Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"a": huge, "b": huge}},
			},
			Status: batchv1.JobStatus{CompletedIndexes: huge, FailedIndexes: &huge},
		},
		&appsv1.ControllerRevision{Data: template.Spec},
		&metav1.PartialObjectMetadata{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"}},
	} {
		t.Run(fmt.Sprintf("%T", o), func(t *testing.T) {
			o.SetName("name")
			o.SetLabels(map[string]string{v1alpha1.LabelExecutionID: "id", "theirs": huge})
			o.SetAnnotations(map[string]string{v1alpha1.AnnotationExecutionName: "name", "theirs": huge})
			o.SetManagedFields([]metav1.ManagedFieldsEntry{{Manager: huge}})
			if content := mustMarshal(t, transformed(t, o)); len(content) > maxCached {
				t.Errorf("%d bytes are kept: %.300s…", len(content), content)
			}
		})
	}
}

// The parts of an object that are read are in the cache as they are on the API server.
func TestTheCacheKeepsWhatIsRead(t *testing.T) {
	execution := makeExecutionIn(v1alpha1.ExecutionStopping, "first")
	execution.Labels, execution.Annotations = buildMark(execution)
	execution.ResourceVersion, execution.Generation = "7", 3
	sr := makeStopRequest("r", true)
	sr.ResourceVersion = "8"
	pipeline := makePipeline()
	pipeline.ResourceVersion, pipeline.Generation = "9", 4
	pipeline.Status.PipelineName = "web"
	pipeline.Spec.ExecutionMode = v1alpha1.ExecutionModeQueued
	pipeline.Spec.Stages[0].Transition = &v1alpha1.StageTransition{Disabled: true, Reason: "frozen"}
	wantedPipeline := pipeline.DeepCopy()
	wantedPipeline.Spec = v1alpha1.PipelineSpec{PipelineName: pipeline.Spec.PipelineName, ExecutionMode: v1alpha1.ExecutionModeQueued}
	for _, s := range pipeline.Spec.Stages {
		wantedPipeline.Spec.Stages = append(wantedPipeline.Spec.Stages, v1alpha1.Stage{Name: s.Name, Transition: s.Transition})
	}
	job := &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{
			Name: "j", UID: "u", ResourceVersion: "10", Labels: map[string]string{v1alpha1.LabelPlaceholder: "true"},
			OwnerReferences: []metav1.OwnerReference{{Name: "e", UID: "o", Controller: ptr.To(true)}, {Name: "theirs"}},
			Finalizers:      []string{"example.com/hold"},
		},
		Spec: batchv1.JobSpec{
			Suspend: ptr.To(true), Parallelism: ptr.To[int32](0), ManagedBy: ptr.To("example.com/queue"),
		},
		Status: batchv1.JobStatus{Active: 1, Conditions: []batchv1.JobCondition{{Type: batchv1.JobSuspended, Status: corev1.ConditionTrue}}},
	}
	revision := &appsv1.ControllerRevision{
		ObjectMeta: metav1.ObjectMeta{
			Name: "r", Labels: map[string]string{v1alpha1.LabelPipelineUID: "u"},
			Annotations:     map[string]string{v1alpha1.AnnotationUnusedSince: "2026-03-01T12:00:00Z"},
			OwnerReferences: []metav1.OwnerReference{{Name: "theirs"}},
		},
	}
	for _, tt := range []struct{ object, want client.Object }{
		{execution, execution}, {sr, sr}, {pipeline, wantedPipeline}, {job, job}, {revision, revision},
	} {
		want := string(mustMarshal(t, tt.want))
		if got := string(mustMarshal(t, transformed(t, tt.object))); got != want {
			t.Errorf("%T: the cache has\n%s, want\n%s", tt.object, got, want)
		}
	}
}

// transformed returns an object as the cache keeps it.
func transformed(t *testing.T, o client.Object) any {
	t.Helper()
	for kind, options := range CacheOptions().ByObject {
		if fmt.Sprintf("%T", kind) == fmt.Sprintf("%T", o) && options.Transform != nil {
			kept, err := options.Transform(o.DeepCopyObject())
			if err != nil {
				t.Fatal(err)
			}
			return kept
		}
	}
	t.Fatalf("the cache keeps all of %T", o)
	return nil
}

func mustMarshal(t *testing.T, o any) []byte {
	t.Helper()
	content, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	return content
}
