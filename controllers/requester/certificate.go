// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package requester

import (
	"net/http"

	"github.com/open-policy-agent/cert-controller/pkg/rotator"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
)

// addRotator has the manager keep a certificate and its authority in the Secret, renew both, and tell the API server of the authority.
// Every replica does so: which of them writes first does not matter.
func addRotator(mgr ctrl.Manager, o *Options) error {
	return rotator.AddRotator(byName{Manager: mgr, name: o.Name}, &rotator.CertRotator{
		SecretKey:      types.NamespacedName{Namespace: o.Namespace, Name: o.Name},
		CertDir:        o.CertDir,
		CAName:         o.Name + "-ca",
		CAOrganization: "haltline",
		DNSName:        o.Name + "." + o.Namespace + ".svc",
		IsReady:        make(chan struct{}),
		Webhooks:       []rotator.WebhookInfo{{Name: o.Name, Type: rotator.Mutating}},
		FieldOwner:     "haltline",
	})
}

// byName is a manager that reads objects of one name only. The library would list every Secret of the namespace, which the role
// of the operator does not allow, and every configuration of a webhook.
type byName struct {
	ctrl.Manager
	name string
}

// GetConfig returns the access to the API server that the library makes its cache of. The cache only lists and watches.
func (m byName) GetConfig() *rest.Config {
	config := rest.CopyConfig(m.Manager.GetConfig())
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { return selectName{next: next, name: m.name} })
	return config
}

// selectName has every list and every watch select the objects of a name.
type selectName struct {
	next http.RoundTripper
	name string
}

func (s selectName) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	query := req.URL.Query()
	query.Set("fieldSelector", "metadata.name="+s.name)
	req.URL.RawQuery = query.Encode()
	return s.next.RoundTrip(req)
}
