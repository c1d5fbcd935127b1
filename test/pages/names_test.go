// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package pages

import "testing"

func TestNames(t *testing.T) {
	names := Names{"ID": "1-2-3", "web": "shop", "web-7": "seven"}
	names.Learn("execution web-7k2lp started by stop-web-7k2lp-rj77x", "execution web-2x4zq started by stop-web-2x4zq-bbbbb")
	names.Learn("execution web-7k2lp started", "execution web-99999 started")
	const command = "kubectl get stop-web-7k2lp-rj77x web-7k2lp web-6k2lp ID web-7 web"
	if got, want := names.Replace(command), "kubectl get stop-web-2x4zq-bbbbb web-2x4zq shop-6k2lp 1-2-3 seven shop"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
