// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/test/apiserver"
	"haltline.dev/haltline/test/builders"
)

const (
	// account is that of the operator.
	account = "system:serviceaccount:haltline-system:haltline-manager"
	// timeout bounds what has to happen by itself.
	timeout  = time.Minute
	interval = 100 * time.Millisecond
)

var (
	// cluster is the API server with the controllers of Kubernetes.
	cluster *apiserver.Cluster
	// binaries has kubectl-haltline, its completion, and the operator.
	binaries string
)

func TestMain(m *testing.M) { apiserver.Exit(runTests(m)) }

func runTests(m *testing.M) (code int, err error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if binaries, err = os.MkdirTemp("", "haltline-plugin-"); err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(binaries)) }()
	if err := errors.Join(
		apiserver.Build(ctx, ".", filepath.Join(binaries, "haltline")),
		apiserver.Build(ctx, "cmd/kubectl-haltline", filepath.Join(binaries, "kubectl-haltline")),
		installCompletion(),
	); err != nil {
		return 0, err
	}
	if cluster, err = apiserver.Start(ctx); err != nil {
		return 0, err
	}
	defer cluster.Stop()
	if err := installPolicies(ctx); err != nil {
		return 0, err
	}
	endOperator, err := startOperator(ctx)
	if err != nil {
		return 0, err
	}
	kubelet, err := startNode(ctx)
	if err != nil {
		return 0, err
	}
	defer kubelet.Close()
	go endPods(ctx)
	code = m.Run()
	// The API server waits for watches before it stops.
	cancel()
	endOperator()
	return code, nil
}

// installCompletion puts the script that kubectl asks for completions beside the plugin, as docs/plugin.md installs it.
func installCompletion() error {
	script, err := os.ReadFile(filepath.Join(apiserver.RepositoryRoot(), "cmd", "kubectl-haltline", "kubectl_complete-haltline"))
	if err != nil {
		return err
	}
	//nolint:gosec // kubectl runs it.
	return os.WriteFile(filepath.Join(binaries, "kubectl_complete-haltline"), script, 0o755)
}

// installPolicies installs the roles of users and the policies on who may what, and waits until they are in force.
func installPolicies(ctx context.Context) error {
	for _, pattern := range []string{"policy/verbs/[pa]*.yaml", "policy/verbs/binding.yaml", "policy/stamp/[psa]*.yaml", "rbac/view_role.yaml", "rbac/edit_role.yaml", "rbac/admin_role.yaml"} {
		if err := cluster.CreateAll(ctx, pattern); err != nil {
			return err
		}
	}
	config := rest.CopyConfig(cluster.Config)
	config.Impersonate = rest.ImpersonationConfig{UserName: "stranger", Groups: []string{"system:masters"}}
	stranger, err := client.New(config, client.Options{Scheme: cluster.Scheme})
	if err != nil {
		return err
	}
	return wait.PollUntilContextTimeout(ctx, interval, timeout, true, func(ctx context.Context) (bool, error) {
		sr := builders.StopRequest("default", "trial", builders.UnknownID)
		err := stranger.Create(ctx, sr, client.DryRunAll)
		return err == nil && sr.Spec.RequestedBy == "stranger", nil
	})
}

// startOperator runs the operator as its account, which may do everything here, and returns what ends it.
func startOperator(ctx context.Context) (end func(), err error) {
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "operator"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: "haltline-system", Name: "haltline-manager"}},
	}
	if err := cluster.Client.Create(ctx, binding); err != nil {
		return nil, err
	}
	kubeconfig, err := writeKubeconfig(account)
	if err != nil {
		return nil, err
	}
	log, err := apiserver.OpenLog()
	if err != nil {
		return nil, err
	}
	//nolint:gosec // The path is the tests' own.
	operator := exec.CommandContext(ctx, filepath.Join(binaries, "haltline"), "--health-probe-bind-address=0")
	operator.Env = append(withoutKubeconfig(os.Environ()), "KUBECONFIG="+kubeconfig)
	operator.Stdout, operator.Stderr = log, log
	if err := operator.Start(); err != nil {
		return nil, err
	}
	return func() {
		_ = operator.Process.Kill()
		_ = operator.Wait()
	}, nil
}

// writeKubeconfig writes a kubeconfig with which an administrator acts as a user, and returns its path.
func writeKubeconfig(user string) (string, error) {
	config, err := clientcmd.LoadFromFile(cluster.Kubeconfig)
	if err != nil {
		return "", err
	}
	for _, info := range config.AuthInfos {
		info.Impersonate = user
	}
	path := filepath.Join(binaries, "kubeconfig")
	return path, clientcmd.WriteToFile(*config, path)
}

func withoutKubeconfig(environment []string) []string {
	return slices.DeleteFunc(environment, func(v string) bool { return strings.HasPrefix(v, "KUBECONFIG=") })
}
