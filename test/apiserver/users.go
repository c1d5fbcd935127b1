// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// ConfigAs returns the access of a user or a service account who has these groups, and those that the API server gives to all.
func (c *Cluster) ConfigAs(user string, groups ...string) *rest.Config {
	config := rest.CopyConfig(c.Config)
	config.Impersonate = rest.ImpersonationConfig{UserName: user, Groups: groups}
	return config
}

// ClientAs returns a client of such a user.
func (c *Cluster) ClientAs(user string, groups ...string) (client.Client, error) {
	return client.New(c.ConfigAs(user, groups...), client.Options{Scheme: c.Scheme})
}
