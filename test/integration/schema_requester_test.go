// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// unstamped makes a namespace where no policy writes into spec.requestedBy.
func createUnstampedNamespace(t *testing.T) string {
	t.Helper()
	g := NewWithT(t)
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: createNamespace(t)}}
	g.Expect(k8s.Patch(t.Context(), ns, client.RawPatch(types.MergePatchType,
		[]byte(`{"metadata":{"labels":{"`+labelUnstamped+`":"true"}}}`)))).To(Succeed())
	// The API server learns of the label a little later.
	g.Eventually(func(g Gomega) {
		object := goodStopRequest(ns.Name)
		g.Expect(k8s.Create(t.Context(), object, client.DryRunAll)).To(Succeed())
		g.Expect(object.Object["spec"]).NotTo(HaveKey("requestedBy"))
	}, timeout, interval).Should(Succeed())
	return ns.Name
}

func TestSchemaStopRequestRequestedBy(t *testing.T) {
	t.Parallel()
	const field = "spec.requestedBy"
	ns := createUnstampedNamespace(t)
	testSchemaIn(t, ns, goodStopRequest, []schemaCase{
		{name: "absent", field: field},
		{name: "257 characters", field: field, value: strings.Repeat("é", 257), refused: "may not be more than 256"},
		{name: "a number", field: field, value: int64(7), refused: "must be of type string"},
	})
	// Whoever creates a request can name nobody else, so who is accepted here is the user.
	for _, user := range []string{"system:serviceaccount:ci:deployer", strings.Repeat("u", 256)} {
		c, err := clientAs(user, "system:masters")
		NewWithT(t).Expect(err).NotTo(HaveOccurred())
		object := goodStopRequest(ns)
		setField(object.Object, field, user)
		NewWithT(t).Expect(c.Create(t.Context(), object, client.DryRunAll)).To(Succeed())
	}
}

func TestSchemaStopRequestRequestedByIsImmutable(t *testing.T) {
	t.Parallel()
	const refused = "requestedBy is immutable"
	review := &authenticationv1.SelfSubjectReview{}
	NewWithT(t).Expect(k8s.Create(t.Context(), review)).To(Succeed())
	me := review.Status.UserInfo.Username
	testEditsIn(t, createUnstampedNamespace(t), goodStopRequest, []editCase{
		{"changed", "spec.requestedBy", me, "another", refused},
		{"removed", "spec.requestedBy", me, nil, refused},
		{"added", "spec.requestedBy", nil, me, refused},
		{"as it was", "spec.requestedBy", me, me, ""},
	})
}
