// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

// Package apiserver starts what a test needs of a real cluster: an API server with the kinds of Haltline, the controllers of
// Kubernetes that a pipeline depends on, and a stand-in for the kubelet that ends pods as a test asks.
//
// It needs etcd, kube-apiserver and kube-controller-manager in the folder that KUBEBUILDER_ASSETS names;
// `hack/cluster/cluster assets` builds them and prints that folder.
package apiserver

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"haltline.dev/haltline/api/v1alpha1"
)

// Cluster is a control plane without nodes.
type Cluster struct {
	// Config is an administrator's access.
	Config *rest.Config
	// Client reads from and writes to the API server as an administrator, without a cache.
	Client client.WithWatch
	// Scheme knows the kinds of Kubernetes and of Haltline.
	Scheme *runtime.Scheme
	// Kubeconfig is a file that gives kubectl an administrator's access.
	Kubeconfig string

	// crds are the folders of the CRDs that are there from the start.
	crds        []string
	dir         string
	environment *envtest.Environment
	controllers *exec.Cmd
}

// Start starts a cluster. Its kubelet runs until ctx is done; the rest runs until Stop. If it returns an error, nothing is
// left running.
func Start(ctx context.Context) (*Cluster, error) {
	return start(ctx, filepath.Join(RepositoryRoot(), "config", "crd", "bases"))
}

// StartEmpty starts a cluster that does not have the kinds of Haltline, as Start does.
func StartEmpty(ctx context.Context) (*Cluster, error) {
	return start(ctx)
}

func start(ctx context.Context, crds ...string) (*Cluster, error) {
	c := &Cluster{Scheme: runtime.NewScheme(), crds: crds}
	if err := c.start(); err != nil {
		c.Stop()
		return nil, err
	}
	go c.runKubelet(ctx)
	return c, nil
}

func (c *Cluster) start() (err error) {
	if err := clientgoscheme.AddToScheme(c.Scheme); err != nil {
		return err
	}
	if err := v1alpha1.AddToScheme(c.Scheme); err != nil {
		return err
	}
	if c.dir, err = os.MkdirTemp("", "haltline-test-"); err != nil {
		return err
	}
	if err := c.startAPIServer(); err != nil {
		return err
	}
	if c.Client, err = client.NewWithWatch(c.Config, client.Options{Scheme: c.Scheme}); err != nil {
		return err
	}
	return c.startControllers()
}

func (c *Cluster) startAPIServer() (err error) {
	c.environment = &envtest.Environment{
		CRDDirectoryPaths:     c.crds,
		ErrorIfCRDPathMissing: true,
	}
	// Some distributions have this plugin on; it asks more of whoever writes owner references.
	c.environment.ControlPlane.GetAPIServer().Configure().Append("enable-admission-plugins", "OwnerReferencesPermissionEnforcement")
	defer collectLessOften()()
	if c.Config, err = c.environment.Start(); err != nil {
		return fmt.Errorf("starting the API server (does KUBEBUILDER_ASSETS name its folder?): %w", err)
	}
	c.Config.QPS = -1
	c.Kubeconfig = filepath.Join(c.dir, "kubeconfig")
	return c.writeKubeconfig("administrator", c.Kubeconfig)
}

// collectLessOften has programs that are started until the returned function is called collect garbage less often: a fifth of what an API
// server computes is that.
func collectLessOften() (restore func()) {
	const variable = "GOGC"
	before, wasSet := os.LookupEnv(variable)
	_ = os.Setenv(variable, "400")
	return func() {
		if wasSet {
			_ = os.Setenv(variable, before)
			return
		}
		_ = os.Unsetenv(variable)
	}
}

// writeKubeconfig writes a file that gives a new user an administrator's access.
func (c *Cluster) writeKubeconfig(user, file string) error {
	admin, err := c.environment.AddUser(envtest.User{Name: user, Groups: []string{"system:masters"}}, nil)
	if err != nil {
		return err
	}
	content, err := admin.KubeConfig()
	if err != nil {
		return err
	}
	return os.WriteFile(file, content, 0o600)
}

// startControllers runs the controllers of Kubernetes that a pipeline depends on.
func (c *Cluster) startControllers() error {
	kubeconfig := filepath.Join(c.dir, "controllers")
	if err := c.writeKubeconfig("system:kube-controller-manager", kubeconfig); err != nil {
		return err
	}
	log, err := OpenLog()
	if err != nil {
		return err
	}
	//nolint:gosec // The folder is the tester's own.
	c.controllers = exec.Command(Binary("kube-controller-manager"),
		"--kubeconfig", kubeconfig, "--leader-elect=false", "--secure-port=0", "--kube-api-qps=1000", "--kube-api-burst=1000",
		"--controllers=job-controller,cronjob-controller,garbage-collector-controller,namespace-controller,resourcequota-controller,"+
			"clusterrole-aggregation-controller")
	c.controllers.Stdout, c.controllers.Stderr = log, log
	if err := c.controllers.Start(); err != nil {
		return fmt.Errorf("starting kube-controller-manager: %w", err)
	}
	return nil
}

// Stop ends everything that Start began, except the kubelet.
func (c *Cluster) Stop() {
	if c.controllers != nil && c.controllers.Process != nil {
		_ = c.controllers.Process.Kill()
		_ = c.controllers.Wait()
	}
	if c.environment != nil {
		_ = c.environment.Stop()
	}
	if c.dir != "" {
		_ = os.RemoveAll(c.dir)
	}
}
