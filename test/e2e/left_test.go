// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"testing"

	. "github.com/onsi/gomega"
	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/builders"
)

// scriptSleeps works on after SIGTERM, for less than its grace period.
const scriptSleeps = `trap 'echo "told to end"; sleep 40; echo "has ended"; exit 0' TERM; echo "starts"; sleep 3600 & wait $!`

// startCompile starts an execution of one action, and returns it with the log of the action once that runs.
func startCompile(t *testing.T, script string, options ...builders.ActionOption) (*v1alpha1.PipelineExecution, *containerLog) {
	t.Helper()
	ns := createNamespace(t)
	createPipeline(t, ns, builders.Stage("Build", newAction("compile", script, options...)))
	execution := createExecution(t, ns)
	return execution, followLog(t, execution, "compile")
}

// jobOf names the Job of the only action of an execution.
func jobOf(t *testing.T, execution *v1alpha1.PipelineExecution) *batchv1.Job {
	t.Helper()
	name := refreshObject(t, execution).Status.Stages[0].Actions[0].Workload.Name
	return &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: execution.Namespace, Name: name}}
}

func findCondition(sr *v1alpha1.StopRequest, conditionType string) metav1.Condition {
	for _, c := range sr.Status.Conditions {
		if c.Type == conditionType {
			return c
		}
	}
	return metav1.Condition{}
}

// Somebody deletes an execution that stops and leaves what it ran running: that is not Stopped.
func TestWorkThatSomebodyLeftRunningIsNotStopped(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	execution, compile := startCompile(t, scriptSleeps, builders.GraceSeconds(60))
	sr := createObject(t, builders.StopAndWait(execution))
	expectAccepted(t, sr)
	job := jobOf(t, execution)
	g.Expect(k8s.Delete(t.Context(), execution, client.PropagationPolicy(metav1.DeletePropagationOrphan))).To(Succeed())
	g.Eventually(func() string { return findCondition(refreshObject(t, sr), v1alpha1.ConditionFinished).Reason }, timeout, interval).Should(Equal(v1alpha1.ReasonWorkLeftRunning))
	g.Expect(findCondition(sr, v1alpha1.ConditionFinished).Message).To(ContainSubstring(job.Name))
	g.Expect(findCondition(sr, v1alpha1.ConditionStopped)).To(Equal(metav1.Condition{}))
	g.Expect(compile.String()).To(Equal("starts\n"), "it runs on")
	g.Expect(k8s.Delete(t.Context(), job, client.PropagationPolicy(metav1.DeletePropagationBackground))).To(Succeed())
}

// An abandoned execution that is deleted in the grace period of what it ran: Stopped comes when that has ended.
func TestAnAbandonedExecutionThatIsDeletedReadsStoppedAfterItsGracePeriod(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	execution, compile := startCompile(t, scriptCleansUp)
	sr := createObject(t, builders.StopAndAbandon(execution))
	expectAccepted(t, sr)
	g.Eventually(compile.String, timeout, interval).Should(ContainSubstring("told to end"))
	g.Expect(k8s.Delete(t.Context(), execution, client.PropagationPolicy(metav1.DeletePropagationOrphan))).To(Succeed())
	g.Eventually(func() v1alpha1.ExecutionState { return refreshObject(t, sr).Status.State }, timeout, interval).Should(Equal(v1alpha1.ExecutionStopped))
	g.Expect(compile.waitForEnd(t)).To(HaveSuffix("has cleaned up\n"))
}

// A Job that somebody deleted without its pods does not keep an abandon from ending them.
func TestAnAbandonEndsThePodsThatADeletedJobLeft(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	execution, compile := startCompile(t, scriptCleansUp)
	job := jobOf(t, execution)
	g.Expect(k8s.Delete(t.Context(), job, client.PropagationPolicy(metav1.DeletePropagationOrphan))).To(Succeed())
	g.Eventually(func() string { return refreshObject(t, execution).Status.Stages[0].Actions[0].Reason }, timeout, interval).Should(Equal(v1alpha1.ReasonWorkloadLost))
	g.Expect(compile.String()).To(Equal("compile starts\n"), "its pod runs on")
	sr := createObject(t, builders.StopAndAbandon(execution))
	expectAccepted(t, sr)
	waitForDone(t, sr)
	g.Expect(compile.waitForEnd(t)).To(Equal("compile starts\ncompile was told to end\ncompile has cleaned up\n"))
	waitForNoPods(t, execution)
}

// A finalizer keeps a Job that somebody deleted: the stop ends when its pods have.
func TestADeletedJobThatAFinalizerKeepsDoesNotHoldUpAStop(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	execution, compile := startCompile(t, scriptCleansUp)
	job := jobOf(t, execution)
	setFinalizers := func(finalizers string) {
		g.Expect(k8s.Patch(t.Context(), job, client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"finalizers":`+finalizers+`}}`)))).To(Succeed())
	}
	setFinalizers(`["example.com/hold"]`)
	g.Expect(k8s.Delete(t.Context(), job.DeepCopy(), client.PropagationPolicy(metav1.DeletePropagationBackground))).To(Succeed())
	sr := createObject(t, builders.StopAndAbandon(execution))
	expectAccepted(t, sr)
	waitForDone(t, sr)
	g.Expect(compile.waitForEnd(t)).To(HaveSuffix("compile has cleaned up\n"))
	setFinalizers(`null`)
}

// A short grace period that is used up is no reason to suspect a healthy node.
func TestAShortGracePeriodThatIsUsedUp(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	execution, _ := startCompile(t, scriptIgnoresTerm, builders.GraceSeconds(15))
	sr := createObject(t, builders.StopAndAbandon(execution))
	expectAccepted(t, sr)
	reasons := map[string]bool{}
	g.Eventually(func() v1alpha1.ExecutionState {
		for _, p := range refreshObject(t, execution).Status.Stop.WaitingFor {
			reasons[p.Reason] = true
		}
		return execution.Status.State
	}, timeout, interval).Should(Equal(v1alpha1.ExecutionStopped))
	g.Expect(reasons).To(HaveKey(v1alpha1.ReasonInGracePeriod))
	g.Expect(reasons).NotTo(HaveKey(v1alpha1.ReasonPodNotEnding))
}
