// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package requester

import (
	"context"
	"crypto/tls"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	corev1 "k8s.io/api/core/v1"
	fieldselectors "k8s.io/apimachinery/pkg/fields"
	toolscache "k8s.io/client-go/tools/cache"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// certificateFile has the certificate and its key, so that both change in one moment.
const certificateFile = corev1.TLSCertKey

// addCertificateFile has the manager write the certificate into a file as soon as the Secret has another one. A kubelet that mounts the Secret
// would take up to two minutes, and the API server is told of the new authority at once.
func addCertificateFile(mgr ctrl.Manager, o *Options) error {
	secrets, err := cache.New(mgr.GetConfig(), cache.Options{
		Scheme: mgr.GetScheme(),
		Mapper: mgr.GetRESTMapper(),
		ByObject: map[client.Object]cache.ByObject{&corev1.Secret{}: {
			Namespaces: map[string]cache.Config{o.Namespace: {FieldSelector: fieldselectors.OneTermEqualSelector("metadata.name", o.Name)}},
		}},
	})
	if err != nil {
		return err
	}
	informer, err := secrets.GetInformer(context.Background(), &corev1.Secret{}, cache.BlockUntilSynced(false))
	if err != nil {
		return err
	}
	if _, err := informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
		AddFunc:    func(secret any) { logCertificateFile(o.CertDir, secret.(*corev1.Secret)) },
		UpdateFunc: func(_, secret any) { logCertificateFile(o.CertDir, secret.(*corev1.Secret)) },
	}); err != nil {
		return err
	}
	return mgr.Add(cacheOfReplica{secrets})
}

// cacheOfReplica is a cache that every replica fills, the leader or not.
type cacheOfReplica struct{ cache.Cache }

func (cacheOfReplica) NeedLeaderElection() bool { return false }

// logCertificateFile writes the file of a Secret, if that has a certificate, and logs an error.
func logCertificateFile(folder string, secret *corev1.Secret) {
	if len(secret.Data[corev1.TLSCertKey]) == 0 {
		return // It is filled at the start, or was emptied and is filled again.
	}
	if err := writeCertificateFile(folder, secret); err != nil {
		ctrl.Log.Error(err, "the certificate of the webhook cannot be put into its folder; the one before is served", "folder", folder)
	}
}

// writeCertificateFile puts the certificate and the key of a Secret into a folder, in the place of those before. It returns an error, and leaves
// those, if they do not belong together or cannot be written.
func writeCertificateFile(folder string, secret *corev1.Secret) error {
	pair := slices.Concat(secret.Data[corev1.TLSCertKey], secret.Data[corev1.TLSPrivateKeyKey])
	if _, err := tls.X509KeyPair(pair, pair); err != nil {
		return fmt.Errorf("the Secret %s/%s: %w", secret.Namespace, secret.Name, err)
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	next := filepath.Join(folder, certificateFile+".next")
	if err := os.WriteFile(next, pair, 0o600); err != nil {
		return err
	}
	return os.Rename(next, filepath.Join(folder, certificateFile))
}
