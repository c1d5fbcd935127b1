// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"fmt"
	"slices"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
)

// realSide plays a script on the cluster.
func realSide(ns string) *modelSide {
	s := newSide(k8s, ns)
	s.setPhase = func(ctx context.Context, pod *corev1.Pod, phase corev1.PodPhase) error {
		return setPhase(ctx, pod, phase, map[corev1.PodPhase]int32{corev1.PodFailed: 1}[phase])
	}
	s.letGo = func(ctx context.Context, pod *corev1.Pod) error {
		return client.IgnoreNotFound(k8s.Delete(ctx, pod, client.GracePeriodSeconds(0), client.Preconditions{UID: &pod.UID}))
	}
	s.terminate = func(ctx context.Context) error {
		return k8s.Delete(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ns}})
	}
	s.awaited = func(ctx context.Context, o client.Object) error {
		return poll(ctx, tick, func() (bool, error) {
			err := k8s.Get(ctx, client.ObjectKeyFromObject(o), o)
			return seen(o), err
		})
	}
	return s
}

// comesToRest waits until the cluster is as one of the models is, and then until its controllers have dealt with what came
// later, to see that it stays so. It returns what the cluster has come to.
func (s *modelSide) comesToRest(ctx context.Context, after *sentinels, agreed []*model) (last string, err error) {
	agrees := func() (bool, error) {
		var err error
		last, err = s.observe(ctx)
		return slices.ContainsFunc(agreed, func(m *model) bool { return m.at == last }), err
	}
	if err := poll(ctx, 10*tick, agrees); err != nil {
		return "", fmt.Errorf("%w; the models come to\n%s\nand the cluster to\n%s", err, agreed[0].at, last)
	}
	if err := after.await(ctx); err != nil {
		return "", err
	}
	still, err := agrees()
	if err == nil && !still {
		err = fmt.Errorf("the cluster was as the models are, and went on; the models rest at\n%s\nthe cluster is at\n%s", agreed[0].at, last)
	}
	return last, err
}

// seen reports whether an object has the status that its controller gives it, where it has one: the Job is a suspended one, and
// the Pipeline of the execution is not there.
func seen(o client.Object) bool {
	switch t := o.(type) {
	case *batchv1.Job:
		return len(t.Status.Conditions) > 0
	case *v1alpha1.PipelineExecution:
		return t.Status.ObservedGeneration == t.Generation && t.Status.State != ""
	}
	return true
}

func poll(ctx context.Context, every time.Duration, done func() (bool, error)) error {
	return wait.PollUntilContextTimeout(ctx, every, patience, true, func(context.Context) (bool, error) { return done() })
}
