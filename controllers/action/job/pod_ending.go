// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package job

import (
	"fmt"
	"slices"
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"haltline.dev/haltline/api/v1alpha1"
)

// endingSlack is how long after its grace period a pod may still be there on a healthy node: the kubelet ends its containers
// when the period is over, and removes the pod a little later.
const endingSlack = 10 * time.Second

// whyNotEnded returns why a pod that was deleted is still there.
func whyNotEnded(pod *corev1.Pod, now metav1.Time) cause {
	if now.Sub(pod.DeletionTimestamp.Time) <= endingSlack {
		return cause{v1alpha1.ReasonInGracePeriod, fmt.Sprintf("Pod %q is in its grace period, until %s.", pod.Name, formatTime(pod.DeletionTimestamp))}
	}
	foreign := slices.DeleteFunc(slices.Clone(pod.Finalizers), func(f string) bool { return f == batchv1.JobTrackingFinalizer })
	if len(foreign) > 0 {
		return cause{v1alpha1.ReasonPodFinalizer, fmt.Sprintf("Pod %q should have ended at %s; its finalizers must be removed by whoever "+
			"set them: %s.", pod.Name, formatTime(pod.DeletionTimestamp), strings.Join(foreign, ", "))}
	}
	return cause{v1alpha1.ReasonPodNotEnding, fmt.Sprintf("Pod %q should have ended at %s and has not.", pod.Name, formatTime(pod.DeletionTimestamp))}
}
