// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

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
	waitForCondition(t, younger, v1alpha1.ConditionReady, metav1.ConditionTrue)
	g.Expect(findCondition(younger, v1alpha1.ConditionStalled)).To(BeNil())
	execution = createExecution(t, ns, "web")
	finishAction(t, execution, "new", corev1.PodSucceeded)
	waitForState(t, execution, v1alpha1.ExecutionSucceeded)
	g.Expect(execution.Status.PipelineRevision).To(HavePrefix("a-younger-"))
}

// The name that a Pipeline has from its object can be taken too.
func TestAPipelineWhoseObjectNameIsTaken(t *testing.T) {
	t.Parallel()
	ns := createNamespace(t)
	older := createNamedPipeline(t, ns, "a-older", "web", builders.Stage("Build", builders.Action("old")))
	waitForCondition(t, older, v1alpha1.ConditionReady, metav1.ConditionTrue)
	younger := createPipeline(t, ns, "web", builders.Stage("Build", builders.Action("new")))
	expectNotReady(t, younger, v1alpha1.ReasonPipelineNameTaken, `"a-older"`, `"web"`)
	execution := createExecution(t, ns, "web")
	waitForRunning(t, execution, "old")
}

// createNamedPipeline creates a Pipeline whose pipelineName is not the name of the object.
func createNamedPipeline(t *testing.T, ns, name, pipelineName string, stages ...v1alpha1.Stage) *v1alpha1.Pipeline {
	t.Helper()
	pipeline := builders.Pipeline(ns, name, stages...)
	pipeline.Spec.PipelineName = pipelineName
	return createObject(t, pipeline)
}
