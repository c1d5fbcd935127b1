// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

// Package comparison compares the models of test/simcluster with what they stand for: the API server, the Job controller, the
// garbage collector and the namespace controller of Kubernetes. No operator runs.
package comparison

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"haltline.dev/haltline/test/apiserver"
)

// How long a test waits for the real controllers, and how often it looks.
const (
	patience = 2 * time.Minute
	tick     = 20 * time.Millisecond
	// slowTick is for what all scripts wait for at the same time.
	slowTick = 200 * time.Millisecond
)

// kubernetes is the real API server with the real controllers.
var kubernetes *apiserver.Cluster

func TestMain(m *testing.M) {
	ctx, cancel := context.WithCancel(context.Background())
	var err error
	if kubernetes, err = apiserver.Start(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	cancel()
	kubernetes.Stop()
	os.Exit(code)
}

// createNamespace creates a namespace of the real cluster for a test, and deletes it at the end of the test.
func createNamespace(t *testing.T) string {
	t.Helper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "test-"}}
	if err := kubernetes.Client.Create(t.Context(), ns); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = kubernetes.Client.Delete(context.Background(), ns) })
	return ns.Name
}
