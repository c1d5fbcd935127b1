// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
)

// as returns a client that acts as a user, with the groups of any authenticated user and those given.
func as(user string, groups ...string) (client.Client, error) {
	c := rest.CopyConfig(cfg)
	c.Impersonate = rest.ImpersonationConfig{UserName: user, Groups: append(groups, "system:authenticated")}
	return client.New(c, client.Options{Scheme: scheme})
}

// member returns a client of a user who has one of the cluster's own roles in a namespace.
func member(t *testing.T, ns, user, role string) client.Client {
	t.Helper()
	g := NewWithT(t)
	g.Expect(k8s.Create(t.Context(), &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: user},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: user}},
	})).To(Succeed())
	c, err := as(user)
	g.Expect(err).NotTo(HaveOccurred())
	g.Eventually(func() error { return c.List(t.Context(), &v1alpha1.StopRequestList{}, client.InNamespace(ns)) }, patience, tick).
		Should(Succeed(), "the role %s has not been aggregated", role)
	return c
}

// escalating is a request to wait, and to abandon after an hour.
func escalating(e *v1alpha1.PipelineExecution) *v1alpha1.StopRequest {
	r := stopRequest(e.Namespace, e.Spec.PipelineName, string(e.UID), false)
	r.Spec.EscalateAfterSeconds = ptr.To[int64](3600)
	return r
}

func TestWhoMayStopAndWhoMayAbandon(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	e := started(t)
	wait := func() *v1alpha1.StopRequest { return stopRequest(e.Namespace, "web", string(e.UID), false) }
	abandon := func() *v1alpha1.StopRequest { return stopRequest(e.Namespace, "web", string(e.UID), true) }
	creator := &rbacv1.ClusterRole{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "test-creator-"},
		Rules:      []rbacv1.PolicyRule{{APIGroups: []string{v1alpha1.GroupVersion.Group}, Resources: []string{"stoprequests"}, Verbs: []string{"create", "list"}}},
	}
	g.Expect(k8s.Create(t.Context(), creator)).To(Succeed())
	t.Cleanup(func() { _ = k8s.Delete(context.Background(), creator) })

	for _, c := range []struct {
		user, role string
		request    *v1alpha1.StopRequest
		refusal    string
	}{
		{"viewer", "view", wait(), "cannot create resource"},
		{"creator", creator.Name, wait(), "user creator lacks the verb \"stop\" on pipelineexecutions.pipelines.haltline.dev in namespace " + e.Namespace},
		{"creator", creator.Name, abandon(), "lacks the verb \"abandon\""},
		{"editor", "edit", abandon(), "user editor lacks the verb \"abandon\""},
		{"editor", "edit", escalating(e), "lacks the verb \"abandon\""},
		{"editor", "edit", wait(), ""},
		{"owner", "admin", escalating(e), ""},
		{"owner", "admin", abandon(), ""},
	} {
		user, err := as(c.user)
		g.Expect(err).NotTo(HaveOccurred())
		binding := &rbacv1.RoleBinding{}
		if err := k8s.Get(t.Context(), client.ObjectKey{Namespace: e.Namespace, Name: c.user}, binding); err != nil {
			user = member(t, e.Namespace, c.user, c.role)
		}
		err = user.Create(t.Context(), c.request, client.DryRunAll)
		if c.refusal == "" {
			g.Expect(err).NotTo(HaveOccurred(), c.user)
			continue
		}
		g.Expect(apierrors.IsForbidden(err)).To(BeTrue(), "%s: %v", c.user, err)
		g.Expect(err).To(MatchError(ContainSubstring(c.refusal)))
	}
}

func TestWhoAskedIsStampedAndKept(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	e := started(t)
	alice := member(t, e.Namespace, "alice", "admin")
	r := stopRequest(e.Namespace, "web", string(e.UID), false)
	r.Spec.RequestedBy = "mallory"
	g.Expect(alice.Create(t.Context(), r)).To(Succeed())
	g.Expect(r.Spec.RequestedBy).To(Equal("alice"))
	g.Expect(verdict(t, r)).To(Equal(v1alpha1.ReasonAccepted))

	record := refresh(t, e).Status.Stop.Requests[0]
	g.Expect(record.RequestedBy).To(Equal("alice"))
	g.Expect(record.Reason).To(Equal("a test"))
	g.Expect(record.AcceptedTime.IsZero()).To(BeFalse())
	c := meta.FindStatusCondition(e.Status.Conditions, v1alpha1.ConditionStopping)
	g.Expect(c.Message).To(And(ContainSubstring("alice"), ContainSubstring("a test"), ContainSubstring("Build/compile")))

	// A manifest that does not say who asked replaces the object and changes nothing.
	replaced := refresh(t, r)
	replaced.Spec.RequestedBy = ""
	g.Expect(alice.Update(t.Context(), replaced)).To(Succeed())
	g.Expect(replaced.Spec.RequestedBy).To(Equal("alice"))
	replaced.Spec.RequestedBy = "mallory"
	g.Expect(alice.Update(t.Context(), replaced)).To(MatchError(ContainSubstring("requestedBy is immutable")))
}

func TestWithoutAMutatingPolicyARequestIsUnstampedAndUnforged(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	e := started(t)
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: e.Namespace}}
	g.Expect(k8s.Patch(t.Context(), refresh(t, ns), client.RawPatch("application/merge-patch+json",
		[]byte(`{"metadata":{"labels":{"`+labelUnstamped+`":"true"}}}`)))).To(Succeed())
	alice := member(t, e.Namespace, "alice", "admin")
	ask := func(requester string) error {
		r := stopRequest(e.Namespace, "web", string(e.UID), false)
		r.Spec.RequestedBy = requester
		return alice.Create(t.Context(), r, client.DryRunAll)
	}
	g.Eventually(func() error { return ask("mallory") }, patience, tick).Should(MatchError(
		And(ContainSubstring("spec.requestedBy"), ContainSubstring("alice"))))
	g.Expect(ask("alice")).To(Succeed())

	r := stopRequest(e.Namespace, "web", string(e.UID), false)
	g.Expect(alice.Create(t.Context(), r)).To(Succeed())
	g.Expect(r.Spec.RequestedBy).To(BeEmpty())
	g.Expect(verdict(t, r)).To(Equal(v1alpha1.ReasonAccepted))
}

// Only the operator may write a status.
func TestAnEditorCannotForgeAVerdict(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	e := started(t)
	editor := member(t, e.Namespace, "editor", "edit")
	forged := metav1.Condition{Type: v1alpha1.ConditionAccepted, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonAccepted,
		LastTransitionTime: metav1.Now()}
	r := stopRequest(e.Namespace, "unknown", unknownID, false)
	r.Status.Conditions = []metav1.Condition{forged}
	g.Expect(editor.Create(t.Context(), r)).To(Succeed())
	g.Expect(r.Status.Conditions).To(BeEmpty(), "a status that is sent at creation is not stored")
	g.Expect(verdict(t, r)).To(Equal(v1alpha1.ReasonPipelineNotFound))

	meta.SetStatusCondition(&r.Status.Conditions, forged)
	g.Expect(apierrors.IsForbidden(editor.Status().Update(t.Context(), r))).To(BeTrue())
	refresh(t, e).Status.State = v1alpha1.ExecutionSucceeded
	g.Expect(apierrors.IsForbidden(editor.Status().Update(t.Context(), e))).To(BeTrue())
	// Through the object itself the status is left alone.
	meta.SetStatusCondition(&refresh(t, r).Status.Conditions, forged)
	g.Expect(editor.Update(t.Context(), r)).To(Succeed())
	g.Expect(meta.IsStatusConditionFalse(refresh(t, r).Status.Conditions, v1alpha1.ConditionAccepted)).To(BeTrue())
}
