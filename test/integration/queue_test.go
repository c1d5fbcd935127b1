// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"fmt"
	"testing"

	. "github.com/onsi/gomega"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/builders"
)

// queueName is the label by which a Job is one of a queue (https://kueue.sigs.k8s.io/docs/tasks/run/jobs/: "You should create the Job in
// a suspended state, as Kueue will decide when it's the best time to start the Job.").
const queueName = "kueue.x-k8s.io/queue-name"

// queue stands in for Kueue, as a controller with its own account: it resumes a Job of the queue and places its pods, in one write, and
// suspends it again when it preempts the Job.
type queue struct{ client.Client }

func newQueue(t *testing.T) queue {
	t.Helper()
	c, err := clientAs("system:serviceaccount:kueue-system:kueue-controller-manager", "system:masters")
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return queue{c}
}

// admit resumes a Job. See queue.
func (q queue) admit(t *testing.T, job *batchv1.Job) error {
	return q.patch(t, job, `{"spec":{"suspend":false,"template":{"spec":{"nodeSelector":{"flavor":"spot"}}}}}`)
}

// preempt suspends a Job again.
func (q queue) preempt(t *testing.T, job *batchv1.Job) error {
	return q.patch(t, job, `{"spec":{"suspend":true}}`)
}

func (q queue) patch(t *testing.T, job *batchv1.Job, patch string) error {
	if job.Labels[queueName] == "" {
		return fmt.Errorf("job %q is in no queue", job.Name)
	}
	return q.Patch(t.Context(), job.DeepCopy(), client.RawPatch("application/merge-patch+json", []byte(patch)))
}

// queued is an option for an action whose Job waits in a queue.
func queued(action *v1alpha1.Action, spec *batchv1.JobSpec) { builders.Suspended(action, spec) }

// startQueued starts an execution of an action whose Job waits in a queue, beside others, and returns that Job when the Job controller
// has seen it.
func startQueued(t *testing.T, others ...v1alpha1.Action) (*v1alpha1.PipelineExecution, *batchv1.Job) {
	t.Helper()
	ns := createNamespace(t)
	compile := builders.Action("compile", queued)
	compile.Job.Metadata.Labels = map[string]string{queueName: "builds"}
	createPipeline(t, ns, "web", builders.Stage("Build", append(others, compile)...), builders.Stage("Deploy", builders.Action("roll-out")))
	execution := createExecution(t, ns, "web")
	var job *batchv1.Job
	NewWithT(t).Eventually(func() []batchv1.JobCondition {
		for _, j := range listJobs(t, execution) {
			if j.Labels[queueName] != "" {
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
	g.Expect(apierrors.IsForbidden(newQueue(t).admit(t, job))).To(BeTrue())
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
	q := newQueue(t)
	g.Expect(q.admit(t, job)).To(Succeed())
	waitForRunning(t, execution, "compile")
	g.Expect(q.preempt(t, job)).To(Succeed())
	g.Eventually(countRunning(t.Context(), execution, "compile"), timeout, interval).Should(BeZero())
	expectAccepted(t, createObject(t, builders.StopAndWait(execution)))
	g.Eventually(func() []v1alpha1.PendingAction {
		return refreshObject(t, execution).Status.Stop.WaitingFor
	}, timeout, interval).Should(ConsistOf(HaveField("Reason", v1alpha1.ReasonJobSuspended)))
	expectState(t, execution, v1alpha1.ExecutionStopping)
	g.Expect(actionStates(execution)).To(HaveKeyWithValue("compile", actionInProgress))

	g.Expect(q.admit(t, job)).To(Succeed())
	finishAction(t, execution, "compile", corev1.PodSucceeded)
	waitForState(t, execution, v1alpha1.ExecutionStopped)
	g.Expect(actionStates(execution)).To(HaveKeyWithValue("compile", actionSucceeded))
}
