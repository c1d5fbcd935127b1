// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

// Command haltline is the operator: it runs pipelines, and stops them by the rules of StopPipelineExecution.
package main

import (
	"flag"
	"fmt"
	"os"
	"time"

	"go.uber.org/zap/zapcore"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers"
)

// version is set when the binary is built.
var version = "dev"

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "haltline:", err)
		os.Exit(1)
	}
}

func run() error {
	var (
		leaderElect = flag.Bool("leader-elect", false, "Elect a leader, so that one of several replicas works.")
		probeAddr   = flag.String("health-probe-bind-address", ":8081", "The address of /healthz and /readyz.")
		concurrency = flag.Int("max-concurrent-reconciles", 32, "How many objects of a kind are worked on at the same time.")
		timeout     = flag.Duration("reconciliation-timeout", time.Minute, "How long a reconciliation may take before it is tried again.")
	)
	logs := zap.Options{TimeEncoder: zapcore.RFC3339NanoTimeEncoder}
	logs.BindFlags(flag.CommandLine)
	flag.Parse()
	ctrl.SetLogger(zap.New(zap.UseFlagOptions(&logs)))

	scheme := runtime.NewScheme()
	if err := clientgoscheme.AddToScheme(scheme); err != nil {
		return err
	}
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		return err
	}
	config, err := ctrl.GetConfig()
	if err != nil {
		return err
	}
	// The API server's priority and fairness protects it; a limit here would only make stops late.
	config.QPS = -1
	mgr, err := ctrl.NewManager(config, ctrl.Options{
		Scheme:                        scheme,
		Cache:                         controllers.CacheOptions(),
		Metrics:                       metricsserver.Options{BindAddress: "0"},
		HealthProbeBindAddress:        *probeAddr,
		LeaderElection:                *leaderElect,
		LeaderElectionID:              "haltline.pipelines.haltline.dev",
		LeaderElectionReleaseOnCancel: true,
	})
	if err != nil {
		return err
	}
	ctx := ctrl.SetupSignalHandler()
	if err := controllers.Setup(ctx, mgr, controllers.Options{
		Clock: clock.RealClock{}, MaxConcurrentReconciles: *concurrency, ReconciliationTimeout: *timeout,
	}); err != nil {
		return err
	}
	for name, add := range map[string]func(string, healthz.Checker) error{"healthz": mgr.AddHealthzCheck, "readyz": mgr.AddReadyzCheck} {
		if err := add(name, healthz.Ping); err != nil {
			return err
		}
	}
	ctrl.Log.Info("starting", "version", version)
	return mgr.Start(ctx)
}
