// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package requester

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	fieldselectors "k8s.io/apimachinery/pkg/fields"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// certificateFile has the certificate and its key, so that both change in one moment. The rotator looks for a file of this name, too, and ends the
// operator if none comes.
const certificateFile = corev1.TLSCertKey

// certificateInterval is how often the file is compared with the Secret, beside each change of that.
const certificateInterval = time.Minute

// addCertificateFile has the manager write the certificate into a file as soon as the Secret has another one. A kubelet that mounts the Secret
// would take up to two minutes, and the API server is told of the new authority at once.
func addCertificateFile(mgr ctrl.Manager, o *Options) error {
	if err := removeCertificateFile(o.CertDir); err != nil {
		return err
	}
	secrets, err := cache.New(mgr.GetConfig(), cache.Options{
		Scheme: mgr.GetScheme(),
		Mapper: mgr.GetRESTMapper(),
		ByObject: map[client.Object]cache.ByObject{&corev1.Secret{}: {
			Namespaces: map[string]cache.Config{o.Namespace: {FieldSelector: fieldselectors.OneTermEqualSelector("metadata.name", o.Name)}},
			SyncPeriod: ptr.To(certificateInterval),
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
		AddFunc:    func(secret any) { updateCertificateFile(o.CertDir, secret.(*corev1.Secret)) },
		UpdateFunc: func(_, secret any) { updateCertificateFile(o.CertDir, secret.(*corev1.Secret)) },
	}); err != nil {
		return err
	}
	return mgr.Add(cacheOfReplica{secrets})
}

// cacheOfReplica is a cache that every replica fills, the leader or not.
type cacheOfReplica struct{ cache.Cache }

func (cacheOfReplica) NeedLeaderElection() bool { return false }

// removeCertificateFile removes what the process before has left in a pod. Another replica may have renewed the authority meanwhile.
func removeCertificateFile(folder string) error {
	if err := os.Remove(filepath.Join(folder, certificateFile)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("--requester-webhook-cert-dir=%s: give a folder that the operator may write to: %w", folder, err)
	}
	return nil
}

// updateCertificateFile writes the certificate of a Secret that has one, and logs an error. The next update tries again.
func updateCertificateFile(folder string, secret *corev1.Secret) {
	if len(secret.Data[corev1.TLSCertKey]) == 0 {
		return // The rotator fills it.
	}
	if err := writeCertificateFile(folder, secret); err != nil {
		ctrl.Log.Error(err, "the certificate of the webhook was not put into its folder; trying again in a minute", "folder", folder)
	}
}

// writeCertificateFile puts the certificate and the key of a Secret into a folder, in the place of those before. It returns an error, and leaves
// those, if they do not belong together or cannot be written.
func writeCertificateFile(folder string, secret *corev1.Secret) error {
	pair := slices.Concat(secret.Data[corev1.TLSCertKey], secret.Data[corev1.TLSPrivateKeyKey])
	if _, err := tls.X509KeyPair(pair, pair); err != nil {
		return fmt.Errorf("the Secret %s/%s, which can be emptied to be filled again: %w", secret.Namespace, secret.Name, err)
	}
	file := filepath.Join(folder, certificateFile)
	if before, err := os.ReadFile(file); err == nil && bytes.Equal(before, pair) {
		return nil
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	next := file + ".next"
	if err := os.WriteFile(next, pair, 0o600); err != nil {
		return err
	}
	return os.Rename(next, file)
}
