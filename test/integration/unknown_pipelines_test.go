// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"testing"

	. "github.com/onsi/gomega"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/builders"
)

func TestAnExecutionWaitsForItsPipeline(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := createNamespace(t)
	execution := createExecution(t, ns, "Web@Team_1")
	waitForCondition(t, execution, v1alpha1.ConditionReconciling, metav1.ConditionTrue)
	c := findCondition(execution, v1alpha1.ConditionReady)
	g.Expect(c.Reason).To(Equal(v1alpha1.ReasonWaitingForPipeline))
	g.Expect(c.Message).To(And(ContainSubstring("spec.pipelineName"), ContainSubstring("Web@Team_1")))

	pipeline := builders.Pipeline(ns, "web", builders.Stage("Build", builders.Action("compile")))
	pipeline.Spec.PipelineName = "Web@Team_1"
	createObject(t, pipeline)
	finishAction(t, execution, "compile", corev1.PodSucceeded)
	waitForState(t, execution, v1alpha1.ExecutionSucceeded)
}

func TestAnExecutionOfAnUnknownPipelineWaitsAndCanBeStopped(t *testing.T) {
	t.Parallel()
	for name, buildRequest := range map[string]func(*v1alpha1.PipelineExecution) *v1alpha1.StopRequest{
		"wait": builders.StopAndWait, "abandon": builders.StopAndAbandon,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			execution := createExecution(t, createNamespace(t), "no-such-pipeline")
			expectNotReady(t, execution, v1alpha1.ReasonWaitingForPipeline, "spec.pipelineName", `"no-such-pipeline"`, "starts when there is one")
			g.Expect(execution.Status.State).To(Equal(v1alpha1.ExecutionInProgress))
			expectNoWrites(t, execution)

			expectAccepted(t, createObject(t, buildRequest(execution)))
			waitForState(t, execution, v1alpha1.ExecutionStopped)
			g.Expect(findCondition(execution, v1alpha1.ConditionReady).Reason).To(Equal(string(v1alpha1.ExecutionStopped)))
			g.Expect(execution.Status.Stages).To(BeEmpty())

			// A Pipeline that comes too late starts nothing.
			createPipeline(t, execution.Namespace, "no-such-pipeline", builders.Stage("Build", builders.Action("compile")))
			g.Consistently(func() []batchv1.Job { return listJobs(t, execution) }, quietTime, interval).Should(BeEmpty())
			expectNoWrites(t, execution)
		})
	}
}
