// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"testing"

	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/builders"
)

// createUndecidedRequest returns a request of a user that stays without a verdict: a quota keeps the start from being fenced.
func createUndecidedRequest(t *testing.T, asRole func(ns string) client.Client) *v1alpha1.StopRequest {
	t.Helper()
	execution, _ := startBlockedByQuota(t)
	sr := builders.StopAndWait(execution)
	NewWithT(t).Expect(asRole(execution.Namespace).Create(t.Context(), sr)).To(Succeed())
	expectNotReady(t, execution, v1alpha1.ReasonFencing)
	NewWithT(t).Expect(findCondition(refreshObject(t, sr), v1alpha1.ConditionAccepted)).To(Or(BeNil(), HaveField("Status", BeEquivalentTo("Unknown"))))
	return sr
}

// A stop that is taken back before it has a verdict might as well never have been asked for.
func TestWhoMayDeleteARequestWithoutVerdict(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	sr := createUndecidedRequest(t, func(ns string) client.Client { return clientOfMember(t, ns, "alice", "edit") })
	alice, err := cluster.ClientAs("alice")
	g.Expect(err).NotTo(HaveOccurred())
	editor, owner := clientOfMember(t, sr.Namespace, "editor", "edit"), clientOfMember(t, sr.Namespace, "owner", "admin")
	const refused = "the request has no verdict yet, so only alice, who made it, or a user with the verb \"abandon\""
	expectForbidden(g, editor.Delete(t.Context(), sr), refused)
	expectForbidden(g, editor.DeleteAllOf(t.Context(), &v1alpha1.StopRequest{}, client.InNamespace(sr.Namespace)), refused)
	for name, c := range map[string]client.Client{"who may abandon": owner, "who made it": alice} {
		g.Expect(c.Delete(t.Context(), sr.DeepCopy(), client.DryRunAll)).To(Succeed(), name)
	}
	g.Expect(alice.Delete(t.Context(), sr)).To(Succeed())
	waitUntilGone(t, sr)
}

func TestARequestWithAVerdictIsDeletedByAnEditor(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	sr := createObject(t, builders.StopRequest(createNamespace(t), "web", builders.UnknownID))
	expectVerdict(t, sr, v1alpha1.ReasonPipelineNotFound)
	g.Expect(clientOfMember(t, sr.Namespace, "editor", "edit").Delete(t.Context(), sr)).To(Succeed())
	waitUntilGone(t, sr)
}

// The controllers of Kubernetes delete what nobody has decided.
func TestANamespaceWithARequestWithoutVerdictEnds(t *testing.T) {
	t.Parallel()
	sr := createUndecidedRequest(t, func(ns string) client.Client { return clientOfMember(t, ns, "alice", "edit") })
	waitUntilGone(t, deleteNamespace(t, sr.Namespace))
}
