// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/test/builders"
)

// ends tells endPods how the pods of actions end: by namespace, and there by the name of the action. What is not told runs on.
var ends = &endings{phases: map[string]map[string]corev1.PodPhase{}}

type endings struct {
	lock   sync.Mutex
	phases map[string]map[string]corev1.PodPhase
}

// set lets the pods of some actions end in a phase, those that run and those that come.
func (e *endings) set(namespace string, phase corev1.PodPhase, actions ...string) {
	e.lock.Lock()
	defer e.lock.Unlock()
	if e.phases[namespace] == nil {
		e.phases[namespace] = map[string]corev1.PodPhase{}
	}
	for _, action := range actions {
		e.phases[namespace][action] = phase
	}
}

func (e *endings) of(pod *corev1.Pod) (corev1.PodPhase, bool) {
	e.lock.Lock()
	defer e.lock.Unlock()
	phase, told := e.phases[pod.Namespace][pod.Labels[builders.LabelAction]]
	return phase, told
}

// endPods ends pods that run as ends tells it.
func endPods(ctx context.Context) {
	for ticker := time.NewTicker(interval); ctx.Err() == nil; <-ticker.C {
		list := &corev1.PodList{}
		if err := cluster.Client.List(ctx, list, client.HasLabels{builders.LabelAction}); err != nil {
			continue
		}
		for i := range list.Items {
			pod := &list.Items[i]
			if phase, told := ends.of(pod); told && pod.Status.Phase == corev1.PodRunning && pod.DeletionTimestamp == nil {
				_ = cluster.SetPodPhase(ctx, pod, phase) // The next look tries again.
			}
		}
	}
}
