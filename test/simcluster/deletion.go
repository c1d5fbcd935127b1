// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package simcluster

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const defaultGrace = 30

// markDeleted marks an object as deleted. It returns false if the object was deleted before and nothing of that changes: the
// grace period of a pod can only become shorter, and until it is over nothing else of the deletion changes.
func markDeleted(o client.Object, options client.DeleteOptions, now metav1.Time) bool {
	before, was := o.GetDeletionTimestamp(), o.GetDeletionGracePeriodSeconds()
	grace := gracePeriod(o, options)
	if before != nil && was != nil && *was > 0 {
		if options.GracePeriodSeconds == nil || *options.GracePeriodSeconds >= *was {
			return false
		}
		grace = *options.GracePeriodSeconds
	}
	setPropagation(o, options.PropagationPolicy)
	o.SetDeletionGracePeriodSeconds(&grace)
	if before == nil {
		until := metav1.NewTime(now.Add(time.Duration(grace) * time.Second))
		o.SetDeletionTimestamp(&until)
		if o.GetGeneration() > 0 {
			o.SetGeneration(o.GetGeneration() + 1)
		}
	}
	return true
}

// gracePeriod returns for how many seconds a pod that runs may go on. Everything else has no grace period.
func gracePeriod(o client.Object, options client.DeleteOptions) int64 {
	pod, isPod := o.(*corev1.Pod)
	switch {
	case !isPod || pod.Status.Phase != corev1.PodRunning:
		return 0
	case options.GracePeriodSeconds != nil:
		return *options.GracePeriodSeconds
	}
	return defaultGrace
}

// setPropagation gives an object the finalizer that its propagation policy asks for. Without a policy, a finalizer that is
// there stays, and without one the dependents of a Job are orphaned: that is the default of batch/v1.
func setPropagation(o client.Object, policy *metav1.DeletionPropagation) {
	has := slices.DeleteFunc(slices.Clone(o.GetFinalizers()), func(f string) bool {
		return f != metav1.FinalizerOrphanDependents && f != metav1.FinalizerDeleteDependents
	})
	switch {
	case policy == nil && len(has) > 0:
		return
	case policy == nil && KindOf(o) == Job:
		has = []string{metav1.FinalizerOrphanDependents}
	case policy == nil || *policy == metav1.DeletePropagationBackground:
		has = nil
	case *policy == metav1.DeletePropagationOrphan:
		has = []string{metav1.FinalizerOrphanDependents}
	case *policy == metav1.DeletePropagationForeground:
		has = []string{metav1.FinalizerDeleteDependents}
	}
	removeFinalizer(metav1.FinalizerOrphanDependents)(o)
	removeFinalizer(metav1.FinalizerDeleteDependents)(o)
	o.SetFinalizers(append(o.GetFinalizers(), has...))
}

// isInGrace reports whether the kubelet has still to end a deleted pod.
func isInGrace(o client.Object) bool {
	grace := o.GetDeletionGracePeriodSeconds()
	return KindOf(o) == Pod && grace != nil && *grace > 0
}
