// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

// Command certs makes the certificates, the service accounts' key and the kubeconfigs of one cluster.
//
// There are three authorities: one for the cluster; one for its front proxy, which may act as any user; and one for etcd,
// so that no certificate of the cluster gives access to etcd. Their keys are never written to disk.
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
	folder         = flag.String("out", "", "folder to write to")
	clusterName    = flag.String("cluster", "haltline", "name of the cluster")
	server         = flag.String("server", "", "URL of the API server for clients on this machine")
	nodeServer     = flag.String("node-server", "", "URL of the API server for the node")
	serverAddress  = flag.String("server-address", "", "another IP address of the API server, besides the loopback address")
	serviceAddress = flag.String("service-address", "", "IP address of the service kubernetes")
	nodeName       = flag.String("node", "", "name of the node, if there is one")
	nodeAddress    = flag.String("node-address", "", "IP address of the node")
)

func main() {
	flag.Parse()
	log.SetFlags(0)
	if *folder == "" || *server == "" {
		log.Fatal("certs: -out and -server are needed")
	}
	exitOnError(os.MkdirAll(*folder, 0o700))

	etcd := newAuthority("etcd-ca")
	etcd.issueCertificate("etcd", newSubject("etcd"), "localhost", "127.0.0.1")
	etcd.issueCertificate("etcd-client", newSubject("kube-apiserver"))

	proxy := newAuthority("front-proxy-ca")
	proxy.issueCertificate("front-proxy-client", newSubject("front-proxy-client"))

	ca := newAuthority("ca")
	ca.issueCertificate("kube-apiserver", newSubject("kube-apiserver"), "localhost", "kubernetes", "kubernetes.default",
		"kubernetes.default.svc", "kubernetes.default.svc.cluster.local", "127.0.0.1", *serverAddress, *serviceAddress)
	ca.issueCertificate("kubelet-client", newSubject("kube-apiserver-kubelet-client", "system:masters"))
	writeKey("service-accounts", newKey())

	ca.writeKubeconfig("admin", *server, newSubject("kubernetes-admin", "system:masters"))
	ca.writeKubeconfig("kube-controller-manager", *server, newSubject("system:kube-controller-manager"))
	ca.writeKubeconfig("kube-scheduler", *server, newSubject("system:kube-scheduler"))
	if *nodeName != "" && *nodeServer != "" {
		ca.issueCertificate("kubelet", newSubject("system:node:"+*nodeName, "system:nodes"), *nodeName, *nodeAddress)
		ca.writeKubeconfig("kubelet", *nodeServer, newSubject("system:node:"+*nodeName, "system:nodes"))
		ca.writeKubeconfig("kube-proxy", *nodeServer, newSubject("system:kube-proxy"))
	}
}

func newSubject(name string, groups ...string) pkix.Name {
	return pkix.Name{CommonName: name, Organization: groups}
}

type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func newAuthority(name string) authority {
	key := newKey()
	template := newTemplate(newSubject(*clusterName + "-" + name))
	template.IsCA, template.BasicConstraintsValid = true, true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	exitOnError(err)
	certificate, err := x509.ParseCertificate(der)
	exitOnError(err)
	writeFile(name+".crt", encodePEM("CERTIFICATE", der))
	return authority{certificate, key}
}

// signCertificate returns a certificate for clients, and if there are hosts, for a server at these hosts too.
func (a authority) signCertificate(name pkix.Name, key crypto.Signer, hosts ...string) []byte {
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
	exitOnError(err)
	return encodePEM("CERTIFICATE", der)
}

func (a authority) issueCertificate(file string, name pkix.Name, hosts ...string) {
	key := newKey()
	writeFile(file+".crt", a.signCertificate(name, key, hosts...))
	writeKey(file, key)
}

func (a authority) writeKubeconfig(file, url string, name pkix.Name) {
	key := newKey()
	inline := base64.StdEncoding.EncodeToString
	writeFile(file+".kubeconfig", fmt.Appendf(nil, `apiVersion: v1
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
`, *clusterName, name.CommonName, url, inline(encodePEM("CERTIFICATE", a.certificate.Raw)),
		inline(a.signCertificate(name, key)), inline(encodeKey(key))))
}

func newTemplate(name pkix.Name) *x509.Certificate {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	exitOnError(err)
	return &x509.Certificate{
		SerialNumber: serial,
		Subject:      name,
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(lifetime),
	}
}

func newKey() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	exitOnError(err)
	return key
}

func encodeKey(key *ecdsa.PrivateKey) []byte {
	der, err := x509.MarshalECPrivateKey(key)
	exitOnError(err)
	return encodePEM("EC PRIVATE KEY", der)
}

func encodePEM(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func writeKey(file string, key *ecdsa.PrivateKey) { writeFile(file+".key", encodeKey(key)) }

func writeFile(file string, content []byte) {
	exitOnError(os.WriteFile(filepath.Join(*folder, file), content, 0o600))
}

func exitOnError(err error) {
	if err != nil {
		log.Fatal("certs: ", err)
	}
}
