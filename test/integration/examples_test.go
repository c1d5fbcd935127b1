// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"haltline.dev/haltline/test/apiserver"
)

// exampleCommand is a command of a page. Its output is empty if the page does not show it.
type exampleCommand struct{ text, output string }

// expectOutput runs a command and compares what it prints. A command that reads is repeated until it prints that.
func expectOutput(t *testing.T, kubeconfig string, c exampleCommand) {
	t.Helper()
	patience := interval
	if strings.HasPrefix(c.text, "kubectl get ") {
		patience = timeout
	}
	NewWithT(t).Eventually(func(g Gomega) {
		printed, err := apiserver.RunShell(t.Context(), kubeconfig, c.text)
		g.Expect(err).NotTo(HaveOccurred(), "%s\n%s", c.text, printed)
		if c.output != "" {
			g.Expect(normalizeOutput(strings.TrimSpace(printed))).To(Equal(normalizeOutput(strings.TrimSpace(c.output))), c.text)
		}
	}, patience, slowInterval).Should(Succeed())
}

// normalizeOutput replaces what differs from one run to the next: ids, ages and the random part of a name.
func normalizeOutput(output string) string {
	for pattern, replacement := range map[string]string{
		`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`: "ID",
		`(?m) (\d+[smhd])+ *$`:                      " AGE",
		`-[bcdfghjklmnpqrstvwxz2456789]{5}\b`:       "-NAME",
	} {
		output = regexp.MustCompile(pattern).ReplaceAllString(output, replacement)
	}
	return output
}

// createKubeconfig returns a file that gives kubectl access to a namespace.
func createKubeconfig(t *testing.T, ns string) string {
	t.Helper()
	g := NewWithT(t)
	content, err := os.ReadFile(cluster.Kubeconfig)
	g.Expect(err).NotTo(HaveOccurred())
	file := filepath.Join(t.TempDir(), "kubeconfig")
	g.Expect(os.WriteFile(file, content, 0o600)).To(Succeed())
	output, err := runKubectl(t.Context(), file, "config", "set-context", "--current", "--namespace", ns)
	g.Expect(err).NotTo(HaveOccurred(), output)
	return file
}
