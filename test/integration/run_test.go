// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"

	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

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
	g.Expect(c.Message).To(And(ContainSubstring("compile"), ContainSubstring("BackoffLimitExceeded"), ContainSubstring(`backoff limit. Pod "`)))
}

func TestTheDefinitionIsPinnedWhenTheExecutionStarts(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := createNamespace(t)
	pipeline := createPipeline(t, ns, "web", builders.Stage("Build", builders.Action("compile")), builders.Stage("Deploy", builders.Action("roll-out")))
	execution := createExecution(t, ns, "web")
	waitForRunning(t, execution, "compile")

	changePipeline(t, pipeline, func(spec *v1alpha1.PipelineSpec) {
		spec.Stages = []v1alpha1.Stage{builders.Stage("Other", builders.Action("other"))}
	})
	finishAction(t, execution, "compile", corev1.PodSucceeded)
	finishAction(t, execution, "roll-out", corev1.PodSucceeded)
	waitForState(t, execution, v1alpha1.ExecutionSucceeded)
	g.Expect(actionStates(execution)).To(Equal(states{"compile": actionSucceeded, "roll-out": actionSucceeded}))
	g.Expect(execution.OwnerReferences).To(BeEmpty())
}

// "two generations of one definition share it": a revision pins variables and stages, and nothing else.
func TestTwoGenerationsOfOneDefinitionShareARevision(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := createNamespace(t)
	pipeline := createPipeline(t, ns, "web", builders.Stage("Build", builders.Action("compile")))
	first := createExecution(t, ns, "web")
	waitForRunning(t, first, "compile")

	setVariables := func(variables ...v1alpha1.VariableDeclaration) {
		patchObject(t, pipeline, func() { pipeline.Spec.Variables = variables })
	}
	setVariables(v1alpha1.VariableDeclaration{Name: "TARGET", DefaultValue: ptr.To("production")})
	second := createExecution(t, ns, "web")
	waitForRunning(t, second, "compile")
	setVariables()
	third := createExecution(t, ns, "web")
	waitForRunning(t, third, "compile")

	g.Expect(pipeline.Generation).To(Equal(int64(3)))
	revisionOf := func(execution *v1alpha1.PipelineExecution) string {
		return refreshObject(t, execution).Status.PipelineRevision
	}
	g.Expect(revisionOf(third)).To(Equal(revisionOf(first)))
	g.Expect(revisionOf(second)).NotTo(Equal(revisionOf(first)))
	revisions := &appsv1.ControllerRevisionList{}
	g.Expect(k8s.List(t.Context(), revisions, client.InNamespace(ns))).To(Succeed())
	g.Expect(revisions.Items).To(HaveLen(2))
	for _, revision := range revisions.Items {
		data := map[string]any{}
		g.Expect(json.Unmarshal(revision.Data.Raw, &data)).To(Succeed())
		g.Expect(slices.Collect(maps.Keys(data))).To(Or(ConsistOf("stages"), ConsistOf("stages", "variables")))
	}
}
