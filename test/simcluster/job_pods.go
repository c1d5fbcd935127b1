// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package simcluster

import (
	"fmt"
	"slices"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// claimPods returns the pods that a Job controls. It first adopts a pod with the Job's label that nobody controls, or releases
// one that has lost the label, and reports that it changed something.
func claimPods(s *Store, job *batchv1.Job) (pods []*corev1.Pod, changed bool) {
	for _, o := range s.All(Pod) {
		pod := o.(*corev1.Pod)
		owner := metav1.GetControllerOf(pod)
		selected := pod.Labels[batchv1.ControllerUidLabel] == string(job.UID) && pod.Namespace == job.Namespace
		switch {
		case owner != nil && owner.UID == job.UID && selected:
			pods = append(pods, pod)
		case job.DeletionTimestamp != nil:
		case owner != nil && owner.UID == job.UID:
			return nil, s.Mutate(Pod, client.ObjectKeyFromObject(pod), releasePod(job))
		case owner == nil && selected && pod.DeletionTimestamp == nil:
			return nil, s.Mutate(Pod, client.ObjectKeyFromObject(pod), adoptPod(job))
		}
	}
	return pods, false
}

func releasePod(job *batchv1.Job) func(client.Object) {
	return func(o client.Object) {
		removeOwners(job.UID)(o)
		removeFinalizer(batchv1.JobTrackingFinalizer)(o)
	}
}

func adoptPod(job *batchv1.Job) func(client.Object) {
	return func(o client.Object) {
		o.SetOwnerReferences(append(o.GetOwnerReferences(), newControllerRef(job)))
		if !hasFinalizer(o, batchv1.JobTrackingFinalizer) {
			o.SetFinalizers(append(o.GetFinalizers(), batchv1.JobTrackingFinalizer))
		}
	}
}

func newControllerRef(job *batchv1.Job) metav1.OwnerReference {
	return *metav1.NewControllerRef(job, batchv1.SchemeGroupVersion.WithKind("Job"))
}

// stepOrphanPods removes the finalizer of a pod that no Job counts: it has no controller, or its Job is gone or finished.
func stepOrphanPods(s *Store) bool {
	for _, o := range s.All(Pod) {
		if hasFinalizer(o, batchv1.JobTrackingFinalizer) && isUncontrolled(s, o) {
			return s.Mutate(Pod, client.ObjectKeyFromObject(o), removeFinalizer(batchv1.JobTrackingFinalizer))
		}
	}
	return false
}

func isUncontrolled(s *Store, pod client.Object) bool {
	owner := metav1.GetControllerOf(pod)
	if owner == nil {
		return true
	}
	if owner.Kind != Job.String() {
		return false
	}
	job, there := s.ByUID(owner.UID).(*batchv1.Job)
	return !there || isJobFinished(job)
}

func newPod(s *Store, job *batchv1.Job) *corev1.Pod {
	template := job.Spec.Template.DeepCopy()
	pod := &corev1.Pod{ObjectMeta: template.ObjectMeta, Spec: template.Spec}
	pod.Namespace, pod.Name = job.Namespace, fmt.Sprintf("%s-%d", job.Name, len(s.History))
	pod.Finalizers = append(pod.Finalizers, batchv1.JobTrackingFinalizer)
	pod.OwnerReferences = []metav1.OwnerReference{newControllerRef(job)}
	return pod
}

func activePods(pods []*corev1.Pod) []*corev1.Pod {
	return filterPods(pods, func(p *corev1.Pod) bool { return !hasPodEnded(p) && p.DeletionTimestamp == nil })
}

func terminatingPods(pods []*corev1.Pod) []*corev1.Pod {
	return filterPods(pods, func(p *corev1.Pod) bool { return !hasPodEnded(p) && p.DeletionTimestamp != nil })
}

func filterPods(pods []*corev1.Pod, is func(*corev1.Pod) bool) []*corev1.Pod {
	return slices.DeleteFunc(slices.Clone(pods), func(p *corev1.Pod) bool { return !is(p) })
}

// keepUncounted returns the uids of the pods that still have the finalizer.
func keepUncounted(uids []types.UID, pods []*corev1.Pod) []types.UID {
	var left []types.UID
	for _, p := range pods {
		if hasFinalizer(p, batchv1.JobTrackingFinalizer) && slices.Contains(uids, p.UID) {
			left = append(left, p.UID)
		}
	}
	return left
}

func hasPodEnded(pod *corev1.Pod) bool {
	return pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
}
