// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package helm

import (
	"fmt"
	"net"
	"testing"

	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/test/apiserver"
	"haltline.dev/haltline/test/builders"
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
	g.Eventually(func() error { return stopAs(t, "alice").err }, timeout, interval).Should(MatchError(ContainSubstring("operator-must-answer")))
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
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	g.Expect(err).NotTo(HaveOccurred())
	port := listener.Addr().(*net.TCPAddr).Port
	g.Expect(listener.Close()).To(Succeed())
	kubectl(t, "patch", "service", "haltline-requester", "--namespace", system, "--type", "merge",
		"--patch", `{"spec": {"type": "ExternalName", "externalName": "localhost", "selector": null, "ports": null}}`)
	kubectl(t, "patch", "mutatingwebhookconfiguration", "haltline-requester", "--type", "json",
		"--patch", fmt.Sprintf(`[{"op": "add", "path": "/webhooks/0/clientConfig/service/port", "value": %d}]`, port))
	return runRelease(t, fmt.Sprintf("--requester-webhook-bind-address=127.0.0.1:%d", port), "--requester-webhook-namespace="+system,
		"--requester-webhook-cert-dir="+t.TempDir())
}

// answer is who asks for a stop by what would be stored, or why it is refused.
type answer struct {
	requestedBy string
	err         error
}

// stopAs asks as a user to stop something, without storing that.
func stopAs(t *testing.T, user string) answer {
	t.Helper()
	c, err := cluster.ClientAs(user, "system:masters")
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	sr := builders.StopRequest(team, "web", builders.UnknownID)
	err = c.Create(t.Context(), sr, client.DryRunAll)
	return answer{sr.Spec.RequestedBy, err}
}

func expectStamped(t *testing.T) {
	t.Helper()
	NewWithT(t).Eventually(func() answer { return stopAs(t, "alice") }, timeout, interval).Should(Equal(answer{requestedBy: "alice"}))
}
