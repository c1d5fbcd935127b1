// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"testing"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/builders"
)

func TestReapplyingIsANoOp(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	execution := startExecution(t)
	sr := builders.StopAndWait(execution)
	manifest := &unstructured.Unstructured{Object: map[string]any{
		"spec": map[string]any{"pipelineName": "web", "pipelineExecutionId": string(execution.UID), "abandon": false, "reason": builders.StopReason},
	}}
	manifest.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("StopRequest"))
	manifest.SetNamespace(execution.Namespace)
	manifest.SetName("stop")
	apply := func() {
		g.Expect(k8s.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(manifest.DeepCopy()),
			client.FieldOwner("gitops"), client.ForceOwnership)).To(Succeed())
	}
	apply()
	sr.Name, sr.GenerateName = "stop", ""
	expectAccepted(t, sr)
	waitForState(t, execution, v1alpha1.ExecutionStopping)
	before := refreshObject(t, sr).ResourceVersion
	apply()
	g.Expect(refreshObject(t, sr).ResourceVersion).To(Equal(before))

	// Pruned, it changes nothing.
	g.Expect(k8s.Delete(t.Context(), sr)).To(Succeed())
	expectState(t, execution, v1alpha1.ExecutionStopping)
	// Recreated, it is a new request with its own verdict.
	apply()
	expectVerdict(t, sr, v1alpha1.ReasonDuplicatedStopRequest)
}
