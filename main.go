// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

// Command haltline is the operator: it runs pipelines, and stops them by the rules of StopPipelineExecution.
package main

import (
	"context"
	"crypto/rand"
	"flag"
	"fmt"
	"os"
	"runtime/debug"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap/zapcore"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers"
	"haltline.dev/haltline/controllers/metrics"
	"haltline.dev/haltline/controllers/requester"
)

// version is set when the binary is built.
var version = "dev"

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "haltline:", err)
		os.Exit(1)
	}
}

// flags are the settings of the operator.
type flags struct {
	leaderElect    bool
	leaseNamespace string
	probeAddr      string
	metricsAddr    string
	metricsCertDir string
	pprofAddr      string
	policies       bool
	concurrency    int
	timeout        time.Duration
	namespaces     controllers.Namespaces
	shard          controllers.Shard
	requester      requester.Options
	logs           zap.Options
}

func parseFlags() *flags {
	f := &flags{logs: zap.Options{TimeEncoder: zapcore.RFC3339NanoTimeEncoder}}
	flag.BoolVar(&f.leaderElect, "leader-elect", false, "Elect a leader, so that one of several replicas works.")
	flag.StringVar(&f.leaseNamespace, "leader-election-namespace", "",
		"The namespace of the lease. Without it, it is the namespace that the operator runs in.")
	flag.StringVar(&f.probeAddr, "health-probe-bind-address", ":8081", "The address of /healthz and /readyz.")
	flag.StringVar(&f.metricsAddr, "metrics-bind-address", "0",
		"The address of /metrics, such as :8443; 0 serves none. It is served by TLS, to whoever may get the path /metrics.")
	flag.StringVar(&f.metricsCertDir, "metrics-cert-dir", "",
		"The folder of tls.crt and tls.key for /metrics. Without it the operator signs a certificate itself.")
	flag.StringVar(&f.pprofAddr, "pprof-bind-address", "",
		"The address of /debug/pprof, such as localhost:6060; empty serves none. Whoever can reach it may read the memory of the operator.")
	flag.BoolVar(&f.policies, "wait-for-policies", false,
		"Start when the admission policies of Haltline are in force, and end with an error if a dry run shows for 30 seconds that they are not.")
	flag.IntVar(&f.concurrency, "max-concurrent-reconciles", 32, "How many objects of a kind are worked on at the same time.")
	flag.DurationVar(&f.timeout, "reconciliation-timeout", time.Minute, "How long a reconciliation may take before it is tried again.")
	flag.Var(&f.namespaces, "namespaces",
		"The namespaces to work in, separated by commas; it may be repeated. Without it the operator works in all.")
	flag.Var(&f.shard, "shard",
		"The index of this operator and the number of operators that divide the namespaces, such as 0/2. Without it the operator works in all.")
	f.requester.BindFlags(flag.CommandLine)
	f.logs.BindFlags(flag.CommandLine)
	flag.Parse()
	return f
}

func run() error {
	f := parseFlags()
	if err := f.shard.CheckFlags(f.namespaces, f.leaderElect); err != nil {
		return err
	}
	if err := f.requester.Complete(); err != nil {
		return err
	}
	collectGarbageEarly()
	ctrl.SetLogger(zap.New(zap.UseFlagOptions(&f.logs)))
	mgr, err := newManager(f)
	if err != nil {
		return err
	}
	ctx := ctrl.SetupSignalHandler()
	if f.policies {
		if err := controllers.WaitForPolicies(ctx, mgr.GetClient(), f.namespaces, controllers.PoliciesTimeout); err != nil {
			return err
		}
	}
	go returnMemoryOfLists(ctx, mgr)
	if err := controllers.Setup(ctx, mgr, f.registerer(), controllers.Options{
		Clock: clock.RealClock{}, Nonce: rand.Text, MaxConcurrentReconciles: f.concurrency, ReconciliationTimeout: f.timeout,
	}); err != nil {
		return err
	}
	if f.requester.IsServed() {
		if err := requester.Setup(mgr, &f.requester); err != nil {
			return err
		}
	}
	for name, add := range map[string]func(string, healthz.Checker) error{"healthz": mgr.AddHealthzCheck, "readyz": mgr.AddReadyzCheck} {
		if err := add(name, healthz.Ping); err != nil {
			return err
		}
	}
	ctrl.Log.Info("starting", "version", version, "shard", f.shard.String())
	return mgr.Start(ctx)
}

// registerer returns what the metrics of the operator are registered with: each has the shard as a label, if there is one.
func (f *flags) registerer() prometheus.Registerer {
	if !f.shard.IsSet() {
		return ctrlmetrics.Registry
	}
	return prometheus.WrapRegistererWith(prometheus.Labels{"shard": f.shard.String()}, ctrlmetrics.Registry)
}

// collectGarbageEarly has the process take at most half as much memory again as it needs; Go's default is as much again. Most of it
// is the cache, which lives long, and the operator computes little. The environment variable GOGC sets something else.
func collectGarbageEarly() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(50)
	}
}

// returnMemoryOfLists gives back to the system what the first lists took: they come whole, and the cache keeps little of them.
func returnMemoryOfLists(ctx context.Context, mgr ctrl.Manager) {
	if mgr.GetCache().WaitForCacheSync(ctx) {
		debug.FreeOSMemory()
	}
}

func newManager(f *flags) (ctrl.Manager, error) {
	scheme := runtime.NewScheme()
	if err := clientgoscheme.AddToScheme(scheme); err != nil {
		return nil, err
	}
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		return nil, err
	}
	config, err := ctrl.GetConfig()
	if err != nil {
		return nil, err
	}
	// The API server's priority and fairness protects it; a limit here would only make stops late.
	config.QPS = -1
	controllers.HandleWarnings(config)
	return ctrl.NewManager(config, ctrl.Options{
		Scheme:                        scheme,
		Cache:                         controllers.OfShard(controllers.InNamespaces(controllers.CacheOptions(), f.namespaces), f.shard),
		Metrics:                       metrics.ServerOptions(f.metricsAddr, f.metricsCertDir),
		HealthProbeBindAddress:        f.probeAddr,
		PprofBindAddress:              f.pprofAddr,
		LeaderElection:                f.leaderElect,
		LeaderElectionID:              controllers.LeaseName(f.shard, f.namespaces),
		LeaderElectionNamespace:       f.leaseNamespace,
		LeaderElectionReleaseOnCancel: true,
	})
}
