// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
)

// How long a test waits for what must happen, how often it looks, and how long it watches for what must not happen.
const (
	patience = 30 * time.Second
	tick     = 20 * time.Millisecond
	vigil    = 500 * time.Millisecond
)

// unknownID is the id of no execution.
const unknownID = "00000000-0000-4000-8000-000000000000"

// namespace makes a namespace for a test, and deletes it at its end.
func namespace(t *testing.T) string {
	t.Helper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "test-"}}
	NewWithT(t).Expect(k8s.Create(t.Context(), ns)).To(Succeed())
	t.Cleanup(func() { _ = k8s.Delete(context.Background(), ns) })
	return ns.Name
}

// jobSpec is a Job of one container, whose pods have the name of the action as a label.
func jobSpec(action string, edit ...func(*batchv1.JobSpec)) runtime.RawExtension {
	spec := &batchv1.JobSpec{
		BackoffLimit: ptr.To[int32](0),
		Template: corev1.PodTemplateSpec{
			ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"action": action}},
			Spec: corev1.PodSpec{
				RestartPolicy: corev1.RestartPolicyNever,
				Containers:    []corev1.Container{{Name: "main", Image: "example"}},
			},
		},
	}
	for _, f := range edit {
		f(spec)
	}
	raw, err := json.Marshal(spec)
	if err != nil {
		panic(err)
	}
	return runtime.RawExtension{Raw: raw}
}

// act is an action that runs until the test finishes it.
func act(name string, runOrder int32, edit ...func(*batchv1.JobSpec)) v1alpha1.Action {
	return v1alpha1.Action{Name: name, RunOrder: runOrder, Job: &v1alpha1.JobTemplate{Spec: jobSpec(name, edit...)}}
}

func stage(name string, actions ...v1alpha1.Action) v1alpha1.Stage {
	return v1alpha1.Stage{Name: name, Actions: actions}
}

func pipeline(t *testing.T, ns, name string, stages ...v1alpha1.Stage) *v1alpha1.Pipeline {
	t.Helper()
	p := &v1alpha1.Pipeline{
		ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name},
		Spec:       v1alpha1.PipelineSpec{Stages: stages},
	}
	NewWithT(t).Expect(k8s.Create(t.Context(), p)).To(Succeed())
	return p
}

func execution(t *testing.T, ns, pipelineName string) *v1alpha1.PipelineExecution {
	t.Helper()
	e := &v1alpha1.PipelineExecution{
		ObjectMeta: metav1.ObjectMeta{Namespace: ns, GenerateName: "run-"},
		Spec:       v1alpha1.PipelineExecutionSpec{PipelineName: pipelineName},
	}
	NewWithT(t).Expect(k8s.Create(t.Context(), e)).To(Succeed())
	return e
}

// request asks to stop an execution.
func request(t *testing.T, e *v1alpha1.PipelineExecution, abandon bool) *v1alpha1.StopRequest {
	t.Helper()
	r := stopRequest(e.Namespace, e.Spec.PipelineName, string(e.UID), abandon)
	NewWithT(t).Expect(k8s.Create(t.Context(), r)).To(Succeed())
	return r
}

func stopRequest(ns, pipelineName, id string, abandon bool) *v1alpha1.StopRequest {
	return &v1alpha1.StopRequest{
		ObjectMeta: metav1.ObjectMeta{Namespace: ns, GenerateName: "stop-"},
		Spec:       v1alpha1.StopRequestSpec{PipelineName: pipelineName, PipelineExecutionID: id, Abandon: abandon, Reason: "a test"},
	}
}

// refresh reads an object again.
func refresh[T client.Object](t *testing.T, o T) T {
	t.Helper()
	NewWithT(t).Expect(k8s.Get(t.Context(), client.ObjectKeyFromObject(o), o)).To(Succeed())
	return o
}

// reaches waits until the execution is in a state.
func reaches(t *testing.T, e *v1alpha1.PipelineExecution, state v1alpha1.ExecutionState) {
	t.Helper()
	NewWithT(t).Eventually(func() v1alpha1.ExecutionState {
		return refresh(t, e).Status.State
	}, patience, tick).Should(Equal(state), func() string { return fmt.Sprintf("%s: %+v", e.Name, e.Status) })
}

// verdict waits for the verdict on a request and returns its reason.
func verdict(t *testing.T, r *v1alpha1.StopRequest) string {
	t.Helper()
	NewWithT(t).Eventually(func() *metav1.Condition {
		return meta.FindStatusCondition(refresh(t, r).Status.Conditions, v1alpha1.ConditionAccepted)
	}, patience, tick).ShouldNot(BeNil(), "no verdict on %s", r.Name)
	return meta.FindStatusCondition(r.Status.Conditions, v1alpha1.ConditionAccepted).Reason
}

// holds waits until an object has a condition with a status.
func holds(t *testing.T, o client.Object, conditions func() []metav1.Condition, conditionType string, status metav1.ConditionStatus) {
	t.Helper()
	NewWithT(t).Eventually(func() metav1.ConditionStatus {
		refresh(t, o)
		if c := meta.FindStatusCondition(conditions(), conditionType); c != nil {
			return c.Status
		}
		return ""
	}, patience, tick).Should(Equal(status), "%s of %s", conditionType, o.GetName())
}

// actionStates are the states of the actions of an execution, by their names.
func actionStates(e *v1alpha1.PipelineExecution) map[string]v1alpha1.ActionState {
	states := map[string]v1alpha1.ActionState{}
	for _, s := range e.Status.Stages {
		for _, a := range s.Actions {
			states[a.Name] = a.State
		}
	}
	return states
}

// stageStates are the states of the stages of an execution, in their order.
func stageStates(e *v1alpha1.PipelineExecution) []v1alpha1.StageState {
	var states []v1alpha1.StageState
	for _, s := range e.Status.Stages {
		states = append(states, s.State)
	}
	return states
}

// jobs are the Jobs of an execution.
func jobs(t *testing.T, e *v1alpha1.PipelineExecution) []batchv1.Job {
	t.Helper()
	list := &batchv1.JobList{}
	NewWithT(t).Expect(k8s.List(t.Context(), list, client.InNamespace(e.Namespace),
		client.MatchingLabels{v1alpha1.LabelExecutionID: string(e.UID)})).To(Succeed())
	return list.Items
}
