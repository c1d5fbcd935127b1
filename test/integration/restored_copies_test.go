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

// recreateObject deletes an execution and creates it again from what a backup of it has: all but what the API server sets.
func recreateObject(t *testing.T, execution *v1alpha1.PipelineExecution, change func(*v1alpha1.PipelineExecution)) *v1alpha1.PipelineExecution {
	t.Helper()
	g := NewWithT(t)
	backup := refreshObject(t, execution).DeepCopy()
	g.Expect(k8s.Delete(t.Context(), execution)).To(Succeed())
	waitUntilGone(t, execution)
	restored := &v1alpha1.PipelineExecution{
		ObjectMeta: metav1.ObjectMeta{Namespace: backup.Namespace, Name: backup.Name, Labels: backup.Labels, Annotations: backup.Annotations},
		Spec:       backup.Spec, Status: backup.Status,
	}
	change(restored)
	return createObject(t, restored)
}

// expectCopy expects that an execution is known as a copy and that nothing of it runs.
func expectCopy(t *testing.T, execution *v1alpha1.PipelineExecution) {
	t.Helper()
	g := NewWithT(t)
	waitForState(t, execution, v1alpha1.ExecutionFailed)
	c := findCondition(execution, v1alpha1.ConditionReady)
	g.Expect(c.Reason).To(Equal(v1alpha1.ReasonRestoredCopy))
	g.Expect(c.Message).To(ContainSubstring("create it without the label " + v1alpha1.LabelExecutionID))
	g.Expect(execution.Status.PipelineExecutionID).To(Equal(string(execution.UID)))
	expectJobs(t, execution, 0)
}

func TestWhatARestoreCopiedIsNotRunAgain(t *testing.T) {
	t.Parallel()
	tests := map[string]func(*testing.T, *v1alpha1.PipelineExecution){
		"running": func(*testing.T, *v1alpha1.PipelineExecution) {},
		"failed": func(t *testing.T, execution *v1alpha1.PipelineExecution) {
			finishAction(t, execution, "compile", corev1.PodFailed)
			waitForState(t, execution, v1alpha1.ExecutionFailed)
		},
		"stopped": func(t *testing.T, execution *v1alpha1.PipelineExecution) {
			createObject(t, builders.StopAndAbandon(execution))
			waitForState(t, execution, v1alpha1.ExecutionStopped)
		},
	}
	for name, end := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			execution := startExecution(t)
			end(t, execution)
			backup := refreshObject(t, execution).Status
			restored := recreateObject(t, execution, func(*v1alpha1.PipelineExecution) {})
			expectCopy(t, restored)

			// A tool that restores a status as well changes nothing.
			g.Eventually(func() error {
				refreshObject(t, restored).Status = backup
				return k8s.Status().Update(t.Context(), restored)
			}, timeout, interval).Should(Succeed())
			g.Eventually(func() string { return refreshObject(t, restored).Status.PipelineExecutionID }, timeout, interval).Should(Equal(string(restored.UID)))
			expectCopy(t, restored)
			expectVerdict(t, createObject(t, builders.StopAndWait(restored)), v1alpha1.ReasonNotStoppable)
		})
	}
}

// A copy is known under another name as well, such as one that a namePrefix of kustomize gave it.
func TestACopyUnderAnotherNameIsNotRun(t *testing.T) {
	t.Parallel()
	execution := startExecution(t)
	restored := recreateObject(t, execution, func(e *v1alpha1.PipelineExecution) { e.Name = "dev-" + e.Name })
	expectCopy(t, restored)
	NewWithT(t).Expect(findCondition(restored, v1alpha1.ConditionReady).Message).To(And(ContainSubstring(string(execution.UID)), ContainSubstring(execution.Name)))
}

func TestACopyIsRunOnPurpose(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	restored := recreateObject(t, startExecution(t), func(e *v1alpha1.PipelineExecution) { delete(e.Labels, v1alpha1.LabelExecutionID) })
	waitForRunning(t, restored, "compile")
	g.Expect(refreshObject(t, restored).Labels).To(HaveKeyWithValue(v1alpha1.LabelExecutionID, string(restored.UID)))
}

func TestAnExecutionIsMarked(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	execution := startExecution(t)
	g.Expect(refreshObject(t, execution).Labels).To(And(HaveKeyWithValue(v1alpha1.LabelExecutionID, string(execution.UID)), HaveKeyWithValue(v1alpha1.LabelPipeline, "web")))
	g.Expect(execution.Annotations).To(HaveKeyWithValue(v1alpha1.AnnotationExecutionName, execution.Name))
	g.Expect(execution.OwnerReferences).To(BeEmpty())
	g.Expect(execution.Status.PipelineExecutionID).To(Equal(string(execution.UID)))
}
