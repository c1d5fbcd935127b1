// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
)

// userAgent names the requests of this program in the audit log.
const userAgent = "haltline-bench"

// writers are how many requests people have under way at the same time in a storm.
const writers = 32

// cluster is the cluster that is measured, as people use it.
type cluster struct {
	client.WithWatch
	config *rest.Config
}

func newCluster(kubeconfig string) (*cluster, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, err
	}
	if err := requireLoopback(config.Host); err != nil {
		return nil, err
	}
	config.QPS, config.UserAgent = -1, userAgent
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		return nil, err
	}
	c, err := client.NewWithWatch(config, client.Options{Scheme: scheme})
	return &cluster{c, config}, err
}

// requireLoopback returns an error for a cluster that others may use.
func requireLoopback(host string) error {
	address, err := url.Parse(host)
	if err != nil {
		return err
	}
	if ip := net.ParseIP(address.Hostname()); ip == nil || !ip.IsLoopback() {
		return fmt.Errorf("%s is not an address of this machine's loopback", host)
	}
	return nil
}

// createNamespace creates a namespace of its own for a part.
func (c *cluster) createNamespace(ctx context.Context, part string) (string, error) {
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "bench-" + part + "-"}}
	err := c.Create(ctx, ns)
	return ns.Name, err
}

// forEach calls a function for each number below n, so many at the same time, until one returns an error.
func forEach(ctx context.Context, n, atOnce int, do func(ctx context.Context, i int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	numbers := make(chan int)
	var all sync.WaitGroup
	for range min(atOnce, n) {
		all.Go(func() {
			for i := range numbers {
				if err := do(ctx, i); err != nil {
					cancel(err)
					return
				}
			}
		})
	}
	defer all.Wait()
	defer close(numbers)
	for i := range n {
		select {
		case numbers <- i:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// pause waits, or returns an error if the run ends before.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
