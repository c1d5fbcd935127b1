// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"testing"

	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
)

// replaceAs replaces an object as a user, after a change to what is stored. The operator may write its status in between.
func replaceAs[T client.Object](t *testing.T, user client.Client, object T, change func(T), options ...client.UpdateOption) error {
	t.Helper()
	return retry.RetryOnConflict(retry.DefaultRetry, func() error {
		change(refreshObject(t, object))
		return user.Update(t.Context(), object, options...)
	})
}

// clientOfMember returns a client of a user who has one of the cluster's own roles in a namespace.
func clientOfMember(t *testing.T, ns, user, role string) client.Client {
	t.Helper()
	g := NewWithT(t)
	createObject(t, &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: user},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: user}},
	})
	c, err := cluster.ClientAs(user)
	g.Expect(err).NotTo(HaveOccurred())
	g.Eventually(func() error {
		return c.List(t.Context(), &v1alpha1.StopRequestList{}, client.InNamespace(ns))
	}, timeout, interval).Should(Succeed(), "the role %s has not been aggregated", role)
	return c
}
