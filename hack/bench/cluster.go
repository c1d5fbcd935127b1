// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
)

const (
	systemNamespace = "haltline-system"
	serviceAccount  = "haltline-manager"
	// operatorUser is who the operator is in the audit log.
	operatorUser = "system:serviceaccount:" + systemNamespace + ":" + serviceAccount
	unknownID    = "00000000-0000-4000-8000-000000000000"
)

// cluster is a local cluster with an audit log, on which everything is installed except the Deployment.
type cluster struct {
	name, tool, repository, folder, output string
	config                                 *rest.Config
	k8s                                    client.WithWatch
}

// startCluster starts a cluster in place of one of the same name that an earlier run left.
func startCluster(ctx context.Context, opts options) (*cluster, error) {
	c := &cluster{
		name: opts.cluster, repository: opts.repository, output: opts.folder,
		tool: filepath.Join(opts.repository, "hack", "cluster", "cluster"),
	}
	if err := c.remove(); err != nil {
		return nil, err
	}
	if err := c.prepare(ctx); err != nil {
		return nil, errors.Join(err, c.remove())
	}
	return c, nil
}

func (c *cluster) prepare(ctx context.Context) error {
	if _, err := c.runTool(ctx, "", "up", "--name", c.name, "--node", "simulated", "--audit", "audit-policy.yaml"); err != nil {
		return err
	}
	kubeconfig, err := c.runTool(ctx, "", "kubeconfig", "--name", c.name)
	if err != nil {
		return err
	}
	kubeconfig = strings.TrimSpace(kubeconfig)
	c.folder = filepath.Dir(kubeconfig)
	if c.config, err = clientcmd.BuildConfigFromFlags("", kubeconfig); err != nil {
		return err
	}
	c.config.QPS, c.config.UserAgent = -1, "bench"
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		return err
	}
	if c.k8s, err = client.NewWithWatch(c.config, client.Options{Scheme: scheme}); err != nil {
		return err
	}
	return c.install(ctx)
}

// remove has a context of its own, so that nothing is left behind after an interruption either.
func (c *cluster) remove() error {
	_, err := c.runTool(context.Background(), "", "down", "--name", c.name)
	return err
}

// runTool runs hack/cluster/cluster in a process group of its own: an interruption is for this program, which takes the cluster
// down.
func (c *cluster) runTool(ctx context.Context, input string, arguments ...string) (string, error) {
	cmd := exec.CommandContext(ctx, c.tool, arguments...)
	cmd.Env = append(os.Environ(), "HALTLINE_CLUSTER="+c.name)
	cmd.Stdin = strings.NewReader(input)
	cmd.SysProcAttr = ownGroup()
	var out, diagnostics bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &diagnostics
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("cluster %s: %w\n%s", strings.Join(arguments, " "), err, diagnostics.String())
	}
	return out.String(), nil
}

// install applies config/default without the Deployment: the operator runs as a process on this machine, with its own role.
func (c *cluster) install(ctx context.Context) error {
	manifests, err := c.runTool(ctx, "", "kubectl", "kustomize", filepath.Join(c.repository, "config", "default"))
	if err != nil {
		return err
	}
	var kept []string
	for _, document := range strings.Split(manifests, "\n---\n") {
		if !strings.Contains("\n"+document, "\nkind: Deployment\n") {
			kept = append(kept, document)
		}
	}
	if _, err := c.runTool(ctx, strings.Join(kept, "\n---\n"), "kubectl", "apply", "-f", "-"); err != nil {
		return err
	}
	if _, err := c.runTool(ctx, "", "kubectl", "wait", "--for=condition=Established", "--timeout=60s", "crd", "--all"); err != nil {
		return err
	}
	return c.waitForPolicies(ctx)
}

// waitForPolicies waits until the API server applies the admission policies.
func (c *cluster) waitForPolicies(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		sr := newStopRequest("default", "trial", unknownID, true)
		err := c.k8s.Create(ctx, sr, client.DryRunAll)
		if err == nil && sr.Spec.RequestedBy != "" {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(errors.New("the admission policies do not act"), err)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// writeKubeconfig writes a kubeconfig with the operator's rights and returns its path.
func (c *cluster) writeKubeconfig(ctx context.Context) (string, error) {
	sa := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: systemNamespace, Name: serviceAccount}}
	token := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{
		ExpirationSeconds: ptr.To(int64((12 * time.Hour).Seconds())),
	}}
	if err := c.k8s.SubResource("token").Create(ctx, sa, token); err != nil {
		return "", err
	}
	path := filepath.Join(c.folder, "operator.kubeconfig")
	return path, clientcmd.WriteToFile(clientcmdapi.Config{
		Clusters: map[string]*clientcmdapi.Cluster{"c": {
			Server: c.config.Host, CertificateAuthorityData: c.config.CAData, CertificateAuthority: c.config.CAFile,
		}},
		AuthInfos:      map[string]*clientcmdapi.AuthInfo{"u": {Token: token.Status.Token}},
		Contexts:       map[string]*clientcmdapi.Context{"x": {Cluster: "c", AuthInfo: "u"}},
		CurrentContext: "x",
	}, path)
}

func (c *cluster) createNamespace(ctx context.Context, name string) error {
	return c.k8s.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})
}
