// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package comparison

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
)

// realCluster plays a script in a namespace of the real API server.
func realCluster(ns string) *cluster {
	c := newCluster(kubernetes.Client, ns)
	c.setPodPhase, c.killPod = kubernetes.SetPodPhase, kubernetes.KillPod
	c.deleteNamespace = func(ctx context.Context) error {
		return kubernetes.Client.Delete(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ns}})
	}
	c.waitForStatus = func(ctx context.Context, object client.Object) error {
		return pollUntil(ctx, tick, func() (bool, error) {
			err := kubernetes.Client.Get(ctx, client.ObjectKeyFromObject(object), object)
			return hasInitialStatus(object), err
		})
	}
	return c
}

// hasInitialStatus reports whether the controller of an object has written its first status. Only Jobs have a controller here.
func hasInitialStatus(object client.Object) bool {
	job, ok := object.(*batchv1.Job)
	return !ok || len(job.Status.Conditions) > 0
}

// waitForRest waits until the cluster is in the state of one of the simulations, and then until its controllers have dealt with
// what came later, to see that the state stays. It returns that state.
func (c *cluster) waitForRest(ctx context.Context, shared *sentinels, simulations []*simulation) (state string, err error) {
	isAgreed := func() (bool, error) {
		var err error
		state, err = c.describeNamespace(ctx)
		return slices.ContainsFunc(simulations, func(s *simulation) bool { return s.state == state }), err
	}
	if err := pollUntil(ctx, slowTick, isAgreed); err != nil {
		return "", fmt.Errorf("%w; the models rest at\n%s\nand the cluster at\n%s", err, simulations[0].state, state)
	}
	if err := shared.await(ctx); err != nil {
		return "", err
	}
	agreed, err := isAgreed()
	if err == nil && !agreed {
		err = fmt.Errorf("the cluster was where the models are, and went on; the models rest at\n%s\nthe cluster is at\n%s",
			simulations[0].state, state)
	}
	return state, err
}

func pollUntil(ctx context.Context, every time.Duration, done func() (bool, error)) error {
	return wait.PollUntilContextTimeout(ctx, every, patience, true, func(context.Context) (bool, error) { return done() })
}
