// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/internal/text"
	"haltline.dev/haltline/test/builders"
)

// sizeOfStored returns how many bytes the JSON of an object has, with its metadata and managed fields, as it is stored.
func sizeOfStored(t *testing.T, object client.Object) int {
	t.Helper()
	raw, err := json.Marshal(refreshObject(t, object))
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return len(raw)
}

// A pipeline of 50 stages and 500 actions, with variables at their limits, is checked, pinned and run, and its execution is stopped.
func TestALargePipelineRunsAndStops(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := createNamespace(t)
	pipeline := builders.LargePipeline(ns, "large", 1024)
	createObject(t, pipeline)
	g.Eventually(func() bool { return isConditionTrue(refreshObject(t, pipeline), v1alpha1.ConditionReady) }, 4*timeout, slowInterval).Should(BeTrue(),
		func() string { return fmt.Sprintf("%+v", pipeline.Status.Conditions) })
	g.Expect(sizeOfStored(t, pipeline)).To(BeNumerically("<", 1<<20))
	execution := createExecution(t, ns, "large")
	for range 3 {
		stage := refreshObject(t, execution).Status.CurrentStage
		g.Eventually(func() []corev1.Pod { return runningPods(t, ns) }, timeout, interval).Should(HaveLen(builders.MaxActions / builders.MaxStages))
		pods := runningPods(t, ns)
		for i := range pods {
			g.Expect(cluster.SetPodPhase(t.Context(), &pods[i], corev1.PodSucceeded)).To(Succeed())
		}
		g.Eventually(func() string { return refreshObject(t, execution).Status.CurrentStage }, timeout, slowInterval).NotTo(Equal(stage))
	}
	revisions := &appsv1.ControllerRevisionList{}
	g.Expect(k8s.List(t.Context(), revisions, client.InNamespace(ns))).To(Succeed())
	g.Expect(revisions.Items).To(HaveLen(1))
	g.Expect(len(revisions.Items[0].Data.Raw)).To(BeNumerically("<=", 768<<10))
	g.Expect(sizeOfStored(t, execution)).To(BeNumerically("<", 1<<20))
	sr := createObject(t, builders.StopAndAbandon(execution))
	expectAccepted(t, sr)
	waitForState(t, execution, v1alpha1.ExecutionStopped)
}

// runningPods returns the pods of a namespace that run.
func runningPods(t *testing.T, ns string) []corev1.Pod {
	t.Helper()
	list := &corev1.PodList{}
	NewWithT(t).Expect(k8s.List(t.Context(), list, client.InNamespace(ns))).To(Succeed())
	var running []corev1.Pod
	for _, pod := range list.Items {
		if pod.Status.Phase == corev1.PodRunning && pod.DeletionTimestamp == nil {
			running = append(running, pod)
		}
	}
	return running
}

// The largest execution that the operator writes is stored, with as many annotations as there may be.
func TestTheLargestExecutionIsStored(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := createNamespace(t)
	execution := builders.Execution(ns, "none")
	builders.FillExecution(execution, builders.LargeTexts{
		Character: "<", VariableLength: 515,
		Message: text.BoundMessage(strings.Repeat("<", text.MaxMessageLength)), Reason: text.BoundReason(strings.Repeat("<", text.MaxReasonLength)),
	})
	execution.Spec.PipelineName = "none"
	metav1.SetMetaDataAnnotation(&execution.ObjectMeta, "note", strings.Repeat("x", 65_000))
	status := execution.Status
	createObject(t, execution)
	g.Eventually(func() error {
		refreshObject(t, execution)
		status.Version = execution.Status.Version + 1
		execution.Status = status
		return k8s.Status().Update(t.Context(), execution)
	}, timeout, interval).Should(Succeed())
	g.Expect(execution.Status.Stages).To(HaveLen(builders.MaxStages))
	size := sizeOfStored(t, execution)
	t.Logf("%d KiB", size>>10)
	g.Expect(size).To(And(BeNumerically(">", 800<<10), BeNumerically("<", 960<<10)))
}

// A Pipeline that is larger than its bound is stored, and reads why it cannot be run; an execution of it fails before anything runs.
func TestAPipelineThatIsTooLargeIsRefused(t *testing.T) {
	t.Parallel()
	ns := createNamespace(t)
	pipeline := createObject(t, builders.LargePipeline(ns, "large", 1400))
	NewWithT(t).Eventually(func() string {
		if c := findCondition(refreshObject(t, pipeline), v1alpha1.ConditionReady); c != nil {
			return c.Reason + ": " + c.Message
		}
		return ""
	}, timeout, interval).Should(And(HavePrefix(v1alpha1.ReasonDefinitionTooLarge), ContainSubstring("at most 768 KiB")))
	execution := createExecution(t, ns, "large")
	waitForState(t, execution, v1alpha1.ExecutionFailed)
	expectNotReady(t, execution, v1alpha1.ReasonDefinitionTooLarge, "at most 768 KiB")
	expectJobs(t, execution, 0)
}
