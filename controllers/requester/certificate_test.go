// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package requester

import (
	"net/http"
	"net/url"
	"testing"

	. "github.com/onsi/gomega"
)

// roundTrip answers a request.
type roundTrip func(*http.Request) (*http.Response, error)

func (r roundTrip) RoundTrip(req *http.Request) (*http.Response, error) { return r(req) }

// The role allows to list and to watch objects of this name only.
func TestEveryListAndWatchSelectsTheName(t *testing.T) {
	g := NewWithT(t)
	var sent url.Values
	transport := selectName{name: "haltline-requester", next: roundTrip(func(req *http.Request) (*http.Response, error) {
		sent = req.URL.Query()
		return &http.Response{}, nil
	})}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://example/api/v1/namespaces/haltline-system/secrets?limit=500&watch=true", http.NoBody)
	g.Expect(err).NotTo(HaveOccurred())
	_, err = transport.RoundTrip(req) //nolint:bodyclose // There is none.
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(sent).To(Equal(url.Values{"limit": {"500"}, "watch": {"true"}, "fieldSelector": {"metadata.name=haltline-requester"}}))
	g.Expect(req.URL.Query()).NotTo(HaveKey("fieldSelector"), "the request of the caller is as it was")
}
