// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"slices"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/builders"
)

// docs/observing.md lists which transitions have an event.
func TestEachTransitionHasOneEvent(t *testing.T) {
	t.Parallel()
	execution := startExecution(t)
	sr := createObject(t, builders.StopAndWait(execution))
	expectAccepted(t, sr)
	duplicate := createObject(t, builders.StopAndWait(execution))
	expectVerdict(t, duplicate, v1alpha1.ReasonDuplicatedStopRequest)
	finishAction(t, execution, "compile", corev1.PodFailed)
	waitForStopped(t, sr)
	expectEvents(t, execution, "Started", "Stopping", "ActionFailed", "Stopped")
	expectEvents(t, duplicate, v1alpha1.ReasonDuplicatedStopRequest)
	expectEvents(t, sr)
	g := NewWithT(t)
	for _, event := range listEvents(t, duplicate) {
		g.Expect(event.Type).To(Equal(corev1.EventTypeWarning), "a rejection")
	}
}

// "So a plain stop and wait makes two events, `Stopping` and `Stopped`, both on the execution, and a plain stop and abandon one,
// `Stopped`." (docs/observing.md)
func TestEventsOfAStopOfOneAction(t *testing.T) {
	t.Parallel()
	for name, buildRequest := range map[string]func(*v1alpha1.PipelineExecution) *v1alpha1.StopRequest{
		"wait": builders.StopAndWait, "abandon": builders.StopAndAbandon,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns := createNamespace(t)
			pipeline := createPipeline(t, ns, "web", builders.Stage("Build", builders.Action("compile", builders.GraceSeconds(30))))
			waitForCondition(t, pipeline, v1alpha1.ConditionReady, metav1.ConditionTrue)
			execution := createExecution(t, ns, "web")
			waitForRunning(t, execution, "compile")
			expectEvents(t, execution, "Started")

			sr := createObject(t, buildRequest(execution))
			expectAccepted(t, sr)
			want := []string{"Started", "Stopped"}
			if name == "wait" {
				want = []string{"Started", "Stopping", "Stopped"}
				finishAction(t, execution, "compile", corev1.PodSucceeded)
			}
			waitForStopped(t, sr)
			expectEvents(t, execution, want...)
			expectEvents(t, sr)
			NewWithT(t).Expect(listEventsOfOperator(t, ns)).To(HaveLen(len(want)), "there are others in the namespace")
		})
	}
}

// expectEvents waits until the events on an object have those reasons, and watches for a while that no other comes: an event
// comes a little after the write that it reports.
func expectEvents(t *testing.T, object client.Object, reasons ...string) {
	t.Helper()
	g := NewWithT(t)
	findReasons := func() []string { return eventReasons(t, object) }
	g.Eventually(findReasons, timeout, interval).Should(ConsistOf(reasons))
	g.Consistently(findReasons, quietTime, interval).Should(ConsistOf(reasons))
}

// eventReasons returns the reasons of the events on an object.
func eventReasons(t *testing.T, object client.Object) []string {
	t.Helper()
	reasons := []string{}
	for _, event := range listEvents(t, object) {
		reasons = append(reasons, event.Reason)
	}
	return reasons
}

// listEvents returns the events of the operator on an object.
func listEvents(t *testing.T, object client.Object) []eventsv1.Event {
	t.Helper()
	return slices.DeleteFunc(listEventsOfOperator(t, object.GetNamespace()), func(event eventsv1.Event) bool {
		return event.Regarding.UID != object.GetUID()
	})
}

func listEventsOfOperator(t *testing.T, ns string) []eventsv1.Event {
	t.Helper()
	list := &eventsv1.EventList{}
	NewWithT(t).Expect(k8s.List(t.Context(), list, client.InNamespace(ns))).To(Succeed())
	return slices.DeleteFunc(list.Items, func(event eventsv1.Event) bool { return event.ReportingController != "haltline" })
}
