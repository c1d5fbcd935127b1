// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"testing"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/builders"
)

// When escalateAfterSeconds is over, everything is as if somebody had asked to abandon.
func TestAWaitEscalatesWhenItsTimeIsUp(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	execution := startExecution(t)
	sr := createObject(t, builders.StopAndEscalate(execution, 1))
	expectAccepted(t, sr)
	waitForState(t, execution, v1alpha1.ExecutionStopped)
	g.Expect(actionStates(execution)).To(HaveKeyWithValue("compile", actionAbandoned))
	g.Expect(execution.Status.Stop.Mode).To(Equal(v1alpha1.StopModeAbandon))
	record := execution.Status.Stop.Requests[0]
	g.Expect(execution.Status.Stop.Requests).To(HaveLen(1))
	g.Expect(record.Mode).To(Equal(v1alpha1.StopModeWait))
	g.Expect(record.EscalatedTime).NotTo(BeNil())
	g.Expect(record.EscalatedTime.Before(record.EscalationTime)).To(BeFalse())
	g.Eventually(func() []string { return eventReasons(t, execution) }, timeout, interval).Should(ContainElements("Escalated", "Stopped"))
	waitForStopped(t, sr)
}

func TestAnAbandonBeforeTheTimeIsUpCountsAsUsual(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	execution := startExecution(t)
	sr := createObject(t, builders.StopAndEscalate(execution, 3600))
	expectAccepted(t, sr)
	expectAccepted(t, createObject(t, builders.StopAndAbandon(execution)))
	waitForState(t, execution, v1alpha1.ExecutionStopped)
	g.Expect(execution.Status.Stop.Requests).To(HaveLen(2))
	g.Expect(execution.Status.Stop.Requests[0].EscalatedTime).To(BeNil())
}

// "If you already chose to stop and wait, you cannot make that request again", so its escalation does not count either.
func TestADuplicateDoesNotSetAnEscalation(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	execution := startExecution(t)
	expectAccepted(t, createObject(t, builders.StopAndWait(execution)))
	g.Eventually(func() string {
		return findCondition(refreshObject(t, execution), v1alpha1.ConditionReady).Message
	}, timeout, interval).Should(ContainSubstring("No escalation is set."))
	duplicate := createObject(t, builders.StopAndEscalate(execution, 1))
	g.Eventually(func() *metav1.Condition {
		return findCondition(refreshObject(t, duplicate), v1alpha1.ConditionAccepted)
	}, timeout, interval).Should(And(
		HaveField("Reason", v1alpha1.ReasonDuplicatedStopRequest),
		HaveField("Message", ContainSubstring("spec.escalateAfterSeconds: 1 has no effect")),
		HaveField("Message", ContainSubstring("create a StopRequest with abandon: true"))))
	stop := refreshObject(t, execution).Status.Stop
	g.Expect(stop.Requests).To(ConsistOf(HaveField("EscalationTime", BeNil())))
	g.Expect(findCondition(execution, v1alpha1.ConditionReady).Message).To(ContainSubstring("No escalation is set."))
}
