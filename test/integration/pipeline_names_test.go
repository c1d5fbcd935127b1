// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/builders"
)

func TestOfTwoPipelinesOfOneNameTheOlderOneHasIt(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := createNamespace(t)
	// The age of the object decides, in whole seconds; its name does not.
	older := createNamedPipeline(t, ns, "z-older", "web", builders.Stage("Build", builders.Action("old")))
	g.Eventually(time.Now, timeout, interval).Should(BeTemporally(">", older.CreationTimestamp.Add(time.Second)))
	younger := createNamedPipeline(t, ns, "a-younger", "web", builders.Stage("Build", builders.Action("new")))

	expectNotReady(t, younger, v1alpha1.ReasonPipelineNameTaken, "spec.pipelineName", `"z-older"`, `"web"`, "delete one of the two")
	g.Expect(isConditionTrue(younger, v1alpha1.ConditionStalled)).To(BeTrue())
	waitForCondition(t, older, v1alpha1.ConditionReady, metav1.ConditionTrue)
	expectNoWrites(t, younger)
	execution := createExecution(t, ns, "web")
	finishAction(t, execution, "old", corev1.PodSucceeded)
	waitForState(t, execution, v1alpha1.ExecutionSucceeded)
	g.Expect(execution.Status.PipelineRevision).To(HavePrefix("z-older-"))

	g.Expect(k8s.Delete(t.Context(), older)).To(Succeed())
	expectNotReady(t, younger, v1alpha1.ReasonPipelineNameTaken, "spec.pipelineName", "It is gone", "change something in its spec")
	expectNoWrites(t, younger)
	execution = createExecution(t, ns, "web")
	expectNotReady(t, execution, v1alpha1.ReasonWaitingForPipeline, `"web"`)
	changeVariables(t, younger)
	waitForCondition(t, younger, v1alpha1.ConditionReady, metav1.ConditionTrue)
	g.Expect(findCondition(younger, v1alpha1.ConditionStalled)).To(BeNil())
	finishAction(t, execution, "new", corev1.PodSucceeded)
	waitForState(t, execution, v1alpha1.ExecutionSucceeded)
	g.Expect(execution.Status.PipelineRevision).To(HavePrefix("a-younger-"))
}

// What a Pipeline's object is called is its pipelineName before that of any other.
func TestAPipelineOfItsOwnNameGoesBeforeAnOlderOne(t *testing.T) {
	t.Parallel()
	ns := createNamespace(t)
	older := createNamedPipeline(t, ns, "a-older", "web", builders.Stage("Build", builders.Action("old")))
	waitForCondition(t, older, v1alpha1.ConditionReady, metav1.ConditionTrue)
	own := createPipeline(t, ns, "web", builders.Stage("Build", builders.Action("new")))
	waitForCondition(t, own, v1alpha1.ConditionReady, metav1.ConditionTrue)
	expectNotReady(t, older, v1alpha1.ReasonPipelineNameTaken, `Pipeline "web" has the pipelineName "web"`, "delete one of the two")
	execution := createExecution(t, ns, "web")
	waitForRunning(t, execution, "new")
}

// A Pipeline that was refused a name lies in wait for it.
func TestAPipelineThatWasRefusedDoesNotGetTheNameOfOneThatIsReplaced(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	for _, name := range []string{"web", "real"} {
		t.Run("the real one is "+name, func(t *testing.T) {
			t.Parallel()
			ns := createNamespace(t)
			before := createNamedPipeline(t, ns, name, "web", builders.Stage("Build", builders.Action("good")))
			waitForCondition(t, before, v1alpha1.ConditionReady, metav1.ConditionTrue)
			other := createNamedPipeline(t, ns, "zzz", "web", builders.Stage("Build", builders.Action("evil")))
			expectNotReady(t, other, v1alpha1.ReasonPipelineNameTaken)

			g.Expect(k8s.Delete(t.Context(), before)).To(Succeed())
			execution := createExecution(t, ns, "web")
			expectNotReady(t, execution, v1alpha1.ReasonWaitingForPipeline)
			expectNotReady(t, other, v1alpha1.ReasonPipelineNameTaken, "It is gone")
			createNamedPipeline(t, ns, name, "web", builders.Stage("Build", builders.Action("good")))
			waitForRunning(t, execution, "good")
			// Not even by a change, while the new one is there.
			changeVariables(t, other)
			expectNotReady(t, other, v1alpha1.ReasonPipelineNameTaken, "delete one of the two")
			waitForRunning(t, createExecution(t, ns, "web"), "good")
		})
	}
}

// changeVariables changes the spec of a Pipeline.
func changeVariables(t *testing.T, pipeline *v1alpha1.Pipeline) {
	t.Helper()
	changePipeline(t, pipeline, func(spec *v1alpha1.PipelineSpec) {
		spec.Variables = []v1alpha1.VariableDeclaration{{Name: "CHANGED", DefaultValue: ptr.To("changed")}}
	})
}

// createNamedPipeline creates a Pipeline whose pipelineName is not the name of the object.
func createNamedPipeline(t *testing.T, ns, name, pipelineName string, stages ...v1alpha1.Stage) *v1alpha1.Pipeline {
	t.Helper()
	pipeline := builders.Pipeline(ns, name, stages...)
	pipeline.Spec.PipelineName = pipelineName
	return createObject(t, pipeline)
}
