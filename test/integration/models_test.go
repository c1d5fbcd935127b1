// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// modelScript is played by the models of the explorer and by the real controllers. After each act both have to come to rest,
// at the same.
type modelScript struct {
	name string
	acts []modelAct
}

// What scripts patch Jobs and pods with, and how pods end.
const (
	suspend = `{"spec":{"suspend":true}}`
	resume  = `{"spec":{"suspend":false}}`
	stop    = `{"spec":{"suspend":true,"parallelism":0}}`
	release = `{"metadata":{"finalizers":null}}`
	disown  = `{"metadata":{"ownerReferences":null}}`
	unlabel = `{"metadata":{"labels":{"batch.kubernetes.io/controller-uid":null}}}`
	relabel = `{"metadata":{"labels":{"batch.kubernetes.io/controller-uid":"$uid"}}}`
	touch   = `{"metadata":{"labels":{"a":"b"},"annotations":{"a":"b"}}}`

	ended  = corev1.PodSucceeded
	broken = corev1.PodFailed
)

// TestModels plays all scripts at once: most of the time each waits for the cluster.
//
// What no script tells, since it is not the same: the real Job controller waits 10 s and more before it replaces a pod that
// failed, where the model does so at once; and their kubelets differ, in that the real one's stand-in leaves the phase of a
// pod as it is when the pod is deleted, so that what a container of a deleted pod comes to is always an act.
func TestModels(t *testing.T) {
	t.Parallel()
	scripts := modelScripts()
	after := &sentinels{namespace: namespace(t)}
	results := make([]error, len(scripts))
	var compared, acts atomic.Int32
	var all sync.WaitGroup
	for i, script := range scripts {
		ns := namespace(t)
		all.Go(func() { results[i] = script.play(t.Context(), ns, after, &acts, &compared) })
	}
	all.Wait()
	for i, script := range scripts {
		t.Run(script.name, func(t *testing.T) {
			if results[i] != nil {
				t.Error(results[i])
			}
		})
	}
	t.Logf("%d scripts, %d acts, %d observations compared", len(scripts), acts.Load(), compared.Load())
}

// play does one act after the other on both sides, and compares what comes of it, twice.
func (m modelScript) play(ctx context.Context, ns string, after *sentinels, acts, compared *atomic.Int32) error {
	agreed, cluster := models(), realSide(ns)
	for i, act := range m.acts {
		acts.Add(1)
		answered := act.do(ctx, cluster)
		for _, model := range agreed {
			if told := act.do(ctx, model.modelSide); !alike(told, answered) {
				return fmt.Errorf("act %d, %s: the models answer %q, and the API server %q", i+1, act.what, answer(told), answer(answered))
			}
			if err := model.settle(ctx); err != nil {
				return fmt.Errorf("act %d, %s: %w", i+1, act.what, err)
			}
		}
		came, err := cluster.comesToRest(ctx, after, agreed)
		if err != nil {
			return fmt.Errorf("act %d, %s: %w", i+1, act.what, err)
		}
		agreed = slices.DeleteFunc(agreed, func(m *model) bool { return m.at != came })
		compared.Add(2)
	}
	return nil
}

// alike reports whether both did what was asked, or refused it for the same reason.
func alike(a, b error) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	reason := apierrors.ReasonForError(a)
	return reason != metav1.StatusReasonUnknown && reason == apierrors.ReasonForError(b)
}

func answer(err error) string {
	if err == nil {
		return "done"
	}
	return err.Error()
}
