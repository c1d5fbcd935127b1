// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"errors"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/test/simcluster"
)

// model is a run of a script by the models of the explorer.
type model struct {
	*modelSide
	store *simcluster.Store
	steps []func(*simcluster.Store) bool
	// at is what it has come to.
	at string
}

// models are runs in which the Job controller is faster than the garbage collector, and the other way round: where a Job is
// deleted in the foreground, a pod that still runs counts as failed or does not, as it happens. The cluster has to agree with
// one of them all through a script.
func models() []*model {
	jobsFirst := []func(*simcluster.Store) bool{simcluster.StepJobs, simcluster.StepGarbage, simcluster.StepNamespace, simcluster.StepPods}
	garbageFirst := []func(*simcluster.Store) bool{simcluster.StepGarbage, simcluster.StepJobs, simcluster.StepNamespace, simcluster.StepPods}
	var all []*model
	for _, steps := range [][]func(*simcluster.Store) bool{jobsFirst, garbageFirst} {
		store := simcluster.NewStore()
		all = append(all, &model{modelSide: worldSide(store), store: store, steps: steps})
	}
	return all
}

// settle lets the models do what there is to do, and looks at what came of it. None of the scripts asks for as many steps.
func (m *model) settle(ctx context.Context) (err error) {
	for range 1000 {
		if !slices.ContainsFunc(m.steps, func(step func(*simcluster.Store) bool) bool { return step(m.store) }) {
			m.at, err = m.observe(ctx)
			return err
		}
	}
	return errors.New("the models do not come to rest")
}

// worldSide plays a script with the models of the explorer.
func worldSide(store *simcluster.Store) *modelSide {
	mutate := func(pod *corev1.Pod, change func(*corev1.Pod)) error {
		store.Mutate(simcluster.Pod, client.ObjectKeyFromObject(pod), func(o client.Object) { change(o.(*corev1.Pod)) })
		return nil
	}
	s := newSide(simcluster.NewClient(store), "models")
	s.setPhase = func(_ context.Context, pod *corev1.Pod, phase corev1.PodPhase) error {
		return mutate(pod, func(p *corev1.Pod) { p.Status.Phase = phase })
	}
	s.letGo = func(_ context.Context, pod *corev1.Pod) error {
		return mutate(pod, func(p *corev1.Pod) { delete(p.Annotations, simcluster.AnnotationHoldGrace) })
	}
	s.terminate = func(context.Context) error {
		store.Terminating = true
		return nil
	}
	s.awaited = func(context.Context, client.Object) error { return nil }
	return s
}
