// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"fmt"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/builders"
)

// What has finished is deleted whole once its time has come: its request, the execution, its Jobs and their pods.
func TestFinishedObjectsAreDeletedByTheirTTL(t *testing.T) {
	t.Parallel()
	execution := startExecution(t)
	stays := createExecution(t, execution.Namespace, "web")
	waitForRunning(t, stays, "compile")
	sr := createObject(t, builders.StopAndAbandon(execution))
	waitForStopped(t, sr)

	hourAgo := time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)
	patchCompletionTime(t, execution, time.Hour)
	refreshObject(t, sr)
	for i := range sr.Status.Conditions {
		patchStatus(t, sr, fmt.Sprintf(`[{"op":"replace","path":"/status/conditions/%d/lastTransitionTime","value":%q}]`, i, hourAgo))
	}
	for _, o := range []client.Object{execution, stays, sr} {
		patch := client.RawPatch(types.MergePatchType, []byte(`{"spec":{"ttlSecondsAfterFinished":600}}`))
		NewWithT(t).Expect(k8s.Patch(t.Context(), o, patch)).To(Succeed())
	}
	waitUntilGone(t, sr)
	waitUntilNothingIsLeft(t, execution)
	expectRunning(t, stays)
}

// A history keeps the newest of each end, and whatever bears the annotation. The oldest of the others goes first.
func TestAHistoryKeepsTheNewestExecutions(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := createNamespace(t)
	pipeline := createPipeline(t, ns, "web", builders.Stage("Build", builders.Action("compile")))
	deletions, err := k8s.Watch(t.Context(), &v1alpha1.PipelineExecutionList{}, client.InNamespace(ns))
	g.Expect(err).NotTo(HaveOccurred())
	defer deletions.Stop()

	kept := createEndedExecution(t, ns, 5*time.Hour)
	stopped := createExecution(t, ns, "web")
	waitForRunning(t, stopped, "compile")
	waitForStopped(t, createObject(t, builders.StopAndAbandon(stopped)))
	patchCompletionTime(t, stopped, 4*time.Hour)
	// They ended in another order than they were created in.
	middle, oldest, newest := createEndedExecution(t, ns, 2*time.Hour), createEndedExecution(t, ns, 3*time.Hour), createEndedExecution(t, ns, time.Hour)
	patchObject(t, kept, func() { metav1.SetMetaDataAnnotation(&kept.ObjectMeta, v1alpha1.AnnotationKeep, "incident-42") })

	patchObject(t, pipeline, func() { pipeline.Spec.History = &v1alpha1.ExecutionHistory{Succeeded: ptr.To[int32](1)} })
	g.Expect(nextDeleted(t, deletions)).To(Equal(oldest.Name))
	g.Expect(nextDeleted(t, deletions)).To(Equal(middle.Name))
	waitUntilNothingIsLeft(t, oldest)
	waitUntilNothingIsLeft(t, middle)

	patchObject(t, kept, func() { delete(kept.Annotations, v1alpha1.AnnotationKeep) })
	patchObject(t, pipeline, func() { pipeline.Spec.History.Stopped = ptr.To[int32](0) })
	g.Expect([]string{nextDeleted(t, deletions), nextDeleted(t, deletions)}).To(ConsistOf(kept.Name, stopped.Name))
	waitUntilNothingIsLeft(t, kept)
	waitUntilNothingIsLeft(t, stopped)
	expectState(t, newest, v1alpha1.ExecutionSucceeded)
	g.Expect(listJobs(t, newest)).To(HaveLen(1))
	g.Expect(listPods(t, newest)).To(HaveLen(1))
}

// createEndedExecution creates an execution of the Pipeline "web" whose one action succeeds, and has it be that long ago. Its history keeps
// it for as long as the operator's default is.
func createEndedExecution(t *testing.T, ns string, ago time.Duration) *v1alpha1.PipelineExecution {
	t.Helper()
	execution := createExecution(t, ns, "web")
	finishAction(t, execution, "compile", corev1.PodSucceeded)
	waitForState(t, execution, v1alpha1.ExecutionSucceeded)
	patchCompletionTime(t, execution, ago)
	return execution
}

// patchCompletionTime has an execution have ended that long ago: nothing is deleted in the first minute.
func patchCompletionTime(t *testing.T, execution *v1alpha1.PipelineExecution, ago time.Duration) {
	t.Helper()
	at := time.Now().Add(-ago).UTC().Format(time.RFC3339)
	patchStatus(t, refreshObject(t, execution), fmt.Sprintf(`[{"op":"replace","path":"/status/completionTime","value":%q}]`, at))
}

// nextDeleted waits for the next deletion, and returns the name of what is deleted.
func nextDeleted(t *testing.T, w watch.Interface) string {
	t.Helper()
	deadline := time.After(timeout)
	for {
		select {
		case e, open := <-w.ResultChan():
			if !open {
				t.Fatal("the watch has ended")
			}
			if e.Type == watch.Deleted {
				return e.Object.(client.Object).GetName()
			}
		case <-deadline:
			t.Fatal("nothing is deleted")
		}
	}
}

// waitUntilNothingIsLeft waits until an execution, its Jobs and their pods do not exist any more.
func waitUntilNothingIsLeft(t *testing.T, execution *v1alpha1.PipelineExecution) {
	t.Helper()
	left := execution.DeepCopy()
	waitUntilGone(t, execution)
	NewWithT(t).Eventually(func() int { return len(listJobs(t, left)) + len(listPods(t, left)) }, timeout, interval).Should(BeZero())
}

func patchStatus(t *testing.T, o client.Object, patch string) {
	t.Helper()
	NewWithT(t).Expect(k8s.Status().Patch(t.Context(), o, client.RawPatch(types.JSONPatchType, []byte(patch)))).To(Succeed())
}

// expectRunning checks that an execution which runs is not deleted, whatever its TTL is.
func expectRunning(t *testing.T, o client.Object) {
	t.Helper()
	NewWithT(t).Consistently(func() error { return k8s.Get(t.Context(), client.ObjectKeyFromObject(o), o) }, quietTime, interval).Should(Succeed())
	NewWithT(t).Expect(o.GetDeletionTimestamp()).To(BeNil())
}

// The token of the operator's account does not delete what runs, nor the record of a stop that nobody said may go.
func TestTheOperatorsTokenDeletesOnlyWhatHasFinished(t *testing.T) {
	t.Parallel()
	execution := startExecution(t)
	sr := createObject(t, builders.StopAndWait(execution))
	expectAccepted(t, sr)
	thief := thiefOfTheToken(t, execution.Namespace)
	expectDenied(t, thief.Delete(t.Context(), execution), "haltline-operator-finished")
	expectDenied(t, thief.Delete(t.Context(), sr), "haltline-operator-finished")
	createObject(t, builders.StopAndAbandon(execution))
	waitForStopped(t, sr)
	expectDenied(t, thief.Delete(t.Context(), sr), "haltline-operator-finished")
	NewWithT(t).Expect(thief.Delete(t.Context(), execution)).To(Succeed())
}
