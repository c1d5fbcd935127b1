// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"testing"

	. "github.com/onsi/gomega"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/builders"
)

func TestDeletingAnExecutionEndsItsWork(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	for _, propagation := range []metav1.DeletionPropagation{metav1.DeletePropagationBackground, metav1.DeletePropagationForeground} {
		execution := startExecution(t)
		g.Expect(k8s.Delete(t.Context(), execution.DeepCopy(), client.PropagationPolicy(propagation))).To(Succeed())
		g.Eventually(func() int { return len(listJobs(t, execution)) }, timeout, interval).Should(BeZero())
		waitUntilGone(t, execution)
	}
}

// What runs outlives its Pipeline, whichever way that is deleted, and runs to its end.
func TestDeletingAPipelineEndsNothing(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	for _, propagation := range []metav1.DeletionPropagation{
		metav1.DeletePropagationBackground, metav1.DeletePropagationForeground, metav1.DeletePropagationOrphan,
	} {
		execution := startExecution(t)
		pipeline := &v1alpha1.Pipeline{ObjectMeta: metav1.ObjectMeta{Namespace: execution.Namespace, Name: "web"}}
		g.Expect(k8s.Delete(t.Context(), pipeline, client.PropagationPolicy(propagation))).To(Succeed())
		waitUntilGone(t, pipeline)
		for _, action := range []string{"compile", "package", "roll-out"} {
			waitForRunning(t, execution, action)
			finishAction(t, execution, action, corev1.PodSucceeded)
		}
		waitForState(t, execution, v1alpha1.ExecutionSucceeded)
	}
}

func TestARequestWhoseExecutionIsDeletedGetsItsEnd(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	execution := startExecution(t, ignoreTermination)
	sr := createObject(t, builders.StopAndWait(execution))
	expectAccepted(t, sr)
	g.Expect(k8s.Delete(t.Context(), execution)).To(Succeed())
	waitUntilGone(t, execution.DeepCopy())
	g.Consistently(func() bool {
		return isConditionTrue(refreshObject(t, sr), v1alpha1.ConditionStopped)
	}, quietTime, interval).Should(BeFalse(), "its pod is still there")
	killPods(t, execution, "compile")
	waitForStopped(t, sr)
	g.Expect(findCondition(sr, v1alpha1.ConditionStopped).Reason).To(Equal(v1alpha1.ReasonExecutionDeleted))
	g.Expect(findCondition(sr, v1alpha1.ConditionAccepted).Status).To(Equal(metav1.ConditionTrue))
}

// What somebody left running is not Stopped, and the request names it.
func TestAnExecutionDeletedWithoutItsJobsDoesNotReadStopped(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	execution := startExecution(t)
	sr := createObject(t, builders.StopAndWait(execution))
	expectAccepted(t, sr)
	job := listJobs(t, execution)[0].Name
	g.Expect(k8s.Delete(t.Context(), execution, client.PropagationPolicy(metav1.DeletePropagationOrphan))).To(Succeed())
	g.Eventually(func() bool { return isConditionTrue(refreshObject(t, sr), v1alpha1.ConditionFinished) }, timeout, interval).Should(BeTrue())
	finished := findCondition(sr, v1alpha1.ConditionFinished)
	g.Expect(finished.Reason).To(Equal(v1alpha1.ReasonWorkLeftRunning))
	g.Expect(finished.Message).To(ContainSubstring(job))
	g.Expect(findCondition(sr, v1alpha1.ConditionStopped)).To(BeNil())
	g.Expect(sr.Status.State).To(BeEmpty())
	g.Expect(isConditionTrue(sr, v1alpha1.ConditionStalled)).To(BeTrue())
}

// What an abandon has begun to end goes on ending.
func TestAnExecutionDeletedWithoutItsJobsWhileTheyEndEndsItsRequest(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	execution := startExecution(t, ignoreTermination)
	sr := createObject(t, builders.StopAndAbandon(execution))
	expectAccepted(t, sr)
	g.Eventually(func() bool { return *listJobs(t, execution)[0].Spec.Suspend }, timeout, interval).Should(BeTrue())
	g.Expect(k8s.Delete(t.Context(), execution, client.PropagationPolicy(metav1.DeletePropagationOrphan))).To(Succeed())
	expectNotReady(t, sr, v1alpha1.ReasonExecutionDeleted, "has to end", "pod")
	killPods(t, execution, "compile")
	waitForStopped(t, sr)
	g.Expect(findCondition(sr, v1alpha1.ConditionStopped).Reason).To(Equal(v1alpha1.ReasonExecutionDeleted))
}

// A finalizer of somebody else can keep an execution that was deleted, and with it what it runs.
func TestAnExecutionThatIsBeingDeletedCanBeStoppedAndStartsNoMore(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	execution := startExecution(t)
	addFinalizer(t, execution)
	g.Expect(k8s.Delete(t.Context(), execution)).To(Succeed())
	wait := createObject(t, builders.StopAndWait(execution))
	expectAccepted(t, wait)
	expectAccepted(t, createObject(t, builders.StopAndAbandon(execution)))
	waitForState(t, execution, v1alpha1.ExecutionStopped)
	g.Expect(actionStates(execution)).To(Equal(states{"compile": actionAbandoned, "package": actionNotStarted, "roll-out": actionNotStarted}))
	waitForStopped(t, wait)
	removeFinalizer(t, execution)
}

func TestAnExecutionThatIsBeingDeletedStartsNoMore(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	execution := startExecution(t, ignoreTermination)
	addFinalizer(t, execution)
	g.Expect(k8s.Delete(t.Context(), execution)).To(Succeed())
	finishAction(t, execution, "compile", corev1.PodSucceeded)
	waitForAction(t, execution, "compile", actionSucceeded)
	expectJobs(t, execution, 1)
	removeFinalizer(t, execution)
}

// A Pipeline deleted while its execution runs does not keep it from being stopped.
func TestAnExecutionOutlivesItsPipelineAndCanBeStopped(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	execution := startExecution(t, builders.EditJob(func(spec *batchv1.JobSpec) {
		// JSON can write these in more than one way.
		spec.Template.Spec.Containers[0].Args = []string{"a && b <c> \u2028 é 🙂 \\ \" /"}
		spec.Template.Spec.Priority = ptr.To[int32](0)
		spec.BackoffLimit = ptr.To[int32](1000000007)
	}))
	pipeline := &v1alpha1.Pipeline{ObjectMeta: metav1.ObjectMeta{Namespace: execution.Namespace, Name: "web"}}
	g.Expect(k8s.Delete(t.Context(), pipeline, client.PropagationPolicy(metav1.DeletePropagationOrphan))).To(Succeed())
	waitUntilGone(t, pipeline)
	sr := createObject(t, builders.StopAndAbandon(execution))
	expectAccepted(t, sr)
	waitForStopped(t, sr)
	waitForState(t, execution, v1alpha1.ExecutionStopped)
}

func TestARecreatedNameIsAnotherExecution(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	execution := startExecution(t)
	first := string(execution.UID)
	g.Expect(k8s.Delete(t.Context(), execution)).To(Succeed())
	again := &v1alpha1.PipelineExecution{ObjectMeta: metav1.ObjectMeta{Namespace: execution.Namespace, Name: execution.Name}, Spec: execution.Spec}
	g.Eventually(func() error { return k8s.Create(t.Context(), again) }, timeout, interval).Should(Succeed())
	waitForRunning(t, again, "compile")
	sr := createObject(t, builders.StopRequest(execution.Namespace, "web", first))
	expectVerdict(t, sr, v1alpha1.ReasonNotStoppable)
	g.Expect(refreshObject(t, again).Status.State).To(Equal(v1alpha1.ExecutionInProgress))
}

// holdFinalizer keeps an object that is deleted until a test removes it.
const holdFinalizer = "example.com/hold"

func addFinalizer(t *testing.T, object client.Object) {
	t.Helper()
	patchObject(t, object, func() { controllerutil.AddFinalizer(object, holdFinalizer) })
}

func removeFinalizer(t *testing.T, object client.Object) {
	t.Helper()
	patchObject(t, object, func() { controllerutil.RemoveFinalizer(object, holdFinalizer) })
}

// patchObject reads an object again, and patches what edit changes of it.
func patchObject(t *testing.T, object client.Object, edit func()) {
	t.Helper()
	before := refreshObject(t, object).DeepCopyObject().(client.Object)
	edit()
	NewWithT(t).Expect(k8s.Patch(t.Context(), object, client.MergeFrom(before))).To(Succeed())
}
