// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

// Command certs makes the certificates, the service accounts' key and the kubeconfigs of one cluster.
//
// There are three authorities: one for the cluster, one for its front proxy, which may speak for any user, and one for
// the database, so that no certificate of the cluster opens the database. Their keys are never written.
package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"flag"
	"fmt"
	"log"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

const lifetime = 10 * 365 * 24 * time.Hour

var (
	folder  = flag.String("out", "", "folder to write to")
	cluster = flag.String("cluster", "haltline", "name of the cluster")
	server  = flag.String("server", "", "URL of the API server, as clients on this machine reach it")
	inside  = flag.String("node-server", "", "URL of the API server, as the node reaches it")
	address = flag.String("server-address", "", "an IP address of the API server beside the loopback address")
	service = flag.String("service-address", "", "IP address of the service that is named kubernetes")
	node    = flag.String("node", "", "name of the node, if there is one")
	nodeIP  = flag.String("node-address", "", "IP address of the node")
)

func main() {
	flag.Parse()
	log.SetFlags(0)
	if *folder == "" || *server == "" {
		log.Fatal("certs: -out and -server are needed")
	}
	must(os.MkdirAll(*folder, 0o700))

	database := newAuthority("etcd-ca")
	database.issue("etcd", subject("etcd"), "localhost", "127.0.0.1")
	database.issue("etcd-client", subject("kube-apiserver"))

	proxy := newAuthority("front-proxy-ca")
	proxy.issue("front-proxy-client", subject("front-proxy-client"))

	ca := newAuthority("ca")
	ca.issue("kube-apiserver", subject("kube-apiserver"), "localhost", "kubernetes", "kubernetes.default",
		"kubernetes.default.svc", "kubernetes.default.svc.cluster.local", "127.0.0.1", *address, *service)
	ca.issue("kubelet-client", subject("kube-apiserver-kubelet-client", "system:masters"))
	writeKey("service-accounts", newKey())

	ca.kubeconfig("admin", *server, subject("kubernetes-admin", "system:masters"))
	ca.kubeconfig("kube-controller-manager", *server, subject("system:kube-controller-manager"))
	ca.kubeconfig("kube-scheduler", *server, subject("system:kube-scheduler"))
	if *node != "" && *inside != "" {
		ca.issue("kubelet", subject("system:node:"+*node, "system:nodes"), *node, *nodeIP)
		ca.kubeconfig("kubelet", *inside, subject("system:node:"+*node, "system:nodes"))
		ca.kubeconfig("kube-proxy", *inside, subject("system:kube-proxy"))
	}
}

func subject(name string, groups ...string) pkix.Name {
	return pkix.Name{CommonName: name, Organization: groups}
}

type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func newAuthority(name string) authority {
	key := newKey()
	template := newTemplate(subject(*cluster + "-" + name))
	template.IsCA, template.BasicConstraintsValid = true, true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	must(err)
	certificate, err := x509.ParseCertificate(der)
	must(err)
	write(name+".crt", encode("CERTIFICATE", der))
	return authority{certificate, key}
}

// sign makes a certificate that serves the hosts, and is good for a client in any case.
func (a authority) sign(name pkix.Name, key crypto.Signer, hosts ...string) []byte {
	template := newTemplate(name)
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	if len(hosts) > 0 {
		template.ExtKeyUsage = append(template.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
	}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else if host != "" {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, key.Public(), a.key)
	must(err)
	return encode("CERTIFICATE", der)
}

func (a authority) issue(file string, name pkix.Name, hosts ...string) {
	key := newKey()
	write(file+".crt", a.sign(name, key, hosts...))
	writeKey(file, key)
}

func (a authority) kubeconfig(file, url string, name pkix.Name) {
	key := newKey()
	inline := base64.StdEncoding.EncodeToString
	write(file+".kubeconfig", fmt.Appendf(nil, `apiVersion: v1
kind: Config
current-context: %[1]s
contexts:
- name: %[1]s
  context:
    cluster: %[1]s
    user: %[2]s
clusters:
- name: %[1]s
  cluster:
    server: %[3]s
    certificate-authority-data: %[4]s
users:
- name: %[2]s
  user:
    client-certificate-data: %[5]s
    client-key-data: %[6]s
`, *cluster, name.CommonName, url, inline(encode("CERTIFICATE", a.certificate.Raw)),
		inline(a.sign(name, key)), inline(encodeKey(key))))
}

func newTemplate(name pkix.Name) *x509.Certificate {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	must(err)
	return &x509.Certificate{
		SerialNumber: serial,
		Subject:      name,
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(lifetime),
	}
}

func newKey() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	return key
}

func encodeKey(key *ecdsa.PrivateKey) []byte {
	der, err := x509.MarshalECPrivateKey(key)
	must(err)
	return encode("EC PRIVATE KEY", der)
}

func encode(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func writeKey(file string, key *ecdsa.PrivateKey) { write(file+".key", encodeKey(key)) }

func write(file string, content []byte) {
	must(os.WriteFile(filepath.Join(*folder, file), content, 0o600))
}

func must(err error) {
	if err != nil {
		log.Fatal("certs: ", err)
	}
}
