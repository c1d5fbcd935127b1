// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

// Package e2e tries the rules of a stop on real containers. The operator runs in the cluster as config/default deploys it.
// KUBECONFIG names the cluster, whose nodes must have busybox:1.35; `make test-e2e` starts one.
package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/builders"
)

// operatorKey is the Deployment of the operator in config/default.
var operatorKey = client.ObjectKey{Namespace: "haltline-system", Name: "haltline-manager"}

var (
	// k8s reads from and writes to the API server, without a cache.
	k8s client.WithWatch
	// clientset reads logs, which k8s cannot.
	clientset *kubernetes.Clientset
)

func TestMain(m *testing.M) {
	if err := connect(); err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func connect() error {
	ctrl.SetLogger(zap.New())
	if os.Getenv("KUBECONFIG") == "" {
		return errors.New("KUBECONFIG is not set; `make test-e2e` starts a cluster for these tests")
	}
	config, err := ctrl.GetConfig()
	if err != nil {
		return err
	}
	config.QPS = -1
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		return err
	}
	if k8s, err = client.NewWithWatch(config, client.Options{Scheme: scheme}); err != nil {
		return err
	}
	if clientset, err = kubernetes.NewForConfig(config); err != nil {
		return err
	}
	return errors.Join(waitForOperator(context.Background()), waitForPolicies(context.Background()))
}

// waitForOperator waits until the operator runs.
func waitForOperator(ctx context.Context) error {
	var last error
	err := wait.PollUntilContextTimeout(ctx, time.Second, 3*time.Minute, true, func(ctx context.Context) (bool, error) {
		d := &appsv1.Deployment{}
		last = k8s.Get(ctx, operatorKey, d)
		return last == nil && d.Status.ObservedGeneration == d.Generation && d.Status.Replicas == *d.Spec.Replicas &&
			d.Status.UpdatedReplicas == *d.Spec.Replicas && d.Status.AvailableReplicas == *d.Spec.Replicas, nil
	})
	if err != nil {
		return fmt.Errorf("waiting for Deployment %s: %w", operatorKey, errors.Join(err, last))
	}
	return nil
}

// waitForPolicies waits until the API server applies the admission policies. It learns of a new kind, and of a policy on it, some
// seconds after both were created. Until then it answers with ServiceUnavailable, or leaves an object unstamped.
func waitForPolicies(ctx context.Context) error {
	var last error
	err := wait.PollUntilContextTimeout(ctx, time.Second, time.Minute, true, func(ctx context.Context) (bool, error) {
		sr := builders.StopRequest(metav1.NamespaceDefault, "trial", builders.UnknownID)
		execution := builders.Execution(metav1.NamespaceDefault, "trial")
		last = errors.Join(k8s.Create(ctx, sr, client.DryRunAll), k8s.Create(ctx, execution, client.DryRunAll))
		return last == nil && sr.Spec.RequestedBy != "" && execution.Spec.StartedBy != "", nil
	})
	if err != nil {
		return fmt.Errorf("waiting for the admission policies: %w", errors.Join(err, last))
	}
	return nil
}
