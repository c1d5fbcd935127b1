// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package requester

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
)

// makeSecret returns a Secret with a certificate and its key.
func makeSecret(t *testing.T) *corev1.Secret {
	t.Helper()
	g := NewWithT(t)
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	g.Expect(err).NotTo(HaveOccurred())
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	g.Expect(err).NotTo(HaveOccurred())
	key, err := x509.MarshalPKCS8PrivateKey(private)
	g.Expect(err).NotTo(HaveOccurred())
	return &corev1.Secret{Data: map[string][]byte{
		corev1.TLSCertKey:       pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate}),
		corev1.TLSPrivateKeyKey: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}),
	}}
}

// The file has the certificate of the Secret that came last and has a whole one.
func TestTheCertificateFileFollowsTheSecret(t *testing.T) {
	g := NewWithT(t)
	folder := filepath.Join(t.TempDir(), "made", "by", "it")
	file := filepath.Join(folder, certificateFile)
	expectServed := func(secret *corev1.Secret) {
		t.Helper()
		served, err := tls.LoadX509KeyPair(file, file)
		g.Expect(err).NotTo(HaveOccurred())
		want, err := tls.X509KeyPair(secret.Data[corev1.TLSCertKey], secret.Data[corev1.TLSPrivateKeyKey])
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(served.Certificate).To(Equal(want.Certificate))
	}
	updateCertificateFile(folder, &corev1.Secret{})
	g.Expect(file).NotTo(BeAnExistingFile(), "a Secret that is not filled yet")

	first, second := makeSecret(t), makeSecret(t)
	updateCertificateFile(folder, first)
	expectServed(first)
	updateCertificateFile(folder, second)
	expectServed(second)
	info, err := os.Stat(file)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(info.Mode().Perm()).To(Equal(os.FileMode(0o600)))

	mixed := first.DeepCopy()
	mixed.Data[corev1.TLSPrivateKeyKey] = second.Data[corev1.TLSPrivateKeyKey]
	g.Expect(writeCertificateFile(folder, mixed)).To(MatchError(ContainSubstring("private key does not match public key")))
	withoutKey := first.DeepCopy()
	delete(withoutKey.Data, corev1.TLSPrivateKeyKey)
	g.Expect(writeCertificateFile(folder, withoutKey)).NotTo(Succeed())
	updateCertificateFile(folder, &corev1.Secret{})
	expectServed(second)

	g.Expect(removeCertificateFile(folder)).To(Succeed())
	g.Expect(file).NotTo(BeAnExistingFile(), "what the process before has left")
	g.Expect(removeCertificateFile(folder)).To(Succeed(), "there is none")
	updateCertificateFile(folder, second)
	expectServed(second)
}

// An unchanged file is left alone, so that what serves it does not read it again each minute.
func TestAnUnchangedCertificateFileIsLeftAlone(t *testing.T) {
	g := NewWithT(t)
	folder, secret := t.TempDir(), makeSecret(t)
	file := filepath.Join(folder, certificateFile)
	g.Expect(writeCertificateFile(folder, secret)).To(Succeed())
	before, err := os.Stat(file)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(writeCertificateFile(folder, secret)).To(Succeed())
	after, err := os.Stat(file)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(os.SameFile(before, after)).To(BeTrue())
}

func TestAFolderThatCannotBeWrittenIsNamed(t *testing.T) {
	g := NewWithT(t)
	folder := t.TempDir()
	g.Expect(os.MkdirAll(filepath.Join(folder, certificateFile, "is", "a", "folder"), 0o700)).To(Succeed())
	g.Expect(removeCertificateFile(folder)).To(MatchError(ContainSubstring("--requester-webhook-cert-dir=" + folder)))
}
