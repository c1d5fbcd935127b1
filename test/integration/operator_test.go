// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"fmt"
	"os"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"

	"haltline.dev/haltline/controllers"
	"haltline.dev/haltline/controllers/metrics"
	"haltline.dev/haltline/test/apiserver"
)

// operatorUser is the service account of the operator.
const operatorUser = "system:serviceaccount:haltline-system:haltline-manager"

// metricsAddress is where the operator serves /metrics.
var metricsAddress string

// foreseeable is the nonce of the tests, so that they can take a name before an execution does.
func foreseeable() string { return "" }

// startOperator runs the operator as main does, except for leader election and probes, and under its own role.
func startOperator(ctx context.Context) (wait func(), err error) {
	for _, file := range []string{"rbac/role.yaml", "rbac/role_binding.yaml"} {
		if err := cluster.CreateAll(ctx, file, allowDeletingJobs); err != nil {
			return nil, err
		}
	}
	address, err := apiserver.FreeAddress(ctx)
	if err != nil {
		return nil, err
	}
	metricsAddress = address.String()
	asOperator := cluster.ConfigAs(operatorUser)
	controllers.HandleWarnings(asOperator)
	mgr, err := ctrl.NewManager(asOperator, ctrl.Options{
		Scheme:  scheme,
		Cache:   controllers.CacheOptions(),
		Metrics: metrics.ServerOptions(metricsAddress, ""),
	})
	if err != nil {
		return nil, err
	}
	options := controllers.Options{Clock: clock.RealClock{}, Nonce: foreseeable, MaxConcurrentReconciles: 8, ReconciliationTimeout: time.Minute}
	if err := controllers.Setup(ctx, mgr, ctrlmetrics.Registry, options); err != nil {
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

// allowDeletingJobs adds to the operator's role what config/components/owner-references adds: the API server of the tests has
// OwnerReferencesPermissionEnforcement on.
func allowDeletingJobs(object *unstructured.Unstructured) error {
	if object.GetKind() != "ClusterRole" {
		return nil
	}
	rules, _, err := unstructured.NestedSlice(object.Object, "rules")
	if err != nil {
		return err
	}
	rules = append(rules, map[string]any{
		"apiGroups": []any{"batch"}, "resources": []any{"jobs"}, "verbs": []any{"delete"},
	})
	return unstructured.SetNestedSlice(object.Object, rules, "rules")
}
