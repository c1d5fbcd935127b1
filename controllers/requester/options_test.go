// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package requester

import (
	"flag"
	"testing"

	. "github.com/onsi/gomega"
)

// parse returns the options of a command line, and what is wrong with it.
func parse(t *testing.T, arguments ...string) (*Options, error) {
	t.Helper()
	o := &Options{}
	set := flag.NewFlagSet("haltline", flag.ContinueOnError)
	o.BindFlags(set)
	NewWithT(t).Expect(set.Parse(arguments)).To(Succeed())
	err := o.Complete()
	return o, err
}

func TestWithoutTheFlagNothingIsServed(t *testing.T) {
	for _, arguments := range [][]string{nil, {"--requester-webhook-bind-address=0"}, {"--requester-webhook-bind-address="}} {
		g := NewWithT(t)
		o, err := parse(t, arguments...)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(o.IsServed()).To(BeFalse())
	}
}

func TestTheAddressIsChecked(t *testing.T) {
	const namespace = "--requester-webhook-namespace=haltline-system"
	for _, address := range []string{"9443", ":", ":port", ":0", ":65536", ":-1", "a:b:c"} {
		_, err := parse(t, namespace, "--requester-webhook-bind-address="+address)
		NewWithT(t).Expect(err).To(MatchError(ContainSubstring("--requester-webhook-bind-address="+address+": give a port")), address)
	}
	for address, host := range map[string]string{":9443": "", "127.0.0.1:9443": "127.0.0.1", "[::1]:9443": "::1"} {
		g := NewWithT(t)
		o, err := parse(t, namespace, "--requester-webhook-bind-address="+address)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(o.IsServed()).To(BeTrue())
		gotHost, port, err := o.address()
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(gotHost).To(Equal(host))
		g.Expect(port).To(Equal(9443))
	}
}

func TestOutsideOfAPodTheNamespaceIsGiven(t *testing.T) {
	_, err := parse(t, "--requester-webhook-bind-address=:9443")
	NewWithT(t).Expect(err).To(MatchError(ContainSubstring("--requester-webhook-namespace")))
}
