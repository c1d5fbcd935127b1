// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/apiserver"
	"haltline.dev/haltline/test/builders"
	"haltline.dev/haltline/test/pages"
)

// runBlock runs the block of a section that begins with a text, with the id of an execution in it, until it prints some texts.
func runBlock(t *testing.T, page, heading, beginning, id string, printed ...string) {
	t.Helper()
	g := NewWithT(t)
	content, err := os.ReadFile(filepath.Join(apiserver.RepositoryRoot(), page))
	g.Expect(err).NotTo(HaveOccurred())
	text := string(content)
	if heading != "" {
		text = pages.Section(text, heading)
	}
	for _, block := range pages.BlocksOf(text, "sh") {
		if !strings.HasPrefix(block, beginning) {
			continue
		}
		command := strings.NewReplacer("=ID", "="+id, "grep ID", "grep "+id).Replace(block)
		g.Eventually(func(g Gomega) {
			output, err := apiserver.RunShell(t.Context(), os.Getenv("KUBECONFIG"), command)
			g.Expect(err).NotTo(HaveOccurred(), "%s\n%s", command, output)
			for _, text := range printed {
				g.Expect(output).To(ContainSubstring(text), command)
			}
		}, timeout, interval).Should(Succeed())
		return
	}
	t.Fatalf("%s, %q, has no block that begins with %q", page, heading, beginning)
}

// What the pages show about logs needs containers that run: those of an execution, of what a stop waits for, and the operator's.
func TestTheLogsOfThePages(t *testing.T) {
	t.Parallel()
	ns := createNamespace(t)
	createPipeline(t, ns, builders.Stage("Build", newAction("compile", "echo compiling; sleep 3; echo compiled")))
	execution := createExecution(t, ns)
	waitForState(t, execution, v1alpha1.ExecutionSucceeded)
	id := string(execution.UID)
	inNamespace := " -n " + ns
	runBlock(t, "docs/pipelineexecution.md", "What a container gets", "kubectl logs", id+inNamespace, "compiling", "compiled")
	runBlock(t, "docs/stopping.md", "The logs of abandoned actions", "kubectl logs", id+inNamespace, "compiling", "compiled")
	runBlock(t, "docs/observing.md", "", "kubectl -n haltline-system logs", id, "haltline")
	runBlock(t, "docs/observing.md", "Log lines", "kubectl -n haltline-system logs", id, id)
}

// The metrics are served to whom the page lets read them: docs/metrics.md.
func TestTheMetricsOfThePage(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	content, err := os.ReadFile(filepath.Join(apiserver.RepositoryRoot(), "docs", "metrics.md"))
	g.Expect(err).NotTo(HaveOccurred())
	run := func(command string) (string, error) {
		return apiserver.RunShell(t.Context(), os.Getenv("KUBECONFIG"), command)
	}
	output, err := run("kubectl create namespace monitoring && kubectl -n monitoring create serviceaccount prometheus")
	g.Expect(err).NotTo(HaveOccurred(), output)
	t.Cleanup(func() {
		_, _ = run("kubectl delete namespace monitoring; kubectl delete clusterrolebinding prometheus-reads-haltline")
	})
	output, err = run(pages.BlocksOf(pages.Section(string(content), "Who may read them"), "sh")[0])
	g.Expect(err).NotTo(HaveOccurred(), output)
	// Whoever types the commands sees when the port is forwarded, and ends that.
	command := strings.Replace(pages.BlocksOf(string(content), "sh")[0], "8443 &\n", "8443 &\ntrap 'kill $!' EXIT\nsleep 2\n", 1)
	g.Eventually(func(g Gomega) {
		output, err := run(command)
		g.Expect(err).NotTo(HaveOccurred(), output)
		g.Expect(output).To(ContainSubstring("haltline_executions{"))
	}, timeout, 5*interval).Should(Succeed())
}
