// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"fmt"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/builders"
)

// keepResultsUnanswered has the API server refuse every status of an ApprovalResult in a namespace.
func keepResultsUnanswered(t *testing.T, ns string) {
	t.Helper()
	fail := admissionv1.Fail
	deleteAtEnd(t, createObject(t, &admissionv1.ValidatingAdmissionPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: "unanswered-" + ns},
		Spec: admissionv1.ValidatingAdmissionPolicySpec{
			FailurePolicy: &fail,
			MatchConstraints: &admissionv1.MatchResources{ResourceRules: []admissionv1.NamedRuleWithOperations{{
				RuleWithOperations: admissionv1.RuleWithOperations{
					Operations: []admissionv1.OperationType{admissionv1.Update},
					Rule: admissionv1.Rule{
						APIGroups: []string{v1alpha1.GroupVersion.Group}, APIVersions: []string{"*"}, Resources: []string{"approvalresults/status"},
					},
				},
			}}},
			Validations: []admissionv1.Validation{{Expression: fmt.Sprintf("request.namespace != %q", ns), Message: "kept unanswered"}},
		},
	}))
	deleteAtEnd(t, createObject(t, &admissionv1.ValidatingAdmissionPolicyBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "unanswered-" + ns},
		Spec: admissionv1.ValidatingAdmissionPolicyBindingSpec{
			PolicyName: "unanswered-" + ns, ValidationActions: []admissionv1.ValidationAction{admissionv1.Deny},
		},
	}))
	trial := createObject(t, builders.ApprovalResult(unknownExecution(ns), "Release", "approve", v1alpha1.ApprovalApproved))
	NewWithT(t).Eventually(func() error {
		patch := client.RawPatch(types.MergePatchType, fmt.Appendf(nil, `{"status":{"version":%d}}`, time.Now().Unix()))
		return k8s.Status().Patch(t.Context(), trial.DeepCopy(), patch, client.DryRunAll)
	}, timeout, interval).Should(MatchError(ContainSubstring("kept unanswered")))
}

// deleteAtEnd deletes an object at the end of the test.
func deleteAtEnd(t *testing.T, o client.Object) {
	t.Helper()
	t.Cleanup(func() {
		if err := k8s.Delete(context.WithoutCancel(t.Context()), o); err != nil {
			t.Errorf("deleting %s: %v", o.GetName(), err)
		}
	})
}

func unknownExecution(ns string) *v1alpha1.PipelineExecution {
	return &v1alpha1.PipelineExecution{ObjectMeta: metav1.ObjectMeta{Namespace: ns, UID: builders.UnknownID}, Spec: v1alpha1.PipelineExecutionSpec{PipelineName: "web"}}
}

// A decision that is taken back before it has a verdict might as well never have been made, so only who made it may, or who may approve.
func TestWhoMayDeleteAnApprovalResultWithoutVerdict(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := createNamespace(t)
	keepResultsUnanswered(t, ns)
	alice, editor, owner := clientOfMember(t, ns, "alice", "admin"), clientOfMember(t, ns, "editor", "edit"), clientOfMember(t, ns, "owner", "admin")
	ar := builders.ApprovalResult(unknownExecution(ns), "Release", "approve", v1alpha1.ApprovalApproved)
	g.Expect(alice.Create(t.Context(), ar)).To(Succeed())
	const refused = "the result has no verdict yet, so only alice, who made it, or a user with the verb \"approve\""
	expectForbidden(g, editor.Delete(t.Context(), ar), refused)
	expectForbidden(g, editor.DeleteAllOf(t.Context(), &v1alpha1.ApprovalResult{}, client.InNamespace(ns)), "has no verdict yet")
	for name, c := range map[string]client.Client{"who may approve": owner, "who made it": alice} {
		g.Expect(c.Delete(t.Context(), ar.DeepCopy(), client.DryRunAll)).To(Succeed(), name)
	}
	g.Expect(alice.Delete(t.Context(), ar)).To(Succeed())
	waitUntilGone(t, ar)
}

// With its verdict it is a record like any other: an editor may delete it, and its TTL does.
func TestApprovalResultsAreDeletedWithTheirVerdict(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := createNamespace(t)
	byEditor := createObject(t, builders.ApprovalResult(unknownExecution(ns), "Release", "approve", v1alpha1.ApprovalApproved))
	expectResult(t, byEditor, v1alpha1.ReasonPipelineNotFound)
	g.Expect(clientOfMember(t, ns, "editor", "edit").Delete(t.Context(), byEditor)).To(Succeed())
	waitUntilGone(t, byEditor)

	byTTL := createObject(t, builders.ApprovalResult(unknownExecution(ns), "Release", "approve", v1alpha1.ApprovalApproved))
	expectResult(t, byTTL, v1alpha1.ReasonPipelineNotFound)
	refreshObject(t, byTTL)
	hourAgo := time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)
	for i := range byTTL.Status.Conditions {
		patchStatus(t, byTTL, fmt.Sprintf(`[{"op":"replace","path":"/status/conditions/%d/lastTransitionTime","value":%q}]`, i, hourAgo))
	}
	g.Expect(k8s.Patch(t.Context(), byTTL, client.RawPatch(types.MergePatchType, []byte(`{"spec":{"ttlSecondsAfterFinished":600}}`)))).To(Succeed())
	g.Eventually(func() bool {
		return apierrors.IsNotFound(k8s.Get(t.Context(), client.ObjectKeyFromObject(byTTL), byTTL))
	}, timeout, interval).Should(BeTrue())
}
