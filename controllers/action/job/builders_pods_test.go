// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package job

import (
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"haltline.dev/haltline/api/v1alpha1"
)

// makePod returns a pod of the Job, running on a node.
func makePod(change ...func(*corev1.Pod)) *corev1.Pod {
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "team", Name: jobName + "-x7k2p", Labels: map[string]string{
				batchv1.ControllerUidLabel: jobUID, batchv1.JobNameLabel: jobName, v1alpha1.LabelExecutionID: executionUID,
			},
			Finalizers: []string{batchv1.JobTrackingFinalizer},
		},
		Spec:   corev1.PodSpec{NodeName: "node-1"},
		Status: corev1.PodStatus{Phase: corev1.PodRunning},
	}
	for _, c := range change {
		c(p)
	}
	return p
}

// asDeletedPod has the pod end at second 30.
func asDeletedPod(p *corev1.Pod) {
	end := at(30)
	p.DeletionTimestamp = &end
}

func finalizers(f ...string) func(*corev1.Pod) {
	return func(p *corev1.Pod) { p.Finalizers = f }
}

func waitingFor(container, reason string) corev1.ContainerStatus {
	return corev1.ContainerStatus{
		Name: container, Image: "example.com/app:1",
		State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: "it changes all the time"}},
	}
}

// running returns a container that runs since that second.
func running(container string, since int) corev1.ContainerStatus {
	return corev1.ContainerStatus{Name: container, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: at(since)}}}
}

// ended returns a container that ended at that second.
func ended(container string, exitCode int32, second int) corev1.ContainerStatus {
	return corev1.ContainerStatus{Name: container, State: corev1.ContainerState{
		Terminated: &corev1.ContainerStateTerminated{ExitCode: exitCode, FinishedAt: at(second)},
	}}
}

// crashed adds that the container had crashed before.
func crashed(s corev1.ContainerStatus) corev1.ContainerStatus {
	s.RestartCount = 2
	s.LastTerminationState.Terminated = &corev1.ContainerStateTerminated{ExitCode: 3, Reason: "Error", Message: "no such host\n"}
	return s
}

func started(s corev1.ContainerStatus) corev1.ContainerStatus {
	s.Started = ptr.To(true)
	return s
}

// asSidecar declares an init container as one that is restarted always.
func asSidecar(container string) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		p.Spec.InitContainers = []corev1.Container{{Name: container, RestartPolicy: ptr.To(corev1.ContainerRestartPolicyAlways)}}
	}
}

func containers(s ...corev1.ContainerStatus) func(*corev1.Pod) {
	return func(p *corev1.Pod) { p.Status.Phase, p.Status.ContainerStatuses = corev1.PodPending, s }
}

func initContainers(s ...corev1.ContainerStatus) func(*corev1.Pod) {
	return func(p *corev1.Pod) { p.Status.Phase, p.Status.InitContainerStatuses = corev1.PodPending, s }
}

func condition(c corev1.PodCondition) func(*corev1.Pod) {
	return func(p *corev1.Pod) { p.Status.Conditions = append(p.Status.Conditions, c) }
}

var (
	up = corev1.ContainerStatus{Name: "main", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}

	unschedulable = corev1.PodCondition{
		Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: corev1.PodReasonUnschedulable, Message: "0/3 nodes are available",
	}
)

// ofExecution marks a pod as one of the execution, with a controller of that uid, if it has one.
func ofExecution(controller types.UID) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		p.Labels[v1alpha1.LabelExecutionID] = executionUID
		if controller != "" {
			p.OwnerReferences = []metav1.OwnerReference{{APIVersion: "batch/v1", Kind: "Job", Name: jobName, UID: controller, Controller: ptr.To(true)}}
		}
	}
}
