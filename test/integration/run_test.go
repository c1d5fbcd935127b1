// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/builders"
)

func TestStagesRunInOrderAndActionsByRunOrder(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := createNamespace(t)
	createPipeline(t, ns, "web",
		builders.Stage("Build", builders.Action("package", builders.RunOrder(5)), builders.Action("compile"), builders.Action("lint")),
		builders.Stage("Deploy", builders.Action("roll-out")))
	execution := createExecution(t, ns, "web")

	waitForRunning(t, execution, "compile")
	waitForRunning(t, execution, "lint")
	g.Expect(actionStates(refreshObject(t, execution))).To(Equal(states{
		"package": actionNotStarted, "compile": actionInProgress, "lint": actionInProgress, "roll-out": actionNotStarted}))
	g.Expect(execution.Status.CurrentStage).To(Equal("Build"))

	finishAction(t, execution, "compile", corev1.PodSucceeded)
	finishAction(t, execution, "lint", corev1.PodSucceeded)
	waitForRunning(t, execution, "package")
	g.Expect(actionStates(refreshObject(t, execution))).To(HaveKeyWithValue("roll-out", actionNotStarted))

	finishAction(t, execution, "package", corev1.PodSucceeded)
	waitForRunning(t, execution, "roll-out")
	finishAction(t, execution, "roll-out", corev1.PodSucceeded)
	waitForState(t, execution, v1alpha1.ExecutionSucceeded)
	g.Expect(stageStates(execution)).To(HaveEach(v1alpha1.StageSucceeded))
	g.Expect(isConditionTrue(execution, v1alpha1.ConditionReady)).To(BeTrue())
	g.Expect(execution.Status.CompletionTime).NotTo(BeNil())
	g.Expect(execution.Status.ObservedGeneration).To(Equal(execution.Generation))
	for _, s := range execution.Status.Stages {
		for _, a := range s.Actions {
			g.Expect(a.StartTime).NotTo(BeNil())
			g.Expect(a.CompletionTime).NotTo(BeNil())
		}
	}
}

func TestSiblingsOfAFailedActionFinishAndTheExecutionFails(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := createNamespace(t)
	createPipeline(t, ns, "web",
		builders.Stage("Build", builders.Action("compile"), builders.Action("lint"), builders.Action("package", builders.RunOrder(2))),
		builders.Stage("Deploy", builders.Action("roll-out")))
	execution := createExecution(t, ns, "web")

	waitForRunning(t, execution, "lint")
	finishAction(t, execution, "compile", corev1.PodFailed)
	waitForAction(t, execution, "compile", actionFailed)
	g.Expect(execution.Status.State).To(Equal(v1alpha1.ExecutionInProgress))

	finishAction(t, execution, "lint", corev1.PodSucceeded)
	waitForState(t, execution, v1alpha1.ExecutionFailed)
	g.Expect(actionStates(execution)).To(Equal(states{"compile": actionFailed, "lint": actionSucceeded, "package": actionNotStarted, "roll-out": actionNotStarted}))
	g.Expect(stageStates(execution)).To(Equal([]v1alpha1.StageState{v1alpha1.StageFailed, v1alpha1.StageNotStarted}))
	c := findCondition(execution, v1alpha1.ConditionStalled)
	g.Expect(c).NotTo(BeNil())
	g.Expect(c.Reason).To(Equal(v1alpha1.ReasonActionFailed))
	g.Expect(c.Message).To(And(ContainSubstring("compile"), ContainSubstring("BackoffLimitExceeded")))
}

func TestTheDefinitionIsPinnedWhenTheExecutionStarts(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := createNamespace(t)
	pipeline := createPipeline(t, ns, "web", builders.Stage("Build", builders.Action("compile")), builders.Stage("Deploy", builders.Action("roll-out")))
	execution := createExecution(t, ns, "web")
	waitForRunning(t, execution, "compile")

	refreshObject(t, pipeline)
	pipeline.Spec.Stages = []v1alpha1.Stage{builders.Stage("Other", builders.Action("other"))}
	g.Expect(k8s.Update(t.Context(), pipeline)).To(Succeed())
	finishAction(t, execution, "compile", corev1.PodSucceeded)
	finishAction(t, execution, "roll-out", corev1.PodSucceeded)
	waitForState(t, execution, v1alpha1.ExecutionSucceeded)
	g.Expect(actionStates(execution)).To(Equal(states{"compile": actionSucceeded, "roll-out": actionSucceeded}))
	g.Expect(metav1.IsControlledBy(execution, pipeline)).To(BeFalse())
	g.Expect(execution.OwnerReferences).To(HaveLen(1))
	g.Expect(execution.OwnerReferences[0].UID).To(Equal(pipeline.UID))
}
