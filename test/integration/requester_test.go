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

func TestWhoAskedIsStampedAndKept(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	execution := startExecution(t)
	alice := clientOfMember(t, execution.Namespace, "alice", "admin")
	sr := builders.StopAndWait(execution)
	g.Expect(alice.Create(t.Context(), sr)).To(Succeed())
	g.Expect(sr.Spec.RequestedBy).To(Equal("alice"))
	expectAccepted(t, sr)

	record := refreshObject(t, execution).Status.Stop.Requests[0]
	g.Expect(record.RequestedBy).To(Equal("alice"))
	g.Expect(record.Reason).To(Equal(builders.StopReason))
	g.Expect(record.AcceptedTime.IsZero()).To(BeFalse())
	c := findCondition(execution, v1alpha1.ConditionStopping)
	g.Expect(c.Message).To(And(ContainSubstring("alice"), ContainSubstring(builders.StopReason), ContainSubstring("Build/compile")))

	// A manifest without requestedBy replaces the object, and changes nothing. The role admin may not replace it.
	expectForbidden(g, alice.Update(t.Context(), refreshObject(t, sr)), "cannot update resource")
	alice, err := cluster.ClientAs("alice", "system:masters")
	g.Expect(err).NotTo(HaveOccurred())
	requestedBy := func(name string) func(*v1alpha1.StopRequest) {
		return func(sr *v1alpha1.StopRequest) { sr.Spec.RequestedBy = name }
	}
	g.Expect(replaceAs(t, alice, sr, requestedBy(""))).To(Succeed())
	g.Expect(sr.Spec.RequestedBy).To(Equal("alice"))
	g.Expect(replaceAs(t, alice, sr, requestedBy("mallory"))).To(MatchError(ContainSubstring("requestedBy is immutable")))
}

func TestWithoutAMutatingPolicyARequestIsUnstampedAndUnforged(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	execution := startExecution(t)
	labelNamespace(t, execution.Namespace, labelUnstamped)
	alice := clientOfMember(t, execution.Namespace, "alice", "admin")
	ask := func(requester string) error {
		sr := builders.StopAndWait(execution)
		sr.Spec.RequestedBy = requester
		return alice.Create(t.Context(), sr, client.DryRunAll)
	}
	g.Eventually(func() error { return ask("mallory") }, timeout, interval).Should(MatchError(
		And(ContainSubstring("spec.requestedBy"), ContainSubstring("alice"))))
	g.Expect(ask("alice")).To(Succeed())

	sr := builders.StopAndWait(execution)
	g.Expect(alice.Create(t.Context(), sr)).To(Succeed())
	g.Expect(sr.Spec.RequestedBy).To(BeEmpty())
	expectAccepted(t, sr)
}
