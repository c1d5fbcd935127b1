// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package chaos

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
)

// cluster is a local cluster with an audit log.
type cluster struct {
	name string
	// folder is where its state is.
	folder string
	// config is the administrator's access, and k8s a client with it.
	config *rest.Config
	k8s    client.WithWatch
	// approver is another administrator, who starts nothing.
	approver client.Client
}

// startCluster starts a cluster. It is removed at the end of the test, or when this process dies.
func startCluster(t *testing.T, name, node string) *cluster {
	t.Helper()
	c := &cluster{name: name}
	must(t, c.runTool("down"))
	removeAtEnd(t, name)
	must(t, c.runTool("up", "--node", node, "--audit", "audit-policy.yaml"))
	kubeconfig, err := c.toolOutput("kubeconfig")
	must(t, err)
	kubeconfig = strings.TrimSpace(kubeconfig)
	c.folder = filepath.Dir(kubeconfig)
	c.config, err = clientcmd.BuildConfigFromFlags("", kubeconfig)
	must(t, err)
	c.config.QPS, c.config.UserAgent = -1, "chaos"
	scheme := runtime.NewScheme()
	must(t, errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)))
	c.k8s, err = client.NewWithWatch(c.config, client.Options{Scheme: scheme})
	must(t, err)
	other := rest.CopyConfig(c.config)
	other.Impersonate = rest.ImpersonationConfig{UserName: "approver", Groups: []string{"system:masters"}}
	c.approver, err = client.New(other, client.Options{Scheme: scheme})
	must(t, err)
	t.Cleanup(func() {
		if t.Failed() || os.Getenv("CHAOS_KEEP") != "" {
			c.keepLogs()
		}
	})
	return c
}

// removeAtEnd removes the cluster when the pipe to it is closed: at the end of the test, or by the end of this process.
func removeAtEnd(t *testing.T, name string) {
	t.Helper()
	cmd := exec.Command("bash", "-c", `cat >/dev/null; exec "$0" down --name "$1"`, clusterTool(), name)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	pipe, err := cmd.StdinPipe()
	must(t, err)
	must(t, cmd.Start())
	t.Cleanup(func() {
		_ = pipe.Close()
		_ = cmd.Wait()
	})
}

func clusterTool() string {
	path, err := filepath.Abs(filepath.Join("..", "..", "hack", "cluster", "cluster"))
	if err != nil {
		panic(err)
	}
	return path
}

func (c *cluster) runTool(arguments ...string) error {
	_, err := c.toolOutput(arguments...)
	return err
}

func (c *cluster) toolOutput(arguments ...string) (string, error) {
	cmd := exec.Command(clusterTool(), append(arguments, "--name", c.name)...)
	var out, diagnostics bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &diagnostics
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("cluster %s: %w\n%s", strings.Join(arguments, " "), err, diagnostics.String())
	}
	return out.String(), nil
}

// kubectl runs kubectl as the administrator.
func (c *cluster) kubectl(input string, arguments ...string) (string, error) {
	cmd := exec.Command(clusterTool(), append([]string{"kubectl"}, arguments...)...)
	cmd.Env = append(os.Environ(), "HALTLINE_CLUSTER="+c.name)
	cmd.Stdin = strings.NewReader(input)
	output, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("kubectl %s: %w\n%s", strings.Join(arguments, " "), err, output)
	}
	return string(output), nil
}

// kill kills a component, whose process id is in the folder of the cluster.
func (c *cluster) kill(component string) error {
	record, err := os.ReadFile(filepath.Join(c.folder, "run", component))
	if err != nil {
		return err
	}
	first, _, _ := strings.Cut(string(record), " ")
	pid, err := strconv.Atoi(first)
	if err != nil {
		return err
	}
	// After a process has ended, another one may have its id.
	command, err := exec.Command("ps", "-o", "comm=", "-p", first).Output()
	if err != nil {
		return fmt.Errorf("%s is not alive: %w", component, err)
	}
	if !strings.HasPrefix(component, filepath.Base(strings.TrimSpace(string(command)))) {
		return fmt.Errorf("process %s is %q, not %s", first, command, component)
	}
	return syscall.Kill(pid, syscall.SIGKILL)
}

func (c *cluster) waitUntilReady(ctx context.Context) error {
	probe := rest.CopyConfig(c.config)
	probe.GroupVersion, probe.NegotiatedSerializer = &v1alpha1.GroupVersion, clientgoscheme.Codecs
	probe.Timeout = 2 * time.Second
	rc, err := rest.RESTClientFor(probe)
	if err != nil {
		return err
	}
	for {
		err := rc.Get().AbsPath("/readyz").Do(ctx).Error()
		if err == nil || !pause(ctx, 100*time.Millisecond) {
			return err
		}
	}
}

// auditLog is the path of the API server's audit log.
func (c *cluster) auditLog() string {
	return filepath.Join(c.folder, "logs", "audit.log")
}

// keepLogs copies the logs of the cluster to the artifacts.
func (c *cluster) keepLogs() {
	logs, _ := filepath.Glob(filepath.Join(c.folder, "logs", "*.log"))
	for _, path := range logs {
		in, err := os.Open(path)
		if err != nil {
			continue
		}
		if out, err := appendTo(c.name + "-" + filepath.Base(path)); err == nil {
			_, _ = io.Copy(out, in)
			_ = out.Close()
		}
		_ = in.Close()
	}
}

// pause waits, and reports whether the context is still alive.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
