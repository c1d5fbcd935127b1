// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

// Package e2e tries the rules of a stop on real containers, with the operator in the cluster as config/default deploys
// it. KUBECONFIG names the cluster, whose nodes have to be able to run busybox:1.35; `make test-e2e` starts one.
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
)

// The operator, as config/default deploys it.
var operator = client.ObjectKey{Namespace: "haltline-system", Name: "haltline-manager"}

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
	return errors.Join(rolledOut(context.Background()), inForce(context.Background()))
}

// rolledOut waits until the operator runs.
func rolledOut(ctx context.Context) error {
	var last error
	err := wait.PollUntilContextTimeout(ctx, time.Second, 3*time.Minute, true, func(ctx context.Context) (bool, error) {
		d := &appsv1.Deployment{}
		last = k8s.Get(ctx, operator, d)
		return last == nil && d.Status.ObservedGeneration == d.Generation && d.Status.Replicas == *d.Spec.Replicas &&
			d.Status.UpdatedReplicas == *d.Spec.Replicas && d.Status.AvailableReplicas == *d.Spec.Replicas, nil
	})
	if err != nil {
		return fmt.Errorf("waiting for Deployment %s: %w", operator, errors.Join(err, last))
	}
	return nil
}

// inForce waits until the API server applies the admission policies: it learns of a new kind, and of a policy on it, some
// seconds after both were created, and answers a StopRequest with ServiceUnavailable or leaves it unstamped until then.
func inForce(ctx context.Context) error {
	var last error
	err := wait.PollUntilContextTimeout(ctx, time.Second, time.Minute, true, func(ctx context.Context) (bool, error) {
		trial := &v1alpha1.StopRequest{
			ObjectMeta: metav1.ObjectMeta{Namespace: metav1.NamespaceDefault, Name: "trial"},
			Spec:       v1alpha1.StopRequestSpec{PipelineName: "web", PipelineExecutionID: "00000000-0000-0000-0000-000000000000"},
		}
		last = k8s.Create(ctx, trial, client.DryRunAll)
		return last == nil && trial.Spec.RequestedBy != "", nil
	})
	if err != nil {
		return fmt.Errorf("waiting for the admission policies: %w", errors.Join(err, last))
	}
	return nil
}
