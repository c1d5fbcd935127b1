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

// claimPods returns the pods that a Job controls. It adopts one that nobody controls and that has its label, and lets one go
// that has lost the label; then it says that it changed something.
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
			return nil, s.Mutate(Pod, client.ObjectKeyFromObject(pod), release(job))
		case owner == nil && selected && pod.DeletionTimestamp == nil:
			return nil, s.Mutate(Pod, client.ObjectKeyFromObject(pod), adopt(job))
		}
	}
	return pods, false
}

func release(job *batchv1.Job) func(client.Object) {
	return func(o client.Object) {
		dropOwner(job.UID)(o)
		removeFinalizer(batchv1.JobTrackingFinalizer)(o)
	}
}

func adopt(job *batchv1.Job) func(client.Object) {
	return func(o client.Object) {
		o.SetOwnerReferences(append(o.GetOwnerReferences(), controlledBy(job)))
		if !hasFinalizer(o, batchv1.JobTrackingFinalizer) {
			o.SetFinalizers(append(o.GetFinalizers(), batchv1.JobTrackingFinalizer))
		}
	}
}

func controlledBy(job *batchv1.Job) metav1.OwnerReference {
	return *metav1.NewControllerRef(job, batchv1.SchemeGroupVersion.WithKind("Job"))
}

// stepOrphanPods takes the finalizer off a pod that no Job counts: it has no controller, or its Job is gone or finished.
func stepOrphanPods(s *Store) bool {
	for _, o := range s.All(Pod) {
		if hasFinalizer(o, batchv1.JobTrackingFinalizer) && uncontrolled(s, o) {
			return s.Mutate(Pod, client.ObjectKeyFromObject(o), removeFinalizer(batchv1.JobTrackingFinalizer))
		}
	}
	return false
}

func uncontrolled(s *Store, pod client.Object) bool {
	owner := metav1.GetControllerOf(pod)
	if owner == nil {
		return true
	}
	if owner.Kind != Job.String() {
		return false
	}
	job, there := s.ByUID(owner.UID).(*batchv1.Job)
	return !there || jobFinished(job)
}

func podOf(s *Store, job *batchv1.Job) *corev1.Pod {
	template := job.Spec.Template.DeepCopy()
	pod := &corev1.Pod{ObjectMeta: template.ObjectMeta, Spec: template.Spec}
	pod.Namespace, pod.Name = job.Namespace, fmt.Sprintf("%s-%d", job.Name, len(s.History))
	pod.Finalizers = append(pod.Finalizers, batchv1.JobTrackingFinalizer)
	pod.OwnerReferences = []metav1.OwnerReference{controlledBy(job)}
	return pod
}

func active(pods []*corev1.Pod) []*corev1.Pod {
	return only(pods, func(p *corev1.Pod) bool { return !podEnded(p) && p.DeletionTimestamp == nil })
}

func terminating(pods []*corev1.Pod) []*corev1.Pod {
	return only(pods, func(p *corev1.Pod) bool { return !podEnded(p) && p.DeletionTimestamp != nil })
}

func only(pods []*corev1.Pod, is func(*corev1.Pod) bool) []*corev1.Pod {
	return slices.DeleteFunc(slices.Clone(pods), func(p *corev1.Pod) bool { return !is(p) })
}

// uncountedOf returns those uids whose pods still have the finalizer.
func uncountedOf(uids []types.UID, pods []*corev1.Pod) []types.UID {
	var left []types.UID
	for _, p := range pods {
		if hasFinalizer(p, batchv1.JobTrackingFinalizer) && slices.Contains(uids, p.UID) {
			left = append(left, p.UID)
		}
	}
	return left
}

func podEnded(pod *corev1.Pod) bool {
	return pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
}
