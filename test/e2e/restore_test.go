// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"testing"

	. "github.com/onsi/gomega"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/builders"
)

// What a backup in mid-run has is restored beside what still runs: no container of the copy starts, and the first one runs to its end, once.
func TestABackupInMidRunNeverRunsTwice(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns, other := createNamespace(t), createNamespace(t)
	stages := []v1alpha1.Stage{builders.Stage("Build", newAction("compile", scriptSucceedsLate)), builders.Stage("Deploy", newAction("roll-out", scriptSucceeds))}
	createPipeline(t, ns, stages...)
	createPipeline(t, other, stages...)
	execution := createExecution(t, ns)
	followLog(t, execution, "compile")

	g.Expect(k8s.Get(t.Context(), client.ObjectKeyFromObject(execution), execution)).To(Succeed())
	restored := createObject(t, &v1alpha1.PipelineExecution{ObjectMeta: copyMeta(execution, other), Spec: execution.Spec})
	for _, o := range restoreWork(t, ns, other) {
		g.Expect(k8s.Create(t.Context(), o)).To(MatchError(ContainSubstring("ValidatingAdmissionPolicy 'haltline-")), "%T %s is restored", o, o.GetName())
	}
	waitForState(t, restored, v1alpha1.ExecutionFailed)
	g.Expect(meta.FindStatusCondition(restored.Status.Conditions, v1alpha1.ConditionReady).Reason).To(Equal(v1alpha1.ReasonRestoredCopy))

	waitForState(t, execution, v1alpha1.ExecutionSucceeded)
	g.Expect(readLogs(t, execution)).To(Equal([]string{"compile starts", "compile is done", "roll-out starts", "roll-out is done"}))
	g.Expect(restoreWork(t, other, ns)).To(BeEmpty(), "the copy runs")
}

// copyMeta returns what a backup tool restores of the metadata of an object.
func copyMeta(o client.Object, ns string) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Namespace: ns, Name: o.GetName(), Labels: o.GetLabels(), Annotations: o.GetAnnotations(), OwnerReferences: o.GetOwnerReferences(),
	}
}

// restoreWork returns the Jobs and pods of a namespace as a backup tool creates them in another one.
func restoreWork(t *testing.T, from, to string) []client.Object {
	t.Helper()
	jobs, pods := &batchv1.JobList{}, &corev1.PodList{}
	g := NewWithT(t)
	g.Expect(k8s.List(t.Context(), jobs, client.InNamespace(from))).To(Succeed())
	g.Expect(k8s.List(t.Context(), pods, client.InNamespace(from))).To(Succeed())
	var restored []client.Object
	for _, job := range jobs.Items {
		again := &batchv1.Job{ObjectMeta: copyMeta(&job, to), Spec: job.Spec}
		again.Spec.Selector = nil
		for _, label := range []string{"controller-uid", batchv1.ControllerUidLabel} {
			delete(again.Spec.Template.Labels, label)
		}
		restored = append(restored, again)
	}
	for _, pod := range pods.Items {
		again := &corev1.Pod{ObjectMeta: copyMeta(&pod, to), Spec: pod.Spec}
		again.Spec.NodeName = ""
		restored = append(restored, again)
	}
	return restored
}
