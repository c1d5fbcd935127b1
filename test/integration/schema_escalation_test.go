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

func TestSchemaStopRequestEscalateAfterSeconds(t *testing.T) {
	t.Parallel()
	const field = "spec.escalateAfterSeconds"
	trySchema(t, goodStopRequest, []schemaCase{
		{name: "absent", field: field},
		{name: "-1", field: field, value: int64(-1), refused: "should be greater than or equal to 1"},
		{name: "0", field: field, value: int64(0), refused: "should be greater than or equal to 1"},
		{name: "1", field: field, value: int64(1)},
		{name: "604800", field: field, value: int64(604800)},
		{name: "604801", field: field, value: int64(604801), refused: "should be less than or equal to 604800"},
		{name: "a duration", field: field, value: "1h", refused: "must be of type integer"},
	})
	for abandon, refused := range map[bool]string{
		false: "", true: "escalateAfterSeconds goes with a stop that waits; leave out either it or abandon: true",
	} {
		o := goodStopRequest("default")
		put(o.Object, field, int64(60))
		put(o.Object, "spec.abandon", abandon)
		answered(t, k8s.Create(t.Context(), o, client.DryRunAll), schemaCase{field: field, refused: refused})
	}
}

// unstamped makes a namespace where no policy writes into spec.requestedBy.
func unstamped(t *testing.T) string {
	t.Helper()
	g := NewWithT(t)
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace(t)}}
	g.Expect(k8s.Patch(t.Context(), ns, client.RawPatch(types.MergePatchType,
		[]byte(`{"metadata":{"labels":{"`+labelUnstamped+`":"true"}}}`)))).To(Succeed())
	// The API server learns of the label a little later.
	g.Eventually(func(g Gomega) {
		o := goodStopRequest(ns.Name)
		g.Expect(k8s.Create(t.Context(), o, client.DryRunAll)).To(Succeed())
		g.Expect(o.Object["spec"]).NotTo(HaveKey("requestedBy"))
	}, patience, tick).Should(Succeed())
	return ns.Name
}

func TestSchemaStopRequestRequestedBy(t *testing.T) {
	t.Parallel()
	const field = "spec.requestedBy"
	ns := unstamped(t)
	trySchemaIn(t, ns, goodStopRequest, []schemaCase{
		{name: "absent", field: field},
		{name: "257 characters", field: field, value: strings.Repeat("é", 257), refused: "may not be more than 256"},
		{name: "a number", field: field, value: int64(7), refused: "must be of type string"},
	})
	// Whoever creates a request can name nobody else, so who is accepted here is the user.
	for _, user := range []string{"system:serviceaccount:ci:deployer", strings.Repeat("u", 256)} {
		c, err := as(user, "system:masters")
		NewWithT(t).Expect(err).NotTo(HaveOccurred())
		o := goodStopRequest(ns)
		put(o.Object, field, user)
		NewWithT(t).Expect(c.Create(t.Context(), o, client.DryRunAll)).To(Succeed())
	}
}

func TestSchemaStopRequestEscalationIsImmutable(t *testing.T) {
	t.Parallel()
	const refused = "escalateAfterSeconds is immutable; to escalate now, create another StopRequest with abandon: true"
	tryEdits(t, goodStopRequest, []editCase{
		{"changed", "spec.escalateAfterSeconds", int64(60), int64(1), refused},
		{"removed", "spec.escalateAfterSeconds", int64(60), nil, refused},
		{"added", "spec.escalateAfterSeconds", nil, int64(60), refused},
		{"as it was", "spec.escalateAfterSeconds", int64(60), int64(60), ""},
	})
}

func TestSchemaStopRequestRequestedByIsImmutable(t *testing.T) {
	t.Parallel()
	const refused = "requestedBy is immutable"
	review := &authenticationv1.SelfSubjectReview{}
	NewWithT(t).Expect(k8s.Create(t.Context(), review)).To(Succeed())
	me := review.Status.UserInfo.Username
	tryEditsIn(t, unstamped(t), goodStopRequest, []editCase{
		{"changed", "spec.requestedBy", me, "another", refused},
		{"removed", "spec.requestedBy", me, nil, refused},
		{"added", "spec.requestedBy", nil, me, refused},
		{"as it was", "spec.requestedBy", me, me, ""},
	})
}
