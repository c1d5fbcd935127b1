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
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/test/apiserver"
	"haltline.dev/haltline/test/pages"
)

// TestTheExampleOfTheREADMEIsWhatAReaderGets types the example of README.md from top to bottom, and compares what is printed.
//
// The `console` blocks have commands with their output; of the `sh` blocks those count that pipe a manifest into kubectl. The
// containers of the example run until somebody waits for a condition.
func TestTheExampleOfTheREADMEIsWhatAReaderGets(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := createNamespace(t)
	kubeconfig := createKubeconfig(t, ns)
	commands := readExample(t)
	outputs := 0
	for _, c := range commands {
		if strings.HasPrefix(c.text, "kubectl wait ") {
			finishAllPods(t, ns, 2)
		}
		expectOutput(t, kubeconfig, c)
		if c.output != "" {
			outputs++
		}
	}
	g.Expect(outputs).To(BeNumerically(">=", 5), "the example of README.md was not found")
	t.Logf("%d commands, %d outputs", len(commands), outputs)
}

// exampleCommand is a command of README.md. Its output is empty if README.md does not show it.
type exampleCommand struct{ text, output string }

// readExample returns the commands of README.md in their order.
func readExample(t *testing.T) []exampleCommand {
	t.Helper()
	var commands []exampleCommand
	for _, block := range pages.Blocks(readFile(t, "README.md")) {
		switch {
		case block.Language == "console":
			commands = append(commands, parseConsole(block.Text)...)
		case block.Language == "sh" && strings.Contains(block.Text, "<<END"):
			commands = append(commands, exampleCommand{text: block.Text})
		}
	}
	return commands
}

// parseConsole returns the commands of a block. A command follows "$ "; its output ends at the next one, or at an empty line.
func parseConsole(block string) []exampleCommand {
	var commands []exampleCommand
	for line := range strings.Lines(block) {
		if command, ok := strings.CutPrefix(line, "$ "); ok {
			commands = append(commands, exampleCommand{text: strings.TrimSpace(command)})
		} else if last := len(commands) - 1; last >= 0 && strings.TrimSpace(line) != "" {
			commands[last].output += line
		}
	}
	return commands
}

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
	}, patience, 10*interval).Should(Succeed())
}

// normalizeOutput replaces what differs from one run to the next: ids, ages and the random part of a name.
func normalizeOutput(output string) string {
	for pattern, replacement := range map[string]string{
		`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`: "ID",
		`(?m) (\d+[smhd])+ *$`:                      " AGE",
		`patient-[0-9a-v]{26}`:                      "patient-HASH",
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

// finishAllPods waits until n pods run in a namespace, and lets them succeed.
func finishAllPods(t *testing.T, ns string, n int) {
	t.Helper()
	g := NewWithT(t)
	list := &corev1.PodList{}
	g.Eventually(func(g Gomega) {
		g.Expect(k8s.List(t.Context(), list, client.InNamespace(ns))).To(Succeed())
		g.Expect(list.Items).To(HaveLen(n))
		g.Expect(list.Items).To(HaveEach(HaveField("Status.Phase", corev1.PodRunning)))
	}, timeout, interval).Should(Succeed())
	for i := range list.Items {
		g.Expect(cluster.SetPodPhase(t.Context(), &list.Items[i], corev1.PodSucceeded)).To(Succeed())
	}
}
