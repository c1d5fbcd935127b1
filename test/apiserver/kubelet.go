// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"context"
	"fmt"
	"os"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// AnnotationHoldGrace on a pod keeps it from ending when it is deleted, as a process does that ignores SIGTERM, until a test
// calls KillPod.
const AnnotationHoldGrace = "test/hold-grace"

// runKubelet stands in for a node. Pods are bound and run until a test finishes them, and end when they are deleted.
func (c *Cluster) runKubelet(ctx context.Context) {
	for ctx.Err() == nil {
		w, err := c.Client.Watch(ctx, &corev1.PodList{})
		if err != nil {
			time.Sleep(100 * time.Millisecond)
			continue
		}
		for event := range w.ResultChan() {
			pod, ok := event.Object.(*corev1.Pod)
			if !ok || event.Type == watch.Deleted {
				continue
			}
			if err := ignoreOutdated(c.advancePod(ctx, pod)); err != nil && ctx.Err() == nil {
				fmt.Fprintln(os.Stderr, "kubelet:", err)
			}
		}
	}
}

// ignoreOutdated returns nil if the error only shows that the pod has changed since it was seen: its next event comes.
func ignoreOutdated(err error) error {
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) {
		return nil
	}
	return err
}

// advancePod takes a pod one step further: it binds, starts or removes it.
func (c *Cluster) advancePod(ctx context.Context, pod *corev1.Pod) error {
	deleted := pod.DeletionTimestamp != nil
	switch {
	case pod.Spec.NodeName == "" && !deleted:
		return c.bindPod(ctx, pod)
	case pod.Status.Phase == corev1.PodPending && !deleted:
		return c.SetPodPhase(ctx, pod, corev1.PodRunning)
	case isInGracePeriod(pod) && pod.Annotations[AnnotationHoldGrace] == "":
		return c.Client.Delete(ctx, pod, client.GracePeriodSeconds(0))
	}
	return nil
}

func (c *Cluster) bindPod(ctx context.Context, pod *corev1.Pod) error {
	return c.Client.SubResource("binding").Create(ctx, pod, &corev1.Binding{
		ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace, Name: pod.Name},
		Target:     corev1.ObjectReference{Kind: "Node", Name: "node"},
	})
}

func isInGracePeriod(pod *corev1.Pod) bool {
	return pod.DeletionTimestamp != nil && pod.DeletionGracePeriodSeconds != nil && *pod.DeletionGracePeriodSeconds > 0
}

// SetPodPhase reports the phase of a pod as a kubelet does: Running, Succeeded, or Failed with the exit code 1.
func (c *Cluster) SetPodPhase(ctx context.Context, pod *corev1.Pod, phase corev1.PodPhase) error {
	before := pod.DeepCopy()
	pod.Status.Phase = phase
	pod.Status.StartTime = &metav1.Time{Time: time.Now()}
	ready := corev1.ConditionFalse
	if phase == corev1.PodRunning {
		ready = corev1.ConditionTrue
	}
	pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: ready}}
	pod.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: pod.Spec.Containers[0].Name, State: containerState(phase)}}
	return c.Client.Status().Patch(ctx, pod, client.MergeFrom(before))
}

func containerState(phase corev1.PodPhase) corev1.ContainerState {
	if phase == corev1.PodRunning {
		return corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}
	}
	terminated := &corev1.ContainerStateTerminated{FinishedAt: metav1.Now()}
	if phase == corev1.PodFailed {
		terminated.ExitCode = 1
	}
	return corev1.ContainerState{Terminated: terminated}
}

// EndPod reports that a pod has succeeded, and what its first container wrote into its termination message.
func (c *Cluster) EndPod(ctx context.Context, pod *corev1.Pod, written string) error {
	before := pod.DeepCopy()
	pod.Status.Phase = corev1.PodSucceeded
	state := containerState(corev1.PodSucceeded)
	state.Terminated.Message = written
	pod.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: pod.Spec.Containers[0].Name, State: state}}
	return c.Client.Status().Patch(ctx, pod, client.MergeFrom(before))
}

// KillPod removes a pod at once, as a kubelet does when the grace period is over. It returns nil if the pod is gone already.
func (c *Cluster) KillPod(ctx context.Context, pod *corev1.Pod) error {
	err := c.Client.Delete(ctx, pod, client.GracePeriodSeconds(0), client.Preconditions{UID: &pod.UID})
	return client.IgnoreNotFound(err)
}
