// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"testing"

	. "github.com/onsi/gomega"

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
