// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package memory

import (
	"crypto/tls"
	"net/http"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"haltline.dev/haltline/test/apiserver"
)

// tooLarge is about the size in bytes of the largest object that the API server sends, of which the schema refuses most.
const tooLarge = 2_900_000

// webhook is that of the operator, at an address of this machine.
type webhook struct {
	flags  []string
	url    string
	client *http.Client
}

// installWebhook has the API server ask the operator who created an object.
func installWebhook(t *testing.T, cluster *apiserver.Cluster) *webhook {
	t.Helper()
	address, err := apiserver.FreeAddress(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const system = "haltline-system"
	if err := cluster.Client.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: system}}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"secret", "service", "webhook"} {
		if err := cluster.CreateAll(t.Context(), "components/webhook/"+name+".yaml", apiserver.RouteToThisMachine(address.Port)); err != nil {
			t.Fatal(err)
		}
	}
	//nolint:gosec // Whoever attacks does not ask who answers.
	insecure := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	return &webhook{
		flags: []string{
			"--requester-webhook-bind-address=" + address.String(), "--requester-webhook-namespace=" + system, "--requester-webhook-cert-dir=" + t.TempDir(),
		},
		url:    "https://" + address.String() + "/stamp",
		client: &http.Client{Transport: insecure, Timeout: patience},
	}
}

// send sends a body to the webhook, and returns an error if there is no answer. What the answer is does not matter.
func (w *webhook) send(body string) error {
	response, err := w.client.Post(w.url, "application/json", strings.NewReader(body))
	if err != nil {
		return err
	}
	return response.Body.Close()
}

// sendBodies sends many large bodies straight to the port of the webhook, as any pod can.
func (a *attack) sendBodies(w *webhook) {
	body := `{"request":{"uid":"u","resource":{"resource":"stoprequests"},"object":{"spec":{"variables":[{}` + strings.Repeat(",{}", tooLarge/3) + `]}}}}`
	var group errgroup.Group
	for range 128 {
		group.Go(func() error { return w.send(body) })
	}
	a.must(group.Wait())
}
