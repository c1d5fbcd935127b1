// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"testing"

	. "github.com/onsi/gomega"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/builders"
	"haltline.dev/haltline/test/kueue"
)

// newQueue returns a stand-in for Kueue.
func newQueue(t *testing.T) kueue.Queue {
	t.Helper()
	c, err := cluster.ClientAs(kueue.User, "system:masters")
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return kueue.Queue{Client: c}
}

// admit has the queue resume a Job, and place its pods by a label of nodes.
func admit(t *testing.T, job *batchv1.Job) error {
	t.Helper()
	return newQueue(t).Admit(t.Context(), job, `{"flavor":"spot"}`)
}

// startQueued starts an execution of an action whose Job waits in a queue, beside others, and returns that Job when the Job controller
// has seen it.
func startQueued(t *testing.T, others ...v1alpha1.Action) (*v1alpha1.PipelineExecution, *batchv1.Job) {
	t.Helper()
	ns := createNamespace(t)
	createPipeline(t, ns, "web", builders.Stage("Build", append(others, kueue.Action("compile"))...), builders.Stage("Deploy", builders.Action("roll-out")))
	execution := createExecution(t, ns, "web")
	var job *batchv1.Job
	NewWithT(t).Eventually(func() []batchv1.JobCondition {
		for _, j := range listJobs(t, execution) {
			if j.Labels[kueue.QueueName] != "" {
				job = &j
				return j.Status.Conditions
			}
		}
		return nil
	}, timeout, interval).Should(ContainElement(HaveField("Type", batchv1.JobSuspended)))
	waitForAction(t, execution, "compile", actionInProgress)
	return execution, job
}

// "stop ... without starting subsequent actions": a Job that waits in a queue and has never run is kept from starting.
func TestAQueuedJobThatHasNeverRunDoesNotStartAfterAStop(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	execution, job := startQueued(t)
	sr := createObject(t, builders.StopAndWait(execution))
	expectAccepted(t, sr)
	waitForState(t, execution, v1alpha1.ExecutionStopped)
	waitForStopped(t, sr)
	compile := findAction(execution, "compile")
	g.Expect(compile.State).To(Equal(actionNotStarted))
	g.Expect(compile.Reason).To(Equal(v1alpha1.ReasonKeptFromStarting))
	g.Expect(compile.Message).To(ContainSubstring(job.Name))

	// Its name stays taken, and the queue cannot have it run.
	g.Expect(apierrors.IsForbidden(admit(t, job))).To(BeTrue())
	refreshObject(t, job)
	g.Expect(job.Spec.Parallelism).To(HaveValue(BeZero()))
	g.Expect(job.Spec.Suspend).To(HaveValue(BeTrue()))
	g.Expect(job.Labels).To(HaveKeyWithValue(v1alpha1.LabelPlaceholder, "true"))
	expectJobs(t, execution, 1)
	g.Expect(countRunning(t.Context(), execution, "compile")()).To(BeZero())
}

// What runs beside it is waited for.
func TestAStopWaitsForWhatRunsBesideAQueuedJob(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	execution, _ := startQueued(t, builders.Action("lint"))
	waitForRunning(t, execution, "lint")
	expectAccepted(t, createObject(t, builders.StopAndWait(execution)))
	waitForAction(t, execution, "compile", actionNotStarted)
	expectState(t, execution, v1alpha1.ExecutionStopping)
	g.Expect(execution.Status.Stop.WaitingFor).To(ConsistOf(HaveField("Action", "lint")))
	finishAction(t, execution, "lint", corev1.PodSucceeded)
	waitForState(t, execution, v1alpha1.ExecutionStopped)
	g.Expect(actionStates(execution)).To(Equal(states{"compile": actionNotStarted, "lint": actionSucceeded, "roll-out": actionNotStarted}))
}

// A Job that the queue has admitted is in progress like any other, also when it was preempted since: it has run.
func TestAPreemptedJobIsWaitedFor(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	execution, job := startQueued(t)
	g.Expect(admit(t, job)).To(Succeed())
	waitForRunning(t, execution, "compile")
	g.Expect(newQueue(t).Preempt(t.Context(), job)).To(Succeed())
	g.Eventually(countRunning(t.Context(), execution, "compile"), timeout, interval).Should(BeZero())
	expectAccepted(t, createObject(t, builders.StopAndWait(execution)))
	g.Eventually(func() []v1alpha1.PendingAction {
		return refreshObject(t, execution).Status.Stop.WaitingFor
	}, timeout, interval).Should(ConsistOf(HaveField("Reason", v1alpha1.ReasonJobSuspended)))
	expectState(t, execution, v1alpha1.ExecutionStopping)
	g.Expect(actionStates(execution)).To(HaveKeyWithValue("compile", actionInProgress))

	g.Expect(admit(t, job)).To(Succeed())
	finishAction(t, execution, "compile", corev1.PodSucceeded)
	waitForState(t, execution, v1alpha1.ExecutionStopped)
	g.Expect(actionStates(execution)).To(HaveKeyWithValue("compile", actionSucceeded))
}
