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

// userFields are the fields that hold the name of a user, with a good object of their kind.
var userFields = map[string]func(ns string) manifest{
	"requestedBy": goodStopRequest,
	"startedBy":   goodExecution,
}

// createUnstampedNamespace returns a namespace where nothing writes into the userFields.
func createUnstampedNamespace(t *testing.T) string {
	t.Helper()
	g := NewWithT(t)
	ns := labelNamespace(t, createNamespace(t), labelUnstamped)
	// The API server learns of the label a little later.
	g.Eventually(func(g Gomega) {
		for field, good := range userFields {
			object := good(ns)
			g.Expect(k8s.Create(t.Context(), object, client.DryRunAll)).To(Succeed())
			g.Expect(object.Object["spec"]).NotTo(HaveKey(field))
		}
	}, timeout, interval).Should(Succeed())
	return ns
}

// labelNamespace sets a label on a namespace, and returns its name.
func labelNamespace(t *testing.T, name, label string) string {
	t.Helper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	NewWithT(t).Expect(k8s.Patch(t.Context(), ns, client.RawPatch(types.MergePatchType,
		[]byte(`{"metadata":{"labels":{"`+label+`":"true"}}}`)))).To(Succeed())
	return name
}

func TestSchemaUserFields(t *testing.T) {
	t.Parallel()
	ns := createUnstampedNamespace(t)
	for name, good := range userFields {
		t.Run(name, func(t *testing.T) {
			field := "spec." + name
			testSchemaIn(t, ns, good, []schemaCase{
				{name: "absent", field: field},
				{name: "257 characters", field: field, value: strings.Repeat("é", 257), refused: "may not be more than 256"},
				{name: "a number", field: field, value: int64(7), refused: "must be of type string"},
				{name: "an escape sequence", field: field, value: "\x1b[31mbob", refused: "must have no newline, tab, escape or other control character"},
				{name: "another direction", field: field, value: "bob\u202e", refused: "must have no newline, tab, escape or other control character"},
			})
			// A user can name nobody else, so the users of this test name themselves.
			for _, user := range []string{"system:serviceaccount:ci:deployer", strings.Repeat("u", 256)} {
				c, err := cluster.ClientAs(user, "system:masters")
				NewWithT(t).Expect(err).NotTo(HaveOccurred())
				object := good(ns)
				setField(object.Object, field, user)
				NewWithT(t).Expect(c.Create(t.Context(), object, client.DryRunAll)).To(Succeed())
			}
		})
	}
}

func TestSchemaUserFieldsAreImmutable(t *testing.T) {
	t.Parallel()
	ns := createUnstampedNamespace(t)
	me := createObject(t, &authenticationv1.SelfSubjectReview{}).Status.UserInfo.Username
	for name, good := range userFields {
		t.Run(name, func(t *testing.T) {
			field, refused := "spec."+name, name+" is immutable"
			testEditsIn(t, ns, good, []editCase{
				{"changed", field, me, "somebody else", refused},
				{"removed", field, me, nil, refused},
				{"added", field, nil, me, refused},
				{"as it was", field, me, me, ""},
			})
		})
	}
}

// unlabelNamespace removes a label from a namespace.
func unlabelNamespace(t *testing.T, name, label string) {
	t.Helper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	NewWithT(t).Expect(k8s.Patch(t.Context(), ns, client.RawPatch(types.MergePatchType,
		[]byte(`{"metadata":{"labels":{"`+label+`":null}}}`)))).To(Succeed())
}
