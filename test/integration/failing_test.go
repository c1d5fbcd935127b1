// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/builders"
)

// An execution of which an action has failed says so before the others have ended; a stop that comes then is a stop.
func TestAFailureIsSeenBeforeTheSiblingsEnd(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := createNamespace(t)
	createPipeline(t, ns, "web", builders.Stage("Build", builders.Action("compile"), builders.Action("lint")))
	execution := createExecution(t, ns, "web")
	waitForRunning(t, execution, "lint")
	finishAction(t, execution, "compile", corev1.PodFailed)
	expectNotReady(t, execution, v1alpha1.ReasonFailing, "Build/lint", `"compile"`, "BackoffLimitExceeded")
	g.Expect(execution.Status.State).To(Equal(v1alpha1.ExecutionInProgress))
	g.Expect(isConditionTrue(execution, v1alpha1.ConditionReconciling)).To(BeTrue())
	g.Expect(findCondition(execution, v1alpha1.ConditionStalled)).To(BeNil())

	expectAccepted(t, createObject(t, builders.StopAndWait(execution)))
	expectNotReady(t, execution, string(v1alpha1.ExecutionStopping), "to finish: Build/lint.")
	finishAction(t, execution, "lint", corev1.PodSucceeded)
	waitForState(t, execution, v1alpha1.ExecutionStopped)
}
