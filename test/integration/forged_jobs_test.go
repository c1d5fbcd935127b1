// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"maps"
	"testing"

	. "github.com/onsi/gomega"
	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/plan"
	"haltline.dev/haltline/test/builders"
)

// forgeries are Jobs that say that an execution controls them. In all of them the labels of the pods are those of ours, except where
// that is what is wrong.
var forgeries = map[string]struct {
	edit func(*batchv1.Job)
	// why is a part of what the status says.
	why string
}{
	"runs something else":           {func(job *batchv1.Job) { job.Spec.Template.Spec.Containers[0].Image = "forged" }, "runs something else"},
	"is of another controller":      {func(job *batchv1.Job) { job.Spec.ManagedBy = ptr.To("example.com/nobody") }, "spec.managedBy"},
	"has pods without our labels":   {func(job *batchv1.Job) { job.Spec.Template.Labels = nil }, "do not have the label"},
	"is marked as a placeholder":    {asForgedPlaceholder, "no stop is recorded"},
	"is a placeholder that can run": {func(job *batchv1.Job) { asForgedPlaceholder(job); job.Spec.Parallelism = ptr.To[int32](1) }, "asks for pods"},
}

func asForgedPlaceholder(job *batchv1.Job) {
	job.Labels[v1alpha1.LabelPlaceholder] = "true"
	job.Spec.Suspend, job.Spec.Parallelism = ptr.To(true), ptr.To[int32](0)
}

// What lies under the name of an action's Job is believed only if an operator could have created it: no action succeeds that never
// ran, and none waits for ever without a word. The policy that refuses such Jobs is left out here.
func TestAForgedJobIsNotBelieved(t *testing.T) {
	t.Parallel()
	for name, forgery := range forgeries {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			ns := createUncheckedNamespace(t)
			// The execution waits for its Pipeline, so that the forged Job is there first.
			execution := createExecution(t, ns, "web")
			forged := forgeJob(t, execution, forgery.edit)
			createPipeline(t, ns, "web", builders.Stage("Build", builders.Action("compile")))
			waitForState(t, execution, v1alpha1.ExecutionFailed)
			a := findAction(execution, "compile")
			g.Expect(a.Reason).To(Equal(v1alpha1.ReasonJobNotBelieved))
			g.Expect(a.Message).To(And(ContainSubstring(forged.Name), ContainSubstring(forgery.why), ContainSubstring("find out who created it")))
			g.Expect(a.Workload.UID).To(BeEmpty(), "a forged Job is not the action's")
			g.Consistently(func(g Gomega) { expectUntouched(t.Context(), g, forged) }, quietTime, interval).Should(Succeed())
		})
	}
}

// forgeJob creates a Job under the name of the Job of Build/compile, as whoever can read the execution can make it.
func forgeJob(t *testing.T, execution *v1alpha1.PipelineExecution, edit func(*batchv1.Job)) *batchv1.Job {
	t.Helper()
	owner := metav1.NewControllerRef(execution, v1alpha1.GroupVersion.WithKind("PipelineExecution"))
	owner.BlockOwnerDeletion = nil
	return createForeignJob(t, execution, plan.ActionKey{Stage: "Build", Action: "compile"}, func(job *batchv1.Job) {
		job.OwnerReferences = []metav1.OwnerReference{*owner}
		job.Labels = map[string]string{
			v1alpha1.LabelExecutionID: string(execution.UID), v1alpha1.LabelPipeline: "web", v1alpha1.LabelStage: "Build", v1alpha1.LabelAction: "compile",
		}
		job.Spec = *builders.JobSpec("compile")
		job.Spec.Template.Labels = maps.Clone(job.Labels)
		edit(job)
	})
}
