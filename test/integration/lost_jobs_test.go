// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"slices"
	"testing"

	. "github.com/onsi/gomega"
	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/builders"
)

func TestAJobDeletedBySomebodyElseWhileItRuns(t *testing.T) {
	t.Parallel()
	for propagation, message := range map[metav1.DeletionPropagation]string{
		metav1.DeletePropagationBackground: "its pods have to end",
		metav1.DeletePropagationOrphan:     "its pods have to end",
		metav1.DeletePropagationForeground: "is being deleted by somebody else",
	} {
		t.Run(string(propagation), func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			ns := createNamespace(t)
			createPipeline(t, ns, "web", builders.Stage("Build", builders.Action("compile", ignoreTermination)), builders.Stage("Deploy", builders.Action("roll-out")))
			execution := createExecution(t, ns, "web")
			waitForRunning(t, execution, "compile")
			job := listJobs(t, execution)[0]
			g.Expect(k8s.Delete(t.Context(), &job, client.PropagationPolicy(propagation))).To(Succeed())

			// While its pod runs, the action stays in progress.
			g.Eventually(func() string { return findAction(refreshObject(t, execution), "compile").Message }, timeout, interval).Should(ContainSubstring(message))
			g.Consistently(func() v1alpha1.ActionState { return findAction(refreshObject(t, execution), "compile").State }, quietTime, interval).Should(Equal(actionInProgress))
			waitForRunning(t, execution, "compile")
			killPods(t, execution, "compile")

			waitForState(t, execution, v1alpha1.ExecutionFailed)
			expectLost(t, execution)
		})
	}
}

// The pods of a Job that is deleted end at once here.
func TestAJobDeletedBySomebodyElseWithItsPods(t *testing.T) {
	t.Parallel()
	for _, propagation := range []metav1.DeletionPropagation{metav1.DeletePropagationBackground, metav1.DeletePropagationForeground} {
		t.Run(string(propagation), func(t *testing.T) {
			t.Parallel()
			ns := createNamespace(t)
			createPipeline(t, ns, "web", builders.Stage("Build", builders.Action("compile")), builders.Stage("Deploy", builders.Action("roll-out")))
			execution := createExecution(t, ns, "web")
			waitForRunning(t, execution, "compile")
			job := listJobs(t, execution)[0]
			NewWithT(t).Expect(k8s.Delete(t.Context(), &job, client.PropagationPolicy(propagation))).To(Succeed())
			waitForState(t, execution, v1alpha1.ExecutionFailed)
			expectLost(t, execution)
		})
	}
}

// expectLost checks that an execution failed because somebody deleted a Job, and that the action does not run again.
func expectLost(t *testing.T, execution *v1alpha1.PipelineExecution) {
	t.Helper()
	g := NewWithT(t)
	g.Expect(actionStates(execution)).To(Equal(states{"compile": actionFailed, "roll-out": actionNotStarted}))
	a := findAction(execution, "compile")
	g.Expect(a.Reason).To(Equal(v1alpha1.ReasonWorkloadLost))
	g.Expect(a.Message).To(And(ContainSubstring(a.Workload.Name), ContainSubstring("not run again")))
	expectNotReady(t, execution, v1alpha1.ReasonActionFailed, v1alpha1.ReasonWorkloadLost)
	// A placeholder keeps an operator that was paused from creating the Job again.
	g.Consistently(func() []batchv1.Job {
		return slices.DeleteFunc(listJobs(t, execution), func(job batchv1.Job) bool { return job.Labels[v1alpha1.LabelPlaceholder] == "true" })
	}, quietTime, interval).Should(BeEmpty())
	g.Expect(listJobs(t, execution)).To(HaveLen(1))
	expectNoWrites(t, execution)
}
