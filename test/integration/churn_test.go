// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"fmt"
	"sync"
	"testing"

	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/internal/jsonpatch"
	"haltline.dev/haltline/test/builders"
)

// churners is how many clients change annotations at the same time, each as fast as it can.
const churners = 8

// churn changes annotations of objects until the test ends.
func churn(t *testing.T, objects ...client.Object) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var done sync.WaitGroup
	for c := range churners {
		for _, o := range objects {
			target := o.DeepCopyObject().(client.Object)
			done.Go(func() {
				for i := 0; ctx.Err() == nil; i++ {
					body := fmt.Sprintf(`{"metadata":{"annotations":{"example.com/churn-%d":"%d"}}}`, c, i)
					_ = k8s.Patch(ctx, target, client.RawPatch(types.MergePatchType, []byte(body)))
				}
			})
		}
	}
	t.Cleanup(func() { cancel(); done.Wait() })
}

// Whoever may change annotations cannot keep a stop from being recorded, answered and carried out.
func TestAStopUnderChurn(t *testing.T) {
	execution := startExecution(t)
	churn(t, execution)
	sr := builders.StopAndAbandon(execution)
	createObject(t, sr)
	expectAccepted(t, sr)
	churn(t, sr)
	waitForState(t, execution, v1alpha1.ExecutionStopped)
	waitForStopped(t, sr)
	expectJobs(t, execution, 1)
}

// A test of a patch that fails is a conflict to the operator; what the schema refuses stays what it is.
func TestPatchesWhoseTestFails(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	execution := startExecution(t)
	patch := func(p *jsonpatch.Patch) error {
		target := execution.DeepCopy()
		return jsonpatch.AsConflict(target, k8s.Status().Patch(t.Context(), target, p, client.DryRunAll))
	}
	waitForState(t, execution, v1alpha1.ExecutionInProgress)
	version := execution.Status.Version
	g.Expect(patch(jsonpatch.New(execution).Test("/status/version", version))).To(Succeed())
	g.Expect(apierrors.IsConflict(patch(jsonpatch.New(execution).Test("/status/version", version+1)))).To(BeTrue())
	g.Expect(apierrors.IsConflict(patch(jsonpatch.New(execution).Test("/status/version", 0)))).To(BeTrue())
	g.Expect(apierrors.IsConflict(patch(jsonpatch.New(execution).Test("/status/nothing/here", 1)))).To(BeTrue())
	another := execution.DeepCopy()
	another.UID = "another"
	g.Expect(apierrors.IsConflict(patch(jsonpatch.New(another)))).To(BeTrue())
	err := patch(jsonpatch.New(execution).Set("/status/state", "Paused"))
	g.Expect(apierrors.IsInvalid(err)).To(BeTrue(), "%v", err)
}
