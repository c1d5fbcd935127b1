// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

// Package integration runs the operator against a real API server with the real Job controller, garbage collector and
// namespace controller. Pods end as each test asks.
package integration

import (
	"context"
	"fmt"
	"io"
	"os"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	"haltline.dev/haltline/test/apiserver"
)

var (
	// cluster is the API server with the controllers of Kubernetes.
	cluster *apiserver.Cluster
	// cfg is an administrator's access to the API server.
	cfg *rest.Config
	// k8s reads from and writes to the API server as an administrator, without a cache.
	k8s client.WithWatch
	// scheme knows the kinds of Kubernetes and of Haltline.
	scheme *runtime.Scheme
)

func TestMain(m *testing.M) { apiserver.Exit(runTests(m)) }

func runTests(m *testing.M) (code int, err error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	log, err := apiserver.OpenLog()
	if err != nil {
		return 0, err
	}
	ctrl.SetLogger(zap.New(zap.WriteTo(io.MultiWriter(log, reconcilerErrors))))
	if cluster, err = apiserver.Start(ctx); err != nil {
		return 0, err
	}
	defer cluster.Stop()
	cfg, k8s, scheme = cluster.Config, cluster.Client, cluster.Scheme
	if err := installPolicies(ctx); err != nil {
		return 0, fmt.Errorf("installing the policies: %w", err)
	}
	waitForOperator, err := startOperator(ctx)
	if err != nil {
		return 0, err
	}
	code = m.Run()
	cancel()
	waitForOperator()
	return code, os.RemoveAll(plugin.folder)
}
