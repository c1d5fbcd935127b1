// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"slices"
	"testing"

	. "github.com/onsi/gomega"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
)

// listJobs returns the Jobs of an execution.
func listJobs(t *testing.T, execution *v1alpha1.PipelineExecution) []batchv1.Job {
	t.Helper()
	list := &batchv1.JobList{}
	listWork(t, execution, list)
	return list.Items
}

// listPods returns the pods of an execution.
func listPods(t *testing.T, execution *v1alpha1.PipelineExecution) []corev1.Pod {
	t.Helper()
	list := &corev1.PodList{}
	listWork(t, execution, list)
	return list.Items
}

// listWork lists what an execution has of a kind.
func listWork(t *testing.T, execution *v1alpha1.PipelineExecution, list client.ObjectList) {
	t.Helper()
	NewWithT(t).Expect(k8s.List(t.Context(), list, client.InNamespace(execution.Namespace),
		client.MatchingLabels{v1alpha1.LabelExecutionID: string(execution.UID)})).To(Succeed())
}

// listRunningPods returns the pods of an action that run.
func listRunningPods(ctx context.Context, execution *v1alpha1.PipelineExecution, action string) ([]corev1.Pod, error) {
	list := &corev1.PodList{}
	err := k8s.List(ctx, list, client.InNamespace(execution.Namespace),
		client.MatchingLabels{v1alpha1.LabelExecutionID: string(execution.UID), v1alpha1.LabelAction: action})
	return slices.DeleteFunc(list.Items, func(pod corev1.Pod) bool { return pod.Status.Phase != corev1.PodRunning }), err
}

// waitForRunning waits until a pod of the action runs, and returns it.
func waitForRunning(t *testing.T, execution *v1alpha1.PipelineExecution, action string) *corev1.Pod {
	t.Helper()
	var pods []corev1.Pod
	NewWithT(t).Eventually(func() (n int, err error) {
		pods, err = listRunningPods(t.Context(), execution, action)
		return len(pods), err
	}, timeout, interval).Should(Equal(1), "no pod of action %s runs", action)
	return &pods[0]
}

// countRunning returns a function that counts the pods of an action that run.
func countRunning(ctx context.Context, execution *v1alpha1.PipelineExecution, action string) func() (int, error) {
	return func() (int, error) {
		pods, err := listRunningPods(ctx, execution, action)
		return len(pods), err
	}
}

// finishAction waits until a pod of the action runs, and ends it.
func finishAction(t *testing.T, execution *v1alpha1.PipelineExecution, action string, phase corev1.PodPhase) {
	t.Helper()
	pod := waitForRunning(t, execution, action)
	NewWithT(t).Expect(cluster.SetPodPhase(t.Context(), pod, phase)).To(Succeed())
}

// killPods ends the pods of an action that go on in their grace period.
func killPods(t *testing.T, execution *v1alpha1.PipelineExecution, action string) {
	t.Helper()
	g := NewWithT(t)
	pods, err := listRunningPods(t.Context(), execution, action)
	g.Expect(err).NotTo(HaveOccurred())
	for i := range pods {
		g.Expect(cluster.KillPod(t.Context(), &pods[i])).To(Succeed())
	}
}

// expectJobs watches for a while that an execution has that many Jobs.
func expectJobs(t *testing.T, execution *v1alpha1.PipelineExecution, n int) {
	t.Helper()
	NewWithT(t).Consistently(func() []batchv1.Job { return listJobs(t, execution) }, quietTime, interval).Should(HaveLen(n))
}
