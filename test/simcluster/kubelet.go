// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package simcluster

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// AnnotationOutcome on the template of a pod is how the pod ends: Succeed, Fail, or Never, which runs until it is deleted.
const AnnotationOutcome = "explorer/outcome"

// AnnotationWrites on the template of a pod is what its first container writes into its termination message.
const AnnotationWrites = "explorer/writes"

// AnnotationHoldGrace on a pod keeps it from ending when it is deleted, like a process that ignores SIGTERM.
const AnnotationHoldGrace = "explorer/hold-grace"

// Values of AnnotationOutcome.
const (
	Succeed = "succeed"
	Fail    = "fail"
	Never   = "never"
)

// StepPods takes one step of the kubelet: it starts a pod, or ends one that is deleted.
func StepPods(s *Store) bool {
	did := false
	s.As("kubelet", func() {
		for _, o := range s.All(Pod) {
			if did = stepPod(s, o.(*corev1.Pod)); did {
				return
			}
		}
	})
	return did
}

func stepPod(s *Store, pod *corev1.Pod) bool {
	key := client.ObjectKeyFromObject(pod)
	switch {
	case pod.DeletionTimestamp == nil:
		return pod.Status.Phase == corev1.PodPending && setPhase(s, key, corev1.PodRunning)
	case pod.Annotations[AnnotationHoldGrace] != "":
		return false
	case !hasPodEnded(pod):
		return setPhase(s, key, corev1.PodFailed)
	default:
		return s.Mutate(Pod, key, func(o client.Object) { o.SetDeletionGracePeriodSeconds(ptr.To[int64](0)) })
	}
}

// EndPod ends the first pod that comes to an end by itself. It reports whether there was one.
func EndPod(s *Store) bool {
	keys := CanEnd(s)
	return len(keys) > 0 && End(s, keys[0])
}

// CanEnd returns the keys of the pods that run and come to an end by themselves.
func CanEnd(s *Store) []client.ObjectKey {
	var keys []client.ObjectKey
	for _, o := range s.All(Pod) {
		pod := o.(*corev1.Pod)
		if pod.Status.Phase == corev1.PodRunning && pod.DeletionTimestamp == nil && pod.Annotations[AnnotationOutcome] != Never {
			keys = append(keys, client.ObjectKeyFromObject(pod))
		}
	}
	return keys
}

// End ends a pod as its template asks for.
func End(s *Store, key client.ObjectKey) bool {
	pod, ok := s.Find(Pod, key).(*corev1.Pod)
	if !ok {
		return false
	}
	phase := corev1.PodSucceeded
	if pod.Annotations[AnnotationOutcome] == Fail {
		phase = corev1.PodFailed
	}
	did := false
	s.As("kubelet", func() {
		did = s.Mutate(Pod, key, func(o client.Object) {
			ended := o.(*corev1.Pod)
			ended.Status.Phase = phase
			if written := ended.Annotations[AnnotationWrites]; written != "" {
				ended.Status.ContainerStatuses = []corev1.ContainerStatus{{
					Name: ended.Spec.Containers[0].Name, State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Message: written}},
				}}
			}
		})
	})
	return did
}

func setPhase(s *Store, key client.ObjectKey, phase corev1.PodPhase) bool {
	return s.Mutate(Pod, key, func(o client.Object) { o.(*corev1.Pod).Status.Phase = phase })
}
