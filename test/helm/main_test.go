// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

// Package helm installs, upgrades and uninstalls the chart of Haltline on a real API server with the real Helm, which the environment variable
// HELM names. No Deployment is rolled out there: the operator is a process with the flags of the release.
package helm

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"haltline.dev/haltline/test/apiserver"
)

const (
	release = "haltline"
	system  = "haltline-system"
	// team is where executions run.
	team     = "team"
	account  = "system:serviceaccount:haltline-system:haltline-manager"
	timeout  = time.Minute
	interval = 100 * time.Millisecond
)

var (
	cluster *apiserver.Cluster
	// binaries has the operator.
	binaries string
)

func TestMain(m *testing.M) { apiserver.Exit(runTests(m)) }

func runTests(m *testing.M) (code int, err error) {
	if os.Getenv("HELM") == "" {
		return 0, errors.New(`HELM must name a Helm: run "make test-install"`)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if cluster, err = apiserver.StartEmpty(ctx); err != nil {
		return 0, err
	}
	defer cluster.Stop()
	if binaries, err = os.MkdirTemp("", "haltline-helm-"); err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(binaries)) }()
	if err := apiserver.Build(ctx, ".", filepath.Join(binaries, "haltline")); err != nil {
		return 0, err
	}
	if err := cluster.Client.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: team}}); err != nil {
		return 0, err
	}
	return m.Run(), nil
}

// tryHelm runs Helm in the root of the repository, and returns what it prints.
func tryHelm(t *testing.T, arguments ...string) (string, error) {
	t.Helper()
	return apiserver.RunProgram(t.Context(), cluster.Kubeconfig, os.Getenv("HELM"), arguments...)
}

// helm runs Helm, which must succeed.
func helm(t *testing.T, arguments ...string) string {
	t.Helper()
	output, err := tryHelm(t, arguments...)
	if err != nil {
		t.Fatalf("helm %s: %v\n%s", strings.Join(arguments, " "), err, output)
	}
	return output
}

// kubectl runs kubectl as an administrator, which must succeed, and returns what it prints without space around it.
func kubectl(t *testing.T, arguments ...string) string {
	t.Helper()
	output, err := apiserver.RunProgram(t.Context(), cluster.Kubeconfig, "kubectl", arguments...)
	if err != nil {
		t.Fatalf("kubectl %s: %v\n%s", strings.Join(arguments, " "), err, output)
	}
	return strings.TrimSpace(output)
}

// removeAll removes what a test left: the release, and the CRDs that it kept.
func removeAll(t *testing.T) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	run := func(name string, arguments ...string) (string, error) {
		output, err := apiserver.RunProgram(ctx, cluster.Kubeconfig, name, arguments...)
		if err != nil {
			err = fmt.Errorf("%s %v: %w\n%s", name, arguments, err, output)
		}
		return output, err
	}
	var kinds []string
	// A CRD that is deleted before the API server can list its objects stays for five minutes.
	NewWithT(t).Eventually(func() error {
		names, err := run("kubectl", "get", "crds", "--output", "jsonpath={.items[*].metadata.name}")
		if kinds = strings.Fields(names); err != nil || len(kinds) == 0 {
			return err
		}
		_, err = run("kubectl", "get", strings.Join(kinds, ","), "--all-namespaces")
		return err
	}, timeout, interval).Should(Succeed())
	commands := [][]string{{os.Getenv("HELM"), "uninstall", release, "--namespace", system, "--ignore-not-found"}}
	if len(kinds) > 0 {
		commands = append(commands, append([]string{"kubectl", "delete", "crds", "--ignore-not-found"}, kinds...))
	}
	for _, command := range commands {
		if _, err := run(command[0], command[1:]...); err != nil {
			t.Error(err)
		}
	}
}

// runRelease runs the operator with the flags that the Deployment of the release has, and some in place of those, until it is killed or the test
// ends.
func runRelease(t *testing.T, others ...string) *apiserver.Operator {
	t.Helper()
	g := NewWithT(t)
	flags := strings.Fields(kubectl(t, "get", "deployment", "haltline-manager", "--namespace", system,
		"--output", "jsonpath={.spec.template.spec.containers[0].args[*]}"))
	g.Expect(flags).To(ContainElement("--wait-for-policies"))
	flags = slices.Concat(flags, []string{"--leader-election-namespace=" + system, "--metrics-bind-address=0"}, others)
	operator, err := cluster.RunOperator(t.Context(), filepath.Join(binaries, "haltline"), account, flags)
	g.Expect(err).NotTo(HaveOccurred())
	t.Cleanup(operator.Kill)
	return operator
}
