// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

// Package integration runs the reconcilers against a real API server with the real Job controller, garbage collector and
// namespace controller. Pods are ended by a stand-in for the kubelet, as each test asks.
//
// It needs etcd, kube-apiserver and kube-controller-manager in the folder that KUBEBUILDER_ASSETS names; `make test`
// builds them.
package integration

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers"
)

var (
	// cfg is an administrator's access to the API server.
	cfg *rest.Config
	// k8s reads from and writes to the API server, without a cache.
	k8s client.WithWatch
	// scheme knows the kinds of Kubernetes and of Haltline.
	scheme = runtime.NewScheme()
)

func TestMain(m *testing.M) {
	code, err := runAll(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func runAll(m *testing.M) (code int, err error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	ctrl.SetLogger(zap.New(zap.WriteTo(logFile())))
	if err := clientgoscheme.AddToScheme(scheme); err != nil {
		return 0, err
	}
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		return 0, err
	}
	env := &envtest.Environment{
		CRDDirectoryPaths:     []string{filepath.Join("..", "..", "config", "crd", "bases")},
		ErrorIfCRDPathMissing: true,
	}
	defer func() { _ = env.Stop() }()
	// Some distributions have it on; it asks more of whoever writes owner references.
	env.ControlPlane.GetAPIServer().Configure().Append("enable-admission-plugins", "OwnerReferencesPermissionEnforcement")
	if cfg, err = env.Start(); err != nil {
		return 0, fmt.Errorf("starting the API server (does KUBEBUILDER_ASSETS name its folder?): %w", err)
	}
	cfg.QPS = -1
	if k8s, err = client.NewWithWatch(cfg, client.Options{Scheme: scheme}); err != nil {
		return 0, err
	}
	stop, err := startControllerManager(env)
	if err != nil {
		return 0, err
	}
	defer stop()
	if err := installPolicies(ctx); err != nil {
		return 0, fmt.Errorf("installing the policies: %w", err)
	}
	go runKubelet(ctx)
	wait, err := startOperator(ctx)
	if err != nil {
		return 0, err
	}
	code = m.Run()
	cancel()
	wait()
	return code, nil
}

// startControllerManager runs the controllers of Kubernetes that a pipeline depends on.
func startControllerManager(env *envtest.Environment) (stop func(), err error) {
	dir, err := os.MkdirTemp("", "haltline-integration-")
	if err != nil {
		return nil, err
	}
	kubeconfig := filepath.Join(dir, "kubeconfig")
	admin, err := env.AddUser(envtest.User{Name: "controller-manager", Groups: []string{"system:masters"}}, nil)
	if err != nil {
		return nil, err
	}
	content, err := admin.KubeConfig()
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(kubeconfig, content, 0o600); err != nil {
		return nil, err
	}
	//nolint:gosec // The folder is the tester's own.
	cmd := exec.Command(filepath.Join(os.Getenv("KUBEBUILDER_ASSETS"), "kube-controller-manager"),
		"--kubeconfig", kubeconfig, "--leader-elect=false", "--secure-port=0", "--kube-api-qps=1000", "--kube-api-burst=1000",
		"--controllers=job-controller,garbage-collector-controller,namespace-controller,resourcequota-controller,"+
			"clusterrole-aggregation-controller")
	cmd.Stdout, cmd.Stderr = logFile(), logFile()
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting kube-controller-manager: %w", err)
	}
	return func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = os.RemoveAll(dir)
	}, nil
}

// logFile is where the operator and the controllers of Kubernetes log to: nowhere, unless HALTLINE_TEST_LOG names a file.
func logFile() io.Writer {
	name := os.Getenv("HALTLINE_TEST_LOG")
	if name == "" {
		return io.Discard
	}
	f, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return io.Discard
	}
	return f
}

// startOperator runs the operator as main does, but for leader election and probes, and under its own role.
func startOperator(ctx context.Context) (wait func(), err error) {
	if err := applyAll(ctx, "rbac/role.yaml"); err != nil {
		return nil, err
	}
	if err := applyAll(ctx, "rbac/role_binding.yaml"); err != nil {
		return nil, err
	}
	own := rest.CopyConfig(cfg)
	own.Impersonate = rest.ImpersonationConfig{UserName: "system:serviceaccount:haltline-system:haltline-manager"}
	mgr, err := ctrl.NewManager(own, ctrl.Options{
		Scheme:  scheme,
		Cache:   controllers.CacheOptions(),
		Metrics: metricsserver.Options{BindAddress: "0"},
	})
	if err != nil {
		return nil, err
	}
	options := controllers.Options{Clock: clock.RealClock{}, MaxConcurrentReconciles: 8, ReconciliationTimeout: time.Minute}
	if err := controllers.Setup(ctx, mgr, prometheus.NewRegistry(), options); err != nil {
		return nil, err
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := mgr.Start(ctx); err != nil {
			fmt.Fprintln(os.Stderr, "the operator ended:", err)
		}
	}()
	return func() { <-done }, nil
}
