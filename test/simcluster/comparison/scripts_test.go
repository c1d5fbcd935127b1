// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package comparison

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// script is played by the models and by the real controllers. After each step both have to rest in the same state.
type script struct {
	name  string
	steps []step
}

// counts are how much was compared.
type counts struct{ steps, states atomic.Int32 }

// TestModelsActAsTheControllersOfKubernetes plays all scripts at once, since each waits for the cluster most of the time.
//
// Two differences are known, and no script shows them. The real Job controller waits 10 s and more before it replaces a pod that
// failed; the model replaces it at once. The stand-in for the kubelet leaves the phase of a pod as it is when the pod is
// deleted, so how the container of a deleted pod ends is always a step.
func TestModelsActAsTheControllersOfKubernetes(t *testing.T) {
	t.Parallel()
	scripts := allScripts()
	shared := &sentinels{namespace: createNamespace(t)}
	results := make([]error, len(scripts))
	compared := &counts{}
	var all sync.WaitGroup
	for i, script := range scripts {
		ns := createNamespace(t)
		all.Go(func() { results[i] = script.play(t.Context(), ns, shared, compared) })
	}
	all.Wait()
	for i, script := range scripts {
		t.Run(script.name, func(t *testing.T) {
			if results[i] != nil {
				t.Error(results[i])
			}
		})
	}
	t.Logf("%d scripts, %d steps, %d states compared", len(scripts), compared.steps.Load(), compared.states.Load())
}

// play takes one step after the other on both sides, and compares what they lead to, twice.
func (s script) play(ctx context.Context, ns string, shared *sentinels, compared *counts) error {
	agreeing, actual := newSimulations(), realCluster(ns)
	for i, next := range s.steps {
		if err := next.take(ctx, actual, agreeing); err != nil {
			return fmt.Errorf("step %d, %s: %w", i+1, next.what, err)
		}
		state, err := actual.waitForRest(ctx, shared, agreeing)
		if err != nil {
			return fmt.Errorf("step %d, %s: %w", i+1, next.what, err)
		}
		agreeing = slices.DeleteFunc(agreeing, func(m *simulation) bool { return m.state != state })
		compared.steps.Add(1)
		compared.states.Add(2)
	}
	return nil
}

// take does the step in the real cluster and in the simulations, and lets those rest. It returns an error if one of them
// answers differently.
func (s step) take(ctx context.Context, actual *cluster, simulations []*simulation) error {
	want := s.do(ctx, actual)
	for _, simulated := range simulations {
		if got := s.do(ctx, simulated.cluster); !isSameAnswer(got, want) {
			return fmt.Errorf("the models answer %q, and the API server %q", describeError(got), describeError(want))
		}
		if err := simulated.runToRest(ctx); err != nil {
			return err
		}
	}
	return nil
}

// isSameAnswer reports whether both did what was asked, or refused it for the same reason.
func isSameAnswer(a, b error) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	reason := apierrors.ReasonForError(a)
	return reason != metav1.StatusReasonUnknown && reason == apierrors.ReasonForError(b)
}

func describeError(err error) string {
	if err == nil {
		return "done"
	}
	return err.Error()
}
