// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/apiserver"
	"haltline.dev/haltline/test/builders"
)

// shop is a namespace in which commands run.
type shop struct {
	t         *testing.T
	namespace string
}

func newShop(t *testing.T, pipelines ...*v1alpha1.Pipeline) *shop {
	t.Helper()
	g := NewWithT(t)
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "shop-"}}
	g.Expect(cluster.Client.Create(t.Context(), namespace)).To(Succeed())
	t.Cleanup(func() { _ = cluster.Client.Delete(context.Background(), namespace) })
	for _, pipeline := range pipelines {
		pipeline.Namespace = namespace.Name
		g.Expect(cluster.Client.Create(t.Context(), pipeline)).To(Succeed())
	}
	return &shop{t, namespace.Name}
}

// buildAndDeploy returns a pipeline of two stages with a Job each.
func buildAndDeploy(name string) *v1alpha1.Pipeline {
	return builders.Pipeline("", name, builders.Stage("Build", builders.Action("compile")), builders.Stage("Deploy", builders.Action("roll-out")))
}

// kubectl returns kubectl, which finds the plugin.
func (s *shop) kubectl(args ...string) *exec.Cmd {
	//nolint:gosec // The commands are those of the tests.
	cmd := exec.CommandContext(s.t.Context(), apiserver.Binary("kubectl"), args...)
	cmd.Env = append(withoutKubeconfig(os.Environ()), "KUBECONFIG="+cluster.Kubeconfig,
		"PATH="+strings.Join([]string{binaries, filepath.Dir(apiserver.Binary("kubectl")), os.Getenv("PATH")}, string(os.PathListSeparator)))
	return cmd
}

// run runs a command of the plugin, and returns what it prints and its exit code.
func (s *shop) run(args ...string) (output string, code int) {
	s.t.Helper()
	return s.end(s.kubectl(append([]string{"haltline", "-n", s.namespace}, args...)...).CombinedOutput())
}

func (s *shop) end(printed []byte, err error) (output string, code int) {
	s.t.Helper()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		s.t.Fatal(err)
	}
	if exit != nil {
		code = exit.ExitCode()
	}
	s.t.Logf("exit code %d:\n%s", code, printed)
	return string(printed), code
}

// expect runs a command of the plugin, which has to end with an exit code and to print some texts.
func (s *shop) expect(code int, texts []string, args ...string) string {
	s.t.Helper()
	g := NewWithT(s.t)
	output, got := s.run(args...)
	g.Expect(got).To(Equal(code), "%v\n%s", args, output)
	for _, text := range texts {
		g.Expect(output).To(ContainSubstring(text), "%v", args)
	}
	return output
}

// start starts an execution and returns it.
func (s *shop) start(pipelineName string) *v1alpha1.PipelineExecution {
	s.t.Helper()
	name := s.expect(0, nil, "start", pipelineName, "-o", "jsonpath={.metadata.name}")
	return s.get(name)
}

func (s *shop) get(name string) *v1alpha1.PipelineExecution {
	s.t.Helper()
	execution := &v1alpha1.PipelineExecution{}
	NewWithT(s.t).Expect(cluster.Client.Get(s.t.Context(), client.ObjectKey{Namespace: s.namespace, Name: name}, execution)).To(Succeed())
	return execution
}

// waitUntil waits until something is true of an execution.
func (s *shop) waitUntil(name, what string, isTrue func(*v1alpha1.PipelineExecution) bool) {
	s.t.Helper()
	NewWithT(s.t).Eventually(func() bool { return isTrue(s.get(name)) }, timeout, interval).Should(BeTrue(), "%s: %s", name, what)
}

// waitForStopped waits until an execution has stopped.
func (s *shop) waitForStopped(name string) {
	s.t.Helper()
	s.waitUntil(name, "it has stopped", func(execution *v1alpha1.PipelineExecution) bool {
		return execution.Status.State == v1alpha1.ExecutionStopped
	})
}

// waitForAction waits until the work of an action runs.
func (s *shop) waitForAction(name, action string) {
	s.t.Helper()
	s.waitUntil(name, action+" runs", func(execution *v1alpha1.PipelineExecution) bool {
		for _, stage := range execution.Status.Stages {
			for _, a := range stage.Actions {
				if a.Name == action && a.State == v1alpha1.ActionInProgress && (a.Workload.UID != "" || a.Approval != nil) {
					return true
				}
			}
		}
		return false
	})
}

func (s *shop) stopRequests(selector client.ListOption) []v1alpha1.StopRequest {
	s.t.Helper()
	list := &v1alpha1.StopRequestList{}
	NewWithT(s.t).Expect(cluster.Client.List(s.t.Context(), list, client.InNamespace(s.namespace), selector)).To(Succeed())
	return list.Items
}
