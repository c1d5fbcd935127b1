// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"haltline.dev/haltline/api/v1alpha1"
)

const (
	notStarted = v1alpha1.ActionNotStarted
	inProgress = v1alpha1.ActionInProgress
	succeeded  = v1alpha1.ActionSucceeded
	failed     = v1alpha1.ActionFailed
	abandoned  = v1alpha1.ActionAbandoned
)

type states = map[string]v1alpha1.ActionState

func TestStagesRunInOrderAndActionsByRunOrder(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := namespace(t)
	pipeline(t, ns, "web",
		stage("Build", act("package", 5), act("compile", 1), act("lint", 1)),
		stage("Deploy", act("roll-out", 1)))
	e := execution(t, ns, "web")

	running(t, e, "compile")
	running(t, e, "lint")
	g.Expect(actionStates(refresh(t, e))).To(Equal(states{
		"package": notStarted, "compile": inProgress, "lint": inProgress, "roll-out": notStarted}))
	g.Expect(e.Status.CurrentStage).To(Equal("Build"))

	finish(t, e, "compile", corev1.PodSucceeded)
	finish(t, e, "lint", corev1.PodSucceeded)
	running(t, e, "package")
	g.Expect(actionStates(refresh(t, e))).To(HaveKeyWithValue("roll-out", notStarted))

	finish(t, e, "package", corev1.PodSucceeded)
	running(t, e, "roll-out")
	finish(t, e, "roll-out", corev1.PodSucceeded)
	reaches(t, e, v1alpha1.ExecutionSucceeded)
	g.Expect(stageStates(e)).To(HaveEach(v1alpha1.StageSucceeded))
	g.Expect(meta.IsStatusConditionTrue(e.Status.Conditions, v1alpha1.ConditionReady)).To(BeTrue())
	g.Expect(e.Status.CompletionTime).NotTo(BeNil())
	g.Expect(e.Status.ObservedGeneration).To(Equal(e.Generation))
	for _, s := range e.Status.Stages {
		for _, a := range s.Actions {
			g.Expect(a.StartTime).NotTo(BeNil())
			g.Expect(a.CompletionTime).NotTo(BeNil())
		}
	}
}

func TestSiblingsOfAFailedActionFinishAndTheExecutionFails(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := namespace(t)
	pipeline(t, ns, "web", stage("Build", act("compile", 1), act("lint", 1), act("package", 2)), stage("Deploy", act("roll-out", 1)))
	e := execution(t, ns, "web")

	running(t, e, "lint")
	finish(t, e, "compile", corev1.PodFailed)
	g.Eventually(func() states { return actionStates(refresh(t, e)) }, patience, tick).Should(HaveKeyWithValue("compile", failed))
	g.Expect(e.Status.State).To(Equal(v1alpha1.ExecutionInProgress))

	finish(t, e, "lint", corev1.PodSucceeded)
	reaches(t, e, v1alpha1.ExecutionFailed)
	g.Expect(actionStates(e)).To(Equal(states{"compile": failed, "lint": succeeded, "package": notStarted, "roll-out": notStarted}))
	g.Expect(stageStates(e)).To(Equal([]v1alpha1.StageState{v1alpha1.StageFailed, v1alpha1.StageNotStarted}))
	c := meta.FindStatusCondition(e.Status.Conditions, v1alpha1.ConditionStalled)
	g.Expect(c).NotTo(BeNil())
	g.Expect(c.Reason).To(Equal(v1alpha1.ReasonActionFailed))
	g.Expect(c.Message).To(And(ContainSubstring("compile"), ContainSubstring("BackoffLimitExceeded")))
}

func TestTheDefinitionIsPinnedWhenTheExecutionStarts(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := namespace(t)
	p := pipeline(t, ns, "web", stage("Build", act("compile", 1)), stage("Deploy", act("roll-out", 1)))
	e := execution(t, ns, "web")
	running(t, e, "compile")

	refresh(t, p)
	p.Spec.Stages = []v1alpha1.Stage{stage("Other", act("other", 1))}
	g.Expect(k8s.Update(t.Context(), p)).To(Succeed())
	finish(t, e, "compile", corev1.PodSucceeded)
	finish(t, e, "roll-out", corev1.PodSucceeded)
	reaches(t, e, v1alpha1.ExecutionSucceeded)
	g.Expect(actionStates(e)).To(Equal(states{"compile": succeeded, "roll-out": succeeded}))
	g.Expect(metav1.IsControlledBy(e, p)).To(BeFalse())
	g.Expect(e.OwnerReferences).To(HaveLen(1))
	g.Expect(e.OwnerReferences[0].UID).To(Equal(p.UID))
}

func TestAnExecutionWaitsForItsPipeline(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := namespace(t)
	e := execution(t, ns, "Web@Team_1")
	holds(t, e, func() []metav1.Condition { return e.Status.Conditions }, v1alpha1.ConditionReconciling, metav1.ConditionTrue)
	c := meta.FindStatusCondition(e.Status.Conditions, v1alpha1.ConditionReady)
	g.Expect(c.Reason).To(Equal(v1alpha1.ReasonWaitingForPipeline))
	g.Expect(c.Message).To(And(ContainSubstring("spec.pipelineName"), ContainSubstring("Web@Team_1")))

	p := &v1alpha1.Pipeline{
		ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "web"},
		Spec:       v1alpha1.PipelineSpec{PipelineName: "Web@Team_1", Stages: []v1alpha1.Stage{stage("Build", act("compile", 1))}},
	}
	g.Expect(k8s.Create(t.Context(), p)).To(Succeed())
	finish(t, e, "compile", corev1.PodSucceeded)
	reaches(t, e, v1alpha1.ExecutionSucceeded)
}

func TestVariablesReachTheContainersAsEnvironment(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := namespace(t)
	value := "$(HALTLINE_STAGE); \"rm\" $$ \\"
	p := &v1alpha1.Pipeline{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "web"}, Spec: v1alpha1.PipelineSpec{
		Variables: []v1alpha1.VariableDeclaration{{Name: "TARGET"}, {Name: "OTHER", DefaultValue: &value}},
		Stages:    []v1alpha1.Stage{stage("Build", act("compile", 1))},
	}}
	g.Expect(k8s.Create(t.Context(), p)).To(Succeed())
	e := &v1alpha1.PipelineExecution{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "run"}, Spec: v1alpha1.PipelineExecutionSpec{
		PipelineName: "web", Variables: []v1alpha1.Variable{{Name: "TARGET", Value: "production"}}}}
	g.Expect(k8s.Create(t.Context(), e)).To(Succeed())
	running(t, e, "compile")
	pods, err := podsOf(t.Context(), e, "compile")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(pods[0].Spec.Containers[0].Env).To(ContainElements(
		corev1.EnvVar{Name: "TARGET", Value: "production"},
		corev1.EnvVar{Name: "OTHER", Value: "$$(HALTLINE_STAGE); \"rm\" $$$$ \\"},
		corev1.EnvVar{Name: v1alpha1.EnvPipelineName, Value: "web"},
		corev1.EnvVar{Name: v1alpha1.EnvPipelineExecutionID, Value: string(e.UID)},
		corev1.EnvVar{Name: v1alpha1.EnvStage, Value: "Build"},
		corev1.EnvVar{Name: v1alpha1.EnvAction, Value: "compile"},
	))
}
