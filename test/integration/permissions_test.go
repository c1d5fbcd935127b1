// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"testing"

	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/builders"
)

func TestWhoMayStopAndWhoMayAbandon(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	execution := startExecution(t)
	wait, abandon, escalate := builders.StopAndWait(execution), builders.StopAndAbandon(execution), builders.StopAndEscalate(execution, 3600)
	shorten := builders.StopAndEscalate(execution, 3600)
	shorten.Spec.GracePeriodSeconds = ptr.To[int64](5)
	creator := createObject(t, &rbacv1.ClusterRole{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "test-creator-"},
		Rules: []rbacv1.PolicyRule{{
			APIGroups: []string{v1alpha1.GroupVersion.Group}, Resources: []string{"stoprequests"}, Verbs: []string{"create", "list"},
		}},
	})
	t.Cleanup(func() { _ = k8s.Delete(context.Background(), creator) })

	for _, c := range []struct {
		user, role string
		request    *v1alpha1.StopRequest
		refusal    string
	}{
		{"viewer", "view", wait, "cannot create resource"},
		{"creator", creator.Name, wait, "user creator lacks the verb \"stop\" on pipelineexecutions.pipelines.haltline.dev in namespace " + execution.Namespace},
		{"creator", creator.Name, abandon, "lacks the verb \"abandon\""},
		{"editor", "edit", abandon, "user editor lacks the verb \"abandon\""},
		{"editor", "edit", escalate, "lacks the verb \"abandon\""},
		{"editor", "edit", shorten, "with abandon: true, escalateAfterSeconds or gracePeriodSeconds needs"},
		{"editor", "edit", wait, ""},
		{"owner", "admin", escalate, ""},
		{"owner", "admin", abandon, ""},
		{"owner", "admin", shorten, ""},
	} {
		user, err := cluster.ClientAs(c.user)
		g.Expect(err).NotTo(HaveOccurred())
		binding := &rbacv1.RoleBinding{}
		if err := k8s.Get(t.Context(), client.ObjectKey{Namespace: execution.Namespace, Name: c.user}, binding); err != nil {
			user = clientOfMember(t, execution.Namespace, c.user, c.role)
		}
		err = user.Create(t.Context(), c.request.DeepCopy(), client.DryRunAll)
		if c.refusal == "" {
			g.Expect(err).NotTo(HaveOccurred(), c.user)
			continue
		}
		g.Expect(apierrors.IsForbidden(err)).To(BeTrue(), "%s: %v", c.user, err)
		g.Expect(err).To(MatchError(ContainSubstring(c.refusal)))
	}
}

// Only the operator may write a status.
func TestAnEditorCannotForgeAVerdict(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	execution := startExecution(t)
	editor := clientOfMember(t, execution.Namespace, "editor", "edit")
	forged := metav1.Condition{Type: v1alpha1.ConditionAccepted, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonAccepted,
		LastTransitionTime: metav1.Now()}
	sr := builders.StopRequest(execution.Namespace, "unknown", builders.UnknownID)
	sr.Status.Conditions = []metav1.Condition{forged}
	g.Expect(editor.Create(t.Context(), sr)).To(Succeed())
	g.Expect(sr.Status.Conditions).To(BeEmpty(), "a status that is sent at creation is not stored")
	expectVerdict(t, sr, v1alpha1.ReasonPipelineNotFound)

	meta.SetStatusCondition(&sr.Status.Conditions, forged)
	g.Expect(apierrors.IsForbidden(editor.Status().Update(t.Context(), sr))).To(BeTrue())
	refreshObject(t, execution).Status.State = v1alpha1.ExecutionSucceeded
	g.Expect(apierrors.IsForbidden(editor.Status().Update(t.Context(), execution))).To(BeTrue())
	// A patch of the object itself leaves the status alone.
	before := refreshObject(t, sr).DeepCopy()
	meta.SetStatusCondition(&sr.Status.Conditions, forged)
	sr.Labels = map[string]string{"team": "a"}
	g.Expect(editor.Patch(t.Context(), sr, client.MergeFrom(before))).To(Succeed())
	g.Expect(meta.IsStatusConditionFalse(refreshObject(t, sr).Status.Conditions, v1alpha1.ConditionAccepted)).To(BeTrue())
}
