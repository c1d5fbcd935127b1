// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/builders"
)

// fillLabels adds labels to an object until the API server takes no more, and returns their names.
func fillLabels(t *testing.T, o client.Object) []string {
	t.Helper()
	var names []string
	// Each label has about 320 bytes. Where many are too many, few may not be.
	for batch := 1024; batch > 0; {
		labels := map[string]string{}
		for i := range batch {
			labels[fmt.Sprintf("%s.%d.%s/a", strings.Repeat("a", 60), len(names)+i, strings.Repeat("b", 60))] = strings.Repeat("c", 63)
		}
		patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"labels": labels}})
		NewWithT(t).Expect(err).NotTo(HaveOccurred())
		if k8s.Patch(t.Context(), o, client.RawPatch(types.MergePatchType, patch)) != nil {
			batch /= 2
			continue
		}
		for name := range labels {
			names = append(names, name)
		}
	}
	return names
}

// An execution that is filled up to the limit of etcd cannot record a stop. The request and an event say so, and once there is room it
// stops. The policy that keeps people from doing that is left out here.
func TestAStopThatCannotBeRecordedSaysSo(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := createUncheckedNamespace(t)
	execution := createExecution(t, ns, "no-such-pipeline")
	expectNotReady(t, execution, v1alpha1.ReasonWaitingForPipeline)
	names := fillLabels(t, execution)
	sr := createObject(t, builders.StopAndWait(execution))
	g.Eventually(func(g Gomega) {
		g.Expect(k8s.Get(t.Context(), client.ObjectKeyFromObject(sr), sr)).To(Succeed())
		c := meta.FindStatusCondition(sr.Status.Conditions, v1alpha1.ConditionReconciling)
		g.Expect(c).NotTo(BeNil())
		g.Expect(c.Reason).To(Equal(v1alpha1.ReasonStopBlocked))
		g.Expect(c.Message).To(And(ContainSubstring(execution.Name), ContainSubstring("too large"), ContainSubstring("remove")))
	}, timeout, interval).Should(Succeed())
	expectListedAsUnanswered(t, sr)

	removals := map[string]any{}
	for _, name := range names {
		removals[name] = nil
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"labels": removals}})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(k8s.Patch(t.Context(), execution, client.RawPatch(types.MergePatchType, patch))).To(Succeed())
	waitForState(t, execution, v1alpha1.ExecutionStopped)
	expectAccepted(t, sr)
}
