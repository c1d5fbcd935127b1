// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/builders"
)

func TestAStopSaysThatAnImageCannotBePulled(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	execution := startExecution(t)
	pod := failPull(t, execution, "compile")
	expectAccepted(t, createObject(t, builders.StopAndWait(execution)))
	g.Expect(waitForPendingReason(t, execution, "ImagePullBackOff")).To(ContainSubstring(pod.Name))
	g.Eventually(func() []string { return eventReasons(t, execution) }, timeout, interval).Should(ContainElement("StopWaiting"))
}

// failPull reports that the image of an action cannot be pulled, and returns its pod.
func failPull(t *testing.T, execution *v1alpha1.PipelineExecution, action string) *corev1.Pod {
	t.Helper()
	pod := waitForRunning(t, execution, action)
	before := pod.DeepCopy()
	pod.Status.Conditions[0].Status = corev1.ConditionFalse
	pod.Status.ContainerStatuses[0].State = corev1.ContainerState{
		Waiting: &corev1.ContainerStateWaiting{Reason: "ErrImagePull", Message: "no such image"},
	}
	NewWithT(t).Expect(k8s.Status().Patch(t.Context(), pod, client.MergeFrom(before))).To(Succeed())
	return pod
}

func TestAStopSaysThatAPodDoesNotEnd(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	execution := startExecution(t, ignoreTermination, builders.GraceSeconds(1))
	expectAccepted(t, createObject(t, builders.StopAndAbandon(execution)))
	g.Expect(waitForPendingReason(t, execution, "PodNotEnding")).To(And(ContainSubstring("should have ended at"), ContainSubstring("node")))
	g.Expect(execution.Status.State).To(Equal(v1alpha1.ExecutionStopping))
	killPods(t, execution, "compile")
	waitForState(t, execution, v1alpha1.ExecutionStopped)
}

func TestAStopSaysWhichFinalizerKeepsAPod(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	execution := startExecution(t, builders.GraceSeconds(1))
	pod := waitForRunning(t, execution, "compile")
	addFinalizer(t, pod)
	expectAccepted(t, createObject(t, builders.StopAndAbandon(execution)))
	g.Expect(waitForPendingReason(t, execution, "PodFinalizer")).To(ContainSubstring(holdFinalizer))
	removeFinalizer(t, pod)
	waitForState(t, execution, v1alpha1.ExecutionStopped)
}

// waitForPendingReason waits until a stop waits for one action, for that reason. It returns the message.
func waitForPendingReason(t *testing.T, execution *v1alpha1.PipelineExecution, reason string) string {
	t.Helper()
	NewWithT(t).Eventually(func() string {
		if stop := refreshObject(t, execution).Status.Stop; stop != nil && len(stop.WaitingFor) == 1 {
			return stop.WaitingFor[0].Reason
		}
		return ""
	}, timeout, interval).Should(Equal(reason))
	return execution.Status.Stop.WaitingFor[0].Message
}
