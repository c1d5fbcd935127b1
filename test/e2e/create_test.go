// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"encoding/json"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/builders"
)

// What containers run. Each prints that it starts, and that it is done.
const (
	// scriptSucceeds ends at once.
	scriptSucceeds = `echo "$HALTLINE_ACTION starts"; echo "$HALTLINE_ACTION is done"`
	// scriptSucceedsLate ends by itself, long enough after its start for a stop to come first.
	scriptSucceedsLate = `trap 'echo "$HALTLINE_ACTION was told to end"; exit 143' TERM
		echo "$HALTLINE_ACTION starts"; sleep 12 & wait $!; echo "$HALTLINE_ACTION is done"`
	// scriptFails ends by itself as well, with an error.
	scriptFails = `echo "$HALTLINE_ACTION starts"; sleep 8; echo "$HALTLINE_ACTION gives up"; exit 1`
	// scriptCleansUp runs until it gets SIGTERM, and then needs a few seconds.
	scriptCleansUp = `trap 'echo "$HALTLINE_ACTION was told to end"; sleep 4; echo "$HALTLINE_ACTION has cleaned up"; exit 0' TERM
		echo "$HALTLINE_ACTION starts"; sleep 3600 & wait $!; echo "$HALTLINE_ACTION is done"`
	// scriptIgnoresTerm runs until it is killed.
	scriptIgnoresTerm = `trap '' TERM; echo "$HALTLINE_ACTION starts"; sleep 3600; echo "$HALTLINE_ACTION is done"`
)

// createNamespace creates a namespace for a test, under the restricted pod security standard. At the end of the test it is
// deleted, whatever runs in it, and has to go.
func createNamespace(t *testing.T) string {
	t.Helper()
	ns := createObject(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		GenerateName: "e2e-", Labels: map[string]string{"pod-security.kubernetes.io/enforce": "restricted"},
	}})
	t.Cleanup(func() {
		ctx := context.Background()
		if t.Failed() {
			logNamespace(ctx, t, ns.Name)
		}
		g := NewWithT(t)
		g.Expect(k8s.Delete(ctx, ns)).To(Succeed())
		g.Eventually(func() bool {
			return apierrors.IsNotFound(k8s.Get(ctx, client.ObjectKeyFromObject(ns), ns))
		}, timeout, interval).Should(BeTrue(), func() string { return "namespace " + ns.Name + " is still there: " + marshalJSON(ns.Status) })
	})
	return ns.Name
}

// createObject creates an object and returns it.
func createObject[T client.Object](t *testing.T, object T) T {
	t.Helper()
	NewWithT(t).Expect(k8s.Create(t.Context(), object)).To(Succeed())
	return object
}

// createPipeline creates a Pipeline with the name "web".
func createPipeline(t *testing.T, ns string, stages ...v1alpha1.Stage) {
	t.Helper()
	createObject(t, builders.Pipeline(ns, "web", stages...))
}

func createExecution(t *testing.T, ns string, variables ...v1alpha1.Variable) *v1alpha1.PipelineExecution {
	t.Helper()
	return createObject(t, builders.Execution(ns, "web", variables...))
}

// newAction returns an action that runs a script. Its containers have a minute to end.
func newAction(name, script string, options ...builders.ActionOption) v1alpha1.Action {
	return builders.Action(name, append([]builders.ActionOption{builders.Script(script), builders.GraceSeconds(60)}, options...)...)
}

func marshalJSON(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(raw)
}
