// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"testing"

	. "github.com/onsi/gomega"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"haltline.dev/haltline/api/v1alpha1"
)

// waitsWith waits until the stop of an execution gives a reason for an action that it waits for, and returns the message.
func waitsWith(t *testing.T, e *v1alpha1.PipelineExecution, reason string) string {
	t.Helper()
	NewWithT(t).Eventually(func() string {
		if s := refresh(t, e).Status.Stop; s != nil && len(s.WaitingFor) == 1 {
			return s.WaitingFor[0].Reason
		}
		return ""
	}, patience, tick).Should(Equal(reason))
	return e.Status.Stop.WaitingFor[0].Message
}

func TestAStopSaysThatAnImageCannotBePulled(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	e := started(t)
	pods, err := podsOf(t.Context(), e, "compile")
	g.Expect(err).NotTo(HaveOccurred())
	before := pods[0].DeepCopy()
	pods[0].Status.ContainerStatuses[0].State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ErrImagePull", Message: "no such image"}}
	g.Expect(k8s.Status().Patch(t.Context(), &pods[0], client.MergeFrom(before))).To(Succeed())

	g.Expect(verdict(t, request(t, e, false))).To(Equal(v1alpha1.ReasonAccepted))
	g.Expect(waitsWith(t, e, "ImagePullBackOff")).To(ContainSubstring(pods[0].Name))
	g.Eventually(func() []string { return eventReasons(t, e) }, patience, tick).Should(ContainElement("StopWaiting"))
}

func TestAStopSaysThatAPodDoesNotEnd(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	e := started(t, func(s *batchv1.JobSpec) {
		s.Template.Annotations = map[string]string{annotationHoldGrace: "true"}
		s.Template.Spec.TerminationGracePeriodSeconds = ptr.To[int64](1)
	})
	g.Expect(verdict(t, request(t, e, true))).To(Equal(v1alpha1.ReasonAccepted))
	g.Expect(waitsWith(t, e, "PodNotEnding")).To(And(ContainSubstring("should have ended at"), ContainSubstring("node")))
	g.Expect(e.Status.State).To(Equal(v1alpha1.ExecutionStopping))
	endPods(t, e, "compile")
	reaches(t, e, v1alpha1.ExecutionStopped)
}

func TestAStopSaysWhichFinalizerKeepsAPod(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	e := started(t, func(s *batchv1.JobSpec) { s.Template.Spec.TerminationGracePeriodSeconds = ptr.To[int64](1) })
	pods, err := podsOf(t.Context(), e, "compile")
	g.Expect(err).NotTo(HaveOccurred())
	pod := &pods[0]
	edit := func(change func(client.Object, string) bool) {
		before := refresh(t, pod).DeepCopy()
		change(pod, "example.com/hold")
		g.Expect(k8s.Patch(t.Context(), pod, client.MergeFrom(before))).To(Succeed())
	}
	edit(controllerutil.AddFinalizer)
	g.Expect(verdict(t, request(t, e, true))).To(Equal(v1alpha1.ReasonAccepted))
	g.Expect(waitsWith(t, e, "PodFinalizer")).To(ContainSubstring("example.com/hold"))
	edit(controllerutil.RemoveFinalizer)
	reaches(t, e, v1alpha1.ExecutionStopped)
}

// escalateAfterSeconds: as if an abandon had been asked for.
func TestAWaitEscalatesWhenItsTimeIsUp(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	e := started(t)
	r := stopRequest(e.Namespace, "web", string(e.UID), false)
	r.Spec.EscalateAfterSeconds = ptr.To[int64](1)
	g.Expect(k8s.Create(t.Context(), r)).To(Succeed())
	g.Expect(verdict(t, r)).To(Equal(v1alpha1.ReasonAccepted))
	reaches(t, e, v1alpha1.ExecutionStopped)
	g.Expect(actionStates(e)).To(HaveKeyWithValue("compile", abandoned))
	g.Expect(e.Status.Stop.Mode).To(Equal(v1alpha1.StopModeAbandon))
	record := e.Status.Stop.Requests[0]
	g.Expect(e.Status.Stop.Requests).To(HaveLen(1))
	g.Expect(record.Mode).To(Equal(v1alpha1.StopModeWait))
	g.Expect(record.EscalatedTime).NotTo(BeNil())
	g.Expect(record.EscalatedTime.Before(record.EscalationTime)).To(BeFalse())
	g.Eventually(func() []string { return eventReasons(t, e) }, patience, tick).Should(ContainElements("Escalated", "Stopped"))
	stopped(t, r)
}

func TestAnAbandonBeforeTheTimeIsUpCountsAsUsual(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	e := started(t)
	r := escalating(e)
	g.Expect(k8s.Create(t.Context(), r)).To(Succeed())
	g.Expect(verdict(t, r)).To(Equal(v1alpha1.ReasonAccepted))
	g.Expect(verdict(t, request(t, e, true))).To(Equal(v1alpha1.ReasonAccepted))
	reaches(t, e, v1alpha1.ExecutionStopped)
	g.Expect(e.Status.Stop.Requests).To(HaveLen(2))
	g.Expect(e.Status.Stop.Requests[0].EscalatedTime).To(BeNil())
}

// eventReasons are the reasons of the events on an object. An event comes a little after the write that it tells of.
func eventReasons(t *testing.T, o client.Object) []string {
	t.Helper()
	var reasons []string
	list := &eventsv1.EventList{}
	NewWithT(t).Expect(k8s.List(t.Context(), list, client.InNamespace(o.GetNamespace()))).To(Succeed())
	for _, event := range list.Items {
		if event.Regarding.UID == o.GetUID() {
			reasons = append(reasons, event.Reason)
		}
	}
	return reasons
}

func TestEachTransitionHasOneEvent(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	e := started(t)
	r := request(t, e, false)
	g.Expect(verdict(t, r)).To(Equal(v1alpha1.ReasonAccepted))
	duplicate := request(t, e, false)
	g.Expect(verdict(t, duplicate)).To(Equal(v1alpha1.ReasonDuplicatedStopRequest))
	finish(t, e, "compile", corev1.PodFailed)
	reaches(t, e, v1alpha1.ExecutionStopped)
	stopped(t, r)
	g.Eventually(func() []string { return eventReasons(t, e) }, patience, tick).Should(ConsistOf("Started", "Stopping", "ActionFailed", "Stopped"))
	g.Eventually(func() []string { return eventReasons(t, r) }, patience, tick).Should(ConsistOf("Accepted", "Stopped"))
	g.Eventually(func() []string { return eventReasons(t, duplicate) }, patience, tick).Should(ConsistOf(v1alpha1.ReasonDuplicatedStopRequest))
}

// A Pipeline deleted while its execution runs does not keep it from being stopped.
func TestAnExecutionOutlivesItsPipelineAndCanBeStopped(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	e := started(t, func(s *batchv1.JobSpec) {
		// What JSON may write in more than one way.
		s.Template.Spec.Containers[0].Args = []string{"a && b <c> \u2028 é 🙂 \\ \" /"}
		s.Template.Spec.Priority = ptr.To[int32](0)
		s.BackoffLimit = ptr.To[int32](1000000007)
	})
	p := &v1alpha1.Pipeline{ObjectMeta: metav1.ObjectMeta{Namespace: e.Namespace, Name: "web"}}
	g.Expect(k8s.Delete(t.Context(), p, client.PropagationPolicy(metav1.DeletePropagationOrphan))).To(Succeed())
	g.Eventually(func() error { return k8s.Get(t.Context(), client.ObjectKeyFromObject(p), p) }, patience, tick).ShouldNot(Succeed())
	r := request(t, e, true)
	g.Expect(verdict(t, r)).To(Equal(v1alpha1.ReasonAccepted))
	stopped(t, r)
	reaches(t, e, v1alpha1.ExecutionStopped)
}

func TestARecreatedNameIsAnotherExecution(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	e := started(t)
	first := string(e.UID)
	g.Expect(k8s.Delete(t.Context(), e)).To(Succeed())
	again := &v1alpha1.PipelineExecution{ObjectMeta: metav1.ObjectMeta{Namespace: e.Namespace, Name: e.Name}, Spec: e.Spec}
	g.Eventually(func() error { return k8s.Create(t.Context(), again) }, patience, tick).Should(Succeed())
	running(t, again, "compile")
	r := stopRequest(e.Namespace, "web", first, true)
	g.Expect(k8s.Create(t.Context(), r)).To(Succeed())
	g.Expect(verdict(t, r)).To(Equal(v1alpha1.ReasonNotStoppable))
	g.Expect(refresh(t, again).Status.State).To(Equal(v1alpha1.ExecutionInProgress))
}
