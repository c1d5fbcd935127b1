// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/builders"
)

func TestWhoStartedIsStampedAndKept(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := createNamespace(t)
	alice, bob := clientOfMember(t, ns, "alice", "edit"), clientOfMember(t, ns, "bob", "edit")
	for _, claimed := range []string{"", "alice"} {
		execution := builders.Execution(ns, "web")
		execution.Spec.StartedBy = claimed
		g.Expect(alice.Create(t.Context(), execution)).To(Succeed())
		g.Expect(execution.Spec.StartedBy).To(Equal("alice"))
	}
	execution := builders.Execution(ns, "web")
	g.Expect(alice.Create(t.Context(), execution)).To(Succeed())
	waitForState(t, execution, v1alpha1.ExecutionInProgress)

	expectForbidden(g, bob.Update(t.Context(), refreshObject(t, execution)), "cannot update resource")
	bob, err := cluster.ClientAs("bob", "system:masters")
	g.Expect(err).NotTo(HaveOccurred())
	// A manifest without startedBy replaces the object, and changes nothing. Nobody becomes the one who started it later.
	startedBy := func(name string) func(*v1alpha1.PipelineExecution) {
		return func(execution *v1alpha1.PipelineExecution) { execution.Spec.StartedBy = name }
	}
	g.Expect(replaceAs(t, bob, execution, startedBy(""))).To(Succeed())
	g.Expect(execution.Spec.StartedBy).To(Equal("alice"))
	for _, other := range []string{"mallory", "bob"} {
		g.Expect(replaceAs(t, bob, execution, startedBy(other))).To(MatchError(
			And(ContainSubstring("spec.startedBy: Invalid value: "), ContainSubstring("startedBy is immutable"))))
	}
	g.Expect(refreshObject(t, execution).Spec.StartedBy).To(Equal("alice"))
}

func TestWithoutAMutatingPolicyAnExecutionIsUnstampedAndUnforged(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := createUnstampedNamespace(t)
	alice := clientOfMember(t, ns, "alice", "edit")
	tryAs := func(starter string) (string, error) {
		execution := builders.Execution(ns, "web")
		execution.Spec.StartedBy = starter
		err := alice.Create(t.Context(), execution, client.DryRunAll)
		return execution.Spec.StartedBy, err
	}
	_, err := tryAs("mallory")
	g.Expect(apierrors.IsForbidden(err)).To(BeTrue(), "%v", err)
	g.Expect(err).To(MatchError(ContainSubstring("spec.startedBy: must be left out, or be alice, who creates the execution")))
	g.Expect(tryAs("alice")).To(Equal("alice"))
	g.Expect(tryAs("")).To(BeEmpty())
}

// The fields have at most 256 characters. A user's name can be longer.
func TestALongNameOfAUserIsCut(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	stamped, unstamped := createNamespace(t), createUnstampedNamespace(t)
	const limit = 256
	for _, length := range []int{limit, limit + 1, 2 * limit} {
		user, err := cluster.ClientAs(strings.Repeat("é", length), "system:masters")
		g.Expect(err).NotTo(HaveOccurred())
		cut := strings.Repeat("é", limit)
		sr, execution := builders.StopRequest(stamped, "web", builders.UnknownID), builders.Execution(stamped, "web")
		g.Expect(user.Create(t.Context(), sr, client.DryRunAll)).To(Succeed())
		g.Expect(user.Create(t.Context(), execution, client.DryRunAll)).To(Succeed())
		g.Expect(sr.Spec.RequestedBy).To(Equal(cut))
		g.Expect(execution.Spec.StartedBy).To(Equal(cut))

		// Without the mutating policy the same name is accepted.
		sr, execution = builders.StopRequest(unstamped, "web", builders.UnknownID), builders.Execution(unstamped, "web")
		sr.Spec.RequestedBy, execution.Spec.StartedBy = cut, cut
		g.Expect(user.Create(t.Context(), sr, client.DryRunAll)).To(Succeed())
		g.Expect(user.Create(t.Context(), execution, client.DryRunAll)).To(Succeed())
	}
}

// Whoever gives out the names of users can put anything into them.
func TestControlCharactersOfAUsersNameAreSpaces(t *testing.T) {
	t.Parallel()
	ns, unstamped := createNamespace(t), createUnstampedNamespace(t)
	user, err := cluster.ClientAs("bob\u009b31m\ttab\u202eénd", "system:masters")
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	const shown = "bob 31m tab énd"
	for field, good := range userFields {
		t.Run(field, func(t *testing.T) {
			g := NewWithT(t)
			object := good(ns)
			g.Expect(user.Create(t.Context(), object, client.DryRunAll)).To(Succeed())
			g.Expect(userOf(t, object, field)).To(Equal(shown))
			object = good(unstamped)
			setField(object.Object, "spec."+field, shown)
			g.Expect(user.Create(t.Context(), object, client.DryRunAll)).To(Succeed())
		})
	}
}
