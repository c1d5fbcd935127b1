// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"testing"

	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/builders"
)

// userOf returns who an object names as the user who created it.
func userOf(t *testing.T, object manifest, field string) string {
	t.Helper()
	name, _ := object.Object["spec"].(map[string]any)[field].(string)
	return name
}

func TestTheNameOfSomebodyElseIsRefused(t *testing.T) {
	t.Parallel()
	ns := createNamespace(t)
	alice := clientOfMember(t, ns, "alice", "admin")
	for field, good := range userFields {
		t.Run(field, func(t *testing.T) {
			g := NewWithT(t)
			create := func(name any) (string, error) {
				object := good(ns)
				object.SetName("")
				object.SetGenerateName("web-")
				setField(object.Object, "spec."+field, name)
				err := alice.Create(t.Context(), object)
				return userOf(t, object, field), err
			}
			_, err := create("mallory")
			g.Expect(apierrors.IsForbidden(err)).To(BeTrue(), "%v", err)
			g.Expect(err).To(MatchError(And(ContainSubstring("spec."+field+": must be left out, or be alice"), ContainSubstring(`the verb "restore"`))))
			g.Expect(create("alice")).To(Equal("alice"))
			g.Expect(create(nil)).To(Equal("alice"))
			g.Expect(create("")).To(Equal("alice"))
		})
	}
}

// A manifest without the name is applied once more, by somebody else and by the same tool.
func TestAManifestWithoutTheNameIsAppliedAgain(t *testing.T) {
	t.Parallel()
	ns := createNamespace(t)
	alice, bob := clientOfMember(t, ns, "alice", "admin"), clientOfMember(t, ns, "bob", "admin")
	for field, good := range userFields {
		t.Run(field, func(t *testing.T) {
			g := NewWithT(t)
			apply := func(c client.Client, edit func(manifest)) error {
				object := good(ns)
				edit(object)
				return c.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(object), client.FieldOwner("gitops"), client.ForceOwnership)
			}
			stored := good(ns)
			unchanged := func(manifest) {}
			g.Expect(apply(alice, unchanged)).To(Succeed())
			for _, c := range []client.Client{alice, bob} {
				g.Expect(apply(c, unchanged)).To(Succeed())
				g.Expect(userOf(t, refreshObject(t, stored), field)).To(Equal("alice"))
			}
			g.Expect(apply(bob, func(object manifest) { setField(object.Object, "spec."+field, "bob") })).To(
				MatchError(ContainSubstring(field + " is immutable")))
		})
	}
}

// A backup tool has the verb restore, which no role of Haltline grants.
func TestWhoMayRestoreKeepsTheNameOfSomebodyElse(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := createNamespace(t)
	backup := clientOfMember(t, ns, "backup", "admin")
	restore := func(field string) (string, error) {
		object := userFields[field](ns)
		setField(object.Object, "spec."+field, "alice")
		err := backup.Create(t.Context(), object, client.DryRunAll)
		return userOf(t, object, field), err
	}
	resources := map[string]string{"requestedBy": "stoprequests", "startedBy": "pipelineexecutions"}
	for _, field := range []string{"requestedBy", "startedBy"} {
		_, err := restore(field)
		g.Expect(err).To(MatchError(ContainSubstring("must be left out")))
		grantRestore(t, ns, "backup", resources[field])
		g.Eventually(func(g Gomega) { g.Expect(restore(field)).To(Equal("alice")) }, timeout, interval).Should(Succeed())
	}
	// Left out, it is stamped all the same.
	sr := builders.StopRequest(ns, "web", builders.UnknownID)
	g.Expect(backup.Create(t.Context(), sr, client.DryRunAll)).To(Succeed())
	g.Expect(sr.Spec.RequestedBy).To(Equal("backup"))
}

// grantRestore gives a user of a namespace the verb restore on a resource.
func grantRestore(t *testing.T, ns, user, resource string) {
	t.Helper()
	name := metav1.ObjectMeta{Namespace: ns, Name: "restore-" + resource}
	createObject(t, &rbacv1.Role{ObjectMeta: name, Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{v1alpha1.GroupVersion.Group}, Resources: []string{resource}, Verbs: []string{"restore"}},
	}})
	createObject(t, &rbacv1.RoleBinding{
		ObjectMeta: name,
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: name.Name},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: user}},
	})
}
