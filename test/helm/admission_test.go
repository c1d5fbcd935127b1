// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package helm

import (
	"fmt"
	"testing"

	. "github.com/onsi/gomega"

	"haltline.dev/haltline/test/apiserver"
)

// An upgrade goes from the policies to the webhook and back. Who asks is stamped with each of them, and what the other one had is gone.
func TestAnUpgradeGoesFromPoliciesToTheWebhookAndBack(t *testing.T) {
	g := NewWithT(t)
	t.Cleanup(func() { removeAll(t) })
	helm(t, "install", release, chart, "--namespace", system, "--create-namespace", "--set", "admission=policy")
	withPolicies := objectsOfRelease(t)
	expectStamped(t)

	helm(t, "upgrade", release, chart, "--namespace", system, "--reset-then-reuse-values", "--set", "admission=webhook")
	withWebhook := objectsOfRelease(t)
	g.Expect(withWebhook).To(ContainElements("mutatingwebhookconfiguration.admissionregistration.k8s.io/haltline-requester", "secret/haltline-requester"))
	g.Expect(withWebhook).NotTo(ContainElement(HavePrefix("mutatingadmissionpolicy")))
	g.Eventually(func() error {
		_, err := cluster.StampRequester(t.Context(), team, "alice")
		return err
	}, timeout, interval).Should(MatchError(ContainSubstring("operator-must-answer")))
	operator := runWebhook(t)
	expectStamped(t)
	g.Expect(operator.Stop()).To(Succeed())

	helm(t, "upgrade", release, chart, "--namespace", system, "--reset-then-reuse-values", "--set", "admission=policy")
	g.Expect(objectsOfRelease(t)).To(ConsistOf(withPolicies))
	expectStamped(t)
}

// runWebhook runs the operator with the flags of the release, and has the API server ask it at an address of this machine.
func runWebhook(t *testing.T) *apiserver.Operator {
	t.Helper()
	g := NewWithT(t)
	address, err := apiserver.FreeAddress(t.Context())
	g.Expect(err).NotTo(HaveOccurred())
	kubectl(t, "patch", "service", "haltline-requester", "--namespace", system, "--type", "merge",
		"--patch", `{"spec": {"type": "ExternalName", "externalName": "localhost", "selector": null, "ports": null}}`)
	kubectl(t, "patch", "mutatingwebhookconfiguration", "haltline-requester", "--type", "json",
		"--patch", fmt.Sprintf(`[{"op": "add", "path": "/webhooks/0/clientConfig/service/port", "value": %d}]`, address.Port))
	return runRelease(t, "--requester-webhook-bind-address="+address.String(), "--requester-webhook-namespace="+system,
		"--requester-webhook-cert-dir="+t.TempDir())
}

func expectStamped(t *testing.T) {
	t.Helper()
	NewWithT(t).Eventually(func(g Gomega) { g.Expect(cluster.StampRequester(t.Context(), team, "alice")).To(Equal("alice")) }, timeout, interval).Should(Succeed())
}
