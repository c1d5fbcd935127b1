// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"sigs.k8s.io/controller-runtime/pkg/metrics/filters"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

// The filter asks the API server who somebody is, and whether they may get the path.
// +kubebuilder:rbac:groups=authentication.k8s.io,resources=tokenreviews,verbs=create
// +kubebuilder:rbac:groups=authorization.k8s.io,resources=subjectaccessreviews,verbs=create

// ServerOptions returns how /metrics is served: by TLS, and only to whoever may get the non-resource URL /metrics. The
// address is such as :8443; "0" serves nothing. certDir has tls.crt and tls.key; if it is empty, the server signs a
// certificate itself.
func ServerOptions(address, certDir string) metricsserver.Options {
	return metricsserver.Options{
		BindAddress: address, SecureServing: true, CertDir: certDir,
		FilterProvider: filters.WithAuthenticationAndAuthorization,
	}
}
