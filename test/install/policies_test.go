// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"testing"

	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Tools that create the policies after the Deployment are safe because of this.
func TestTheOperatorStartsWhenItsPoliciesAreInForce(t *testing.T) {
	g := NewWithT(t)
	kubectl(t, "", "apply", "-k", "config/namespaced")
	kubectl(t, "", "delete", "validatingadmissionpolicybinding", "haltline-operator-controllerrevisions")
	g.Eventually(func() error { return tryRevision(t) }, timeout, interval).Should(Succeed(), "the policy is still in force")

	log := runNamespaced(t)
	g.Eventually(log.String, timeout, interval).Should(ContainSubstring("waiting until the admission policies are in force"))
	g.Expect(log.String()).NotTo(ContainSubstring("Starting workers"))
	kubectl(t, "", "apply", "-k", "config/namespaced")
	g.Eventually(log.String, timeout, interval).Should(ContainSubstring("Starting workers"))
}

// tryRevision creates, by a dry run and as the operator, what the policies deny to it.
func tryRevision(t *testing.T) error {
	t.Helper()
	operator, err := cluster.ClientAs(account)
	if err != nil {
		return err
	}
	return operator.Create(t.Context(), &appsv1.ControllerRevision{
		ObjectMeta: metav1.ObjectMeta{Namespace: served, Name: "trial"}, Data: runtime.RawExtension{Raw: []byte("{}")},
	}, client.DryRunAll)
}
