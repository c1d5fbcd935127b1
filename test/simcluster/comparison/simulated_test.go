// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package comparison

import (
	"context"
	"errors"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/test/simcluster"
)

// simulation plays a script with the models.
type simulation struct {
	*cluster
	store *simcluster.Store
	// controllers each take a step if there is one to take, and report whether there was.
	controllers []func(*simcluster.Store) bool
	// state is where it rests.
	state string
}

// newSimulations returns two simulations. In one the Job controller is faster than the garbage collector, in the other it is
// slower. Whether a pod that still runs counts as failed when its Job is deleted in the foreground depends on that. The cluster
// has to agree with one of them through a whole script.
func newSimulations() []*simulation {
	jobs, garbage := simcluster.StepJobs, simcluster.StepGarbage
	return []*simulation{newSimulation(jobs, garbage), newSimulation(garbage, jobs)}
}

func newSimulation(first, second func(*simcluster.Store) bool) *simulation {
	store := simcluster.NewStore()
	return &simulation{
		cluster: simulatedCluster(store), store: store,
		controllers: []func(*simcluster.Store) bool{first, second, simcluster.StepNamespace, simcluster.StepPods},
	}
}

// runToRest lets the models do what there is to do, and records where that leads.
func (s *simulation) runToRest(ctx context.Context) (err error) {
	// No script needs as many steps.
	for range 1000 {
		if !slices.ContainsFunc(s.controllers, func(step func(*simcluster.Store) bool) bool { return step(s.store) }) {
			s.state, err = s.describeNamespace(ctx)
			return err
		}
	}
	return errors.New("the models do not come to rest")
}

// simulatedCluster plays a script in a simulated cluster.
func simulatedCluster(store *simcluster.Store) *cluster {
	editPod := func(pod *corev1.Pod, edit func(*corev1.Pod)) error {
		store.Mutate(simcluster.Pod, client.ObjectKeyFromObject(pod), func(o client.Object) { edit(o.(*corev1.Pod)) })
		return nil
	}
	c := newCluster(simcluster.NewClient(store), "models")
	c.setPodPhase = func(_ context.Context, pod *corev1.Pod, phase corev1.PodPhase) error {
		return editPod(pod, func(stored *corev1.Pod) { stored.Status.Phase = phase })
	}
	c.killPod = func(_ context.Context, pod *corev1.Pod) error {
		return editPod(pod, func(stored *corev1.Pod) { delete(stored.Annotations, simcluster.AnnotationHoldGrace) })
	}
	c.deleteNamespace = func(context.Context) error {
		store.Terminating = true
		return nil
	}
	c.waitForStatus = func(context.Context, client.Object) error { return nil }
	return c
}
