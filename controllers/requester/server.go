// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package requester

import (
	"context"
	"os"
	"path/filepath"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/webhook"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"
)

// path is where the webhook is served; config/components/webhook names it as well.
const path = "/stamp"

// Setup has the manager serve the webhook as long as it runs, the leader or not. The manager is not ready before the webhook is
// served.
func Setup(mgr ctrl.Manager, o *Options) error {
	if err := addRotator(mgr, o); err != nil {
		return err
	}
	if err := addCertificateFile(mgr, o); err != nil {
		return err
	}
	host, port, err := o.address()
	if err != nil {
		return err
	}
	s := &server{
		certDir: o.CertDir,
		Server:  webhook.NewServer(webhook.Options{Host: host, Port: port, CertDir: o.CertDir, CertName: certificateFile, KeyName: certificateFile}),
	}
	s.Register(path, newLimited(&admission.Webhook{Handler: admission.HandlerFunc(handle)}, maxAtWork))
	if err := mgr.Add(s); err != nil {
		return err
	}
	return mgr.AddReadyzCheck("requester-webhook", s.StartedChecker())
}

// server serves when its certificate is there. Having the methods of a Server, it is started with the manager's webhooks: before the
// caches, which write the certificate, and stopped after them. The manager runs Start by itself and does not wait for it.
type server struct {
	webhook.Server
	certDir string
}

func (s *server) Start(ctx context.Context) error {
	if err := s.waitForCertificate(ctx); err != nil {
		// The operator is told to end before the certificate came.
		return nil //nolint:nilerr // It is the end that was asked for.
	}
	return s.Server.Start(ctx)
}

// waitForCertificate waits until the certificate is in the folder. At the first start the operator has to make it.
func (s *server) waitForCertificate(ctx context.Context) error {
	ctrl.Log.Info("waiting for the certificate of the webhook", "folder", s.certDir)
	return wait.PollUntilContextCancel(ctx, time.Second, true, func(context.Context) (bool, error) {
		_, err := os.Stat(filepath.Join(s.certDir, certificateFile))
		return err == nil, nil
	})
}
