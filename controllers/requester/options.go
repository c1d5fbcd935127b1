// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package requester

import (
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
)

// ownNamespaceFile has the namespace of a pod's service account.
const ownNamespaceFile = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"

// Options are the flags of the webhook.
type Options struct {
	// BindAddress is such as :9443; 0 serves nothing.
	BindAddress string
	// CertDir is the folder where the operator keeps the certificate of the Secret, with its key.
	CertDir string
	// Name is that of the Service, of the Secret and of the MutatingWebhookConfiguration.
	Name string
	// Namespace is that of the Service and of the Secret.
	Namespace string
}

// BindFlags adds the flags.
func (o *Options) BindFlags(set *flag.FlagSet) {
	set.StringVar(&o.BindAddress, "requester-webhook-bind-address", "0",
		"The address of the webhook that writes who created an object, such as :9443; 0 serves none. It is for clusters without MutatingAdmissionPolicy.")
	set.StringVar(&o.CertDir, "requester-webhook-cert-dir", "/var/run/haltline/requester",
		"The folder where the operator keeps the certificate of the webhook, and its key. It is made if it is not there.")
	set.StringVar(&o.Name, "requester-webhook-name", "haltline-requester",
		"The name of the webhook's Service, of its Secret and of its MutatingWebhookConfiguration.")
	set.StringVar(&o.Namespace, "requester-webhook-namespace", "",
		"The namespace of the webhook's Service and Secret. Without it, it is the namespace that the operator runs in.")
}

// IsServed reports whether there is a webhook.
func (o *Options) IsServed() bool { return o.BindAddress != "0" && o.BindAddress != "" }

// Complete finds out the namespace if none is given. It returns an error if the webhook cannot be served with these flags.
func (o *Options) Complete() error {
	if !o.IsServed() {
		return nil
	}
	if _, _, err := o.address(); err != nil {
		return err
	}
	if o.Namespace != "" {
		return nil
	}
	own, err := os.ReadFile(ownNamespaceFile)
	if errors.Is(err, os.ErrNotExist) {
		return errors.New("--requester-webhook-bind-address without --requester-webhook-namespace: outside of a pod, name the namespace of the webhook's Service")
	}
	o.Namespace = strings.TrimSpace(string(own))
	return err
}

func (o *Options) address() (host string, port int, err error) {
	host, text, err := net.SplitHostPort(o.BindAddress)
	if err == nil {
		port, err = strconv.Atoi(text)
	}
	if err != nil || port < 1 || port > 65535 {
		return "", 0, fmt.Errorf("--requester-webhook-bind-address=%s: give a port, such as :9443, and a host before it if it is not to be all addresses", o.BindAddress)
	}
	return host, port, nil
}
