// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"testing"

	. "github.com/onsi/gomega"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/action"
	"haltline.dev/haltline/controllers/plan"
	"haltline.dev/haltline/test/builders"
)

// foreignJobs are edits of a Job that somebody else created under the name of an action's Job. Some look much like it.
var foreignJobs = map[string]func(job *batchv1.Job, execution, other *v1alpha1.PipelineExecution){
	"running":   func(*batchv1.Job, *v1alpha1.PipelineExecution, *v1alpha1.PipelineExecution) {},
	"suspended": func(job *batchv1.Job, _, _ *v1alpha1.PipelineExecution) { job.Spec.Suspend = ptr.To(true) },
	// A Job with nothing to complete is complete at once.
	"complete": func(job *batchv1.Job, _, _ *v1alpha1.PipelineExecution) {
		job.Spec.Parallelism, job.Spec.Completions = ptr.To[int32](0), ptr.To[int32](0)
	},
	"with the labels of the execution": func(job *batchv1.Job, execution, _ *v1alpha1.PipelineExecution) {
		job.Labels = map[string]string{v1alpha1.LabelExecutionID: string(execution.UID)}
	},
	"with the labels of a placeholder": func(job *batchv1.Job, execution, _ *v1alpha1.PipelineExecution) {
		job.Labels = map[string]string{v1alpha1.LabelExecutionID: string(execution.UID), v1alpha1.LabelPlaceholder: "true"}
	},
	"owned by the execution but not controlled": func(job *batchv1.Job, execution, _ *v1alpha1.PipelineExecution) {
		ref := *metav1.NewControllerRef(execution, v1alpha1.GroupVersion.WithKind("PipelineExecution"))
		ref.Controller = nil
		job.OwnerReferences = []metav1.OwnerReference{ref}
	},
	"of another execution": func(job *batchv1.Job, _, other *v1alpha1.PipelineExecution) {
		job.Labels = map[string]string{v1alpha1.LabelExecutionID: string(other.UID)}
		job.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(other, v1alpha1.GroupVersion.WithKind("PipelineExecution"))}
	},
}

func TestAForeignJobUnderTheNameOfAnActionsJob(t *testing.T) {
	t.Parallel()
	for name, edit := range foreignJobs {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			// The policies on Jobs would refuse most of them.
			ns := createUncheckedNamespace(t)
			// The execution waits for its Pipeline, so that the foreign Job is there first.
			execution, other := createExecution(t, ns, "web"), createExecution(t, ns, "no-such-pipeline")
			foreign := createForeignJob(t, execution, plan.ActionKey{Stage: "Build", Action: "compile"},
				func(job *batchv1.Job) { edit(job, execution, other) })
			createPipeline(t, ns, "web", builders.Stage("Build", builders.Action("compile"), builders.Action("lint")), builders.Stage("Deploy", builders.Action("roll-out")))

			// The sibling finishes.
			finishAction(t, execution, "lint", corev1.PodSucceeded)
			waitForState(t, execution, v1alpha1.ExecutionFailed)
			g.Expect(actionStates(execution)).To(Equal(states{"compile": actionFailed, "lint": actionSucceeded, "roll-out": actionNotStarted}))
			a := findAction(execution, "compile")
			g.Expect(a.Reason).To(Equal(v1alpha1.ReasonJobNameTaken))
			g.Expect(a.Message).To(And(ContainSubstring(foreign.Name), ContainSubstring("delete or rename"),
				ContainSubstring("start another execution")))
			g.Expect(a.Workload.UID).To(BeEmpty(), "a foreign Job is not the action's")
			expectNotReady(t, execution, v1alpha1.ReasonActionFailed, v1alpha1.ReasonJobNameTaken, foreign.Name)
			g.Consistently(func(g Gomega) { expectUntouched(t.Context(), g, foreign) }, quietTime, interval).Should(Succeed())
			expectNoWrites(t, execution)
		})
	}
}

// A foreign Job stays when the execution that failed because of it is deleted.
func TestAForeignJobOutlivesTheExecution(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := createUncheckedNamespace(t)
	execution := createExecution(t, ns, "web")
	foreign := createForeignJob(t, execution, plan.ActionKey{Stage: "Build", Action: "compile"}, func(job *batchv1.Job) {
		job.Labels = map[string]string{v1alpha1.LabelExecutionID: string(execution.UID)}
	})
	createPipeline(t, ns, "web", builders.Stage("Build", builders.Action("compile")))
	waitForState(t, execution, v1alpha1.ExecutionFailed)
	g.Expect(k8s.Delete(t.Context(), execution)).To(Succeed())
	waitUntilGone(t, execution)
	g.Consistently(func(g Gomega) { expectUntouched(t.Context(), g, foreign) }, quietTime, interval).Should(Succeed())
}

// createForeignJob creates a Job that is not the execution's under the name of an action's Job.
func createForeignJob(t *testing.T, execution *v1alpha1.PipelineExecution, key plan.ActionKey, edit func(*batchv1.Job)) *batchv1.Job {
	t.Helper()
	job := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: execution.Namespace, Name: plan.WorkloadName(execution, key, 1, "")}}
	job.Spec = *builders.JobSpec("foreign")
	edit(job)
	return createObject(t, job)
}

// expectUntouched checks that only the Job controller has written a Job since.
func expectUntouched(ctx context.Context, g Gomega, was *batchv1.Job) {
	now := &batchv1.Job{}
	g.Expect(k8s.Get(ctx, client.ObjectKeyFromObject(was), now)).To(Succeed())
	g.Expect(now.UID).To(Equal(was.UID))
	g.Expect(now.DeletionTimestamp).To(BeNil())
	g.Expect(now.Generation).To(Equal(was.Generation))
	g.Expect(now.Spec).To(Equal(was.Spec))
	g.Expect(now.Labels).To(Equal(was.Labels))
	g.Expect(now.Annotations).To(Equal(was.Annotations))
	g.Expect(now.OwnerReferences).To(Equal(was.OwnerReferences))
	for _, entry := range now.ManagedFields {
		g.Expect(entry.Manager).NotTo(Equal(action.FieldOwner))
	}
}
