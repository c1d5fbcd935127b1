// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
)

// annotationHoldGrace on a pod keeps it from ending when it is deleted, as a process does that ignores SIGTERM, until the
// test calls endPods.
const annotationHoldGrace = "test/hold-grace"

// runKubelet stands in for a node: pods are bound and run until a test finishes them, and end when they are deleted.
func runKubelet(ctx context.Context) {
	for ctx.Err() == nil {
		w, err := k8s.Watch(ctx, &corev1.PodList{})
		if err != nil {
			time.Sleep(100 * time.Millisecond)
			continue
		}
		for e := range w.ResultChan() {
			pod, ok := e.Object.(*corev1.Pod)
			if ok && e.Type != watch.Deleted {
				if err := tend(ctx, pod); client.IgnoreNotFound(err) != nil && ctx.Err() == nil {
					fmt.Fprintln(os.Stderr, "kubelet:", err)
				}
			}
		}
	}
}

func tend(ctx context.Context, pod *corev1.Pod) error {
	switch {
	case pod.Spec.NodeName == "" && pod.DeletionTimestamp == nil:
		return client.IgnoreAlreadyExists(k8s.SubResource("binding").Create(ctx, pod, &corev1.Binding{
			ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace, Name: pod.Name},
			Target:     corev1.ObjectReference{Kind: "Node", Name: "node"},
		}))
	case pod.DeletionTimestamp != nil && pod.Annotations[annotationHoldGrace] == "" && pod.DeletionGracePeriodSeconds != nil &&
		*pod.DeletionGracePeriodSeconds > 0:
		return k8s.Delete(ctx, pod, client.GracePeriodSeconds(0))
	case pod.Spec.NodeName != "" && pod.Status.Phase == corev1.PodPending && pod.DeletionTimestamp == nil:
		return setPhase(ctx, pod, corev1.PodRunning, 0)
	}
	return nil
}

func setPhase(ctx context.Context, pod *corev1.Pod, phase corev1.PodPhase, exitCode int32) error {
	before := pod.DeepCopy()
	pod.Status.Phase = phase
	pod.Status.StartTime = &metav1.Time{Time: time.Now()}
	state := corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}
	if phase != corev1.PodRunning {
		state = corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: exitCode, FinishedAt: metav1.Now()}}
	}
	ready := corev1.ConditionFalse
	if phase == corev1.PodRunning {
		ready = corev1.ConditionTrue
	}
	pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: ready}}
	pod.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: pod.Spec.Containers[0].Name, State: state}}
	return k8s.Status().Patch(ctx, pod, client.MergeFrom(before))
}

// podsOf returns the pods of an action that run.
func podsOf(ctx context.Context, e *v1alpha1.PipelineExecution, action string) ([]corev1.Pod, error) {
	pods := &corev1.PodList{}
	err := k8s.List(ctx, pods, client.InNamespace(e.Namespace), client.MatchingLabels{v1alpha1.LabelExecutionID: string(e.UID), "action": action})
	var running []corev1.Pod
	for _, p := range pods.Items {
		if p.Status.Phase == corev1.PodRunning {
			running = append(running, p)
		}
	}
	return running, err
}

// finish ends the container of an action, once it runs.
func finish(t *testing.T, e *v1alpha1.PipelineExecution, action string, phase corev1.PodPhase) {
	t.Helper()
	g := NewWithT(t)
	var pods []corev1.Pod
	g.Eventually(func() (int, error) {
		var err error
		pods, err = podsOf(t.Context(), e, action)
		return len(pods), err
	}, patience, tick).Should(BeNumerically(">", 0), "no pod of action %s runs", action)
	exitCode := int32(0)
	if phase == corev1.PodFailed {
		exitCode = 1
	}
	for _, p := range pods {
		g.Expect(setPhase(t.Context(), &p, phase, exitCode)).To(Succeed())
	}
}

// running waits until a container of the action runs.
func running(t *testing.T, e *v1alpha1.PipelineExecution, action string) {
	t.Helper()
	NewWithT(t).Eventually(func() (int, error) {
		pods, err := podsOf(t.Context(), e, action)
		return len(pods), err
	}, patience, tick).Should(Equal(1), "no pod of action %s runs", action)
}

// endPods lets the pods of an action end that hold on through their grace period.
func endPods(t *testing.T, e *v1alpha1.PipelineExecution, action string) {
	t.Helper()
	g := NewWithT(t)
	pods, err := podsOf(t.Context(), e, action)
	g.Expect(err).NotTo(HaveOccurred())
	for _, p := range pods {
		g.Expect(client.IgnoreNotFound(k8s.Delete(t.Context(), &p, client.GracePeriodSeconds(0)))).To(Succeed())
	}
}
