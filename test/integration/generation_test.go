// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"testing"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/builders"
)

// Whoever waits by kstatus, such as Flux, waits for observedGeneration. What is finished follows it by one write, and nothing
// else about it changes.
func TestWhatIsFinishedFollowsItsGeneration(t *testing.T) {
	t.Parallel()
	ns := createNamespace(t)
	pipeline := builders.Pipeline(ns, "web", builders.Stage("Build", builders.Action("compile")))
	pipeline.Spec.Variables = []v1alpha1.VariableDeclaration{{Name: "A"}, {Name: "B"}}
	createObject(t, pipeline)
	waitForCondition(t, pipeline, v1alpha1.ConditionReady, metav1.ConditionTrue)
	variables := []v1alpha1.Variable{{Name: "A", Value: "1"}, {Name: "B", Value: "2"}}

	succeeded := createObject(t, builders.Execution(ns, "web", variables...))
	finishAction(t, succeeded, "compile", corev1.PodSucceeded)
	waitForState(t, succeeded, v1alpha1.ExecutionSucceeded)
	stopped := createObject(t, builders.Execution(ns, "web", variables...))
	waitForRunning(t, stopped, "compile")
	accepted := createObject(t, builders.StopAndWait(stopped))
	expectAccepted(t, accepted)
	finishAction(t, stopped, "compile", corev1.PodSucceeded)
	waitForStopped(t, accepted)
	waitForState(t, stopped, v1alpha1.ExecutionStopped)
	rejected := createObject(t, builders.StopAndWait(stopped))
	expectVerdict(t, rejected, v1alpha1.ReasonNotStoppable)

	const reordered = `{"spec":{"variables":[{"name":"B","value":"2"},{"name":"A","value":"1"}]}}`
	expectFollows(t, pipeline, `{"spec":{"variables":[{"name":"B"},{"name":"A"}]}}`, status.CurrentStatus)
	expectFollows(t, succeeded, reordered, status.CurrentStatus)
	expectFollows(t, stopped, reordered, status.FailedStatus)
	expectFollows(t, accepted, `{"spec":{"abandon":false}}`, status.CurrentStatus)
	expectFollows(t, rejected, `{"spec":{"abandon":false}}`, status.FailedStatus)
}

// expectFollows patches an object, and waits until its observedGeneration and that of its conditions is its generation, without
// another change of its conditions and without more writes.
func expectFollows(t *testing.T, object client.Object, patch string, health status.Status) {
	t.Helper()
	g := NewWithT(t)
	before := finishedConditions(refreshObject(t, object))
	g.Expect(k8s.Patch(t.Context(), object, client.RawPatch(types.MergePatchType, []byte(patch)))).To(Succeed())
	waitForHealth(t, object, health)
	refreshObject(t, object)
	after := finishedConditions(object)
	for i := range after {
		g.Expect(after[i].ObservedGeneration).To(Equal(object.GetGeneration()), after[i].Type)
		after[i].ObservedGeneration = before[i].ObservedGeneration
	}
	g.Expect(after).To(Equal(before))
	expectNoWrites(t, object)
}

// finishedConditions returns a copy of the conditions of an object.
func finishedConditions(object client.Object) []metav1.Condition {
	switch o := object.DeepCopyObject().(type) {
	case *v1alpha1.Pipeline:
		return o.Status.Conditions
	case *v1alpha1.PipelineExecution:
		return o.Status.Conditions
	case *v1alpha1.StopRequest:
		return o.Status.Conditions
	}
	return nil
}
