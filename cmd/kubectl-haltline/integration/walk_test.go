// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"

	"haltline.dev/haltline/test/apiserver"
	"haltline.dev/haltline/test/pages"
)

// step is a command of a walk, and what it prints if the page shows that.
type step struct {
	command, output string
	shown           bool
}

// readSteps returns the commands of a text in their order: those of its console blocks, and its sh blocks as a whole.
func readSteps(text string) []step {
	var steps []step
	for _, block := range pages.Blocks(text) {
		switch block.Language {
		case "sh":
			steps = append(steps, step{command: block.Text})
		case "console":
			for _, example := range pages.Examples("```console\n" + block.Text + "```\n") {
				steps = append(steps, step{example.Command, example.Output, true})
			}
		}
	}
	return steps
}

// walk types the commands of a page in their order.
type walk struct {
	*section
	steps []step
}

// openWalk begins a walk in a namespace of its own, in which no pod ends by itself.
func openWalk(t *testing.T, steps []step) *walk {
	t.Helper()
	NewWithT(t).Expect(len(steps)).To(BeNumerically(">=", 4))
	s := newShop(t)
	return &walk{&section{t: t, shop: s, names: pages.Names{}, kubeconfig: s.writeKubeconfig()}, steps}
}

// goOn types commands up to the first one that begins with a text, and that one as well.
func (w *walk) goOn(until string) {
	w.t.Helper()
	for len(w.steps) > 0 {
		next := w.steps[0]
		w.steps = w.steps[1:]
		w.typeStep(next)
		if strings.HasPrefix(next.command, until) {
			return
		}
	}
	w.t.Fatalf("the page has no command %q", until)
}

var (
	reading = regexp.MustCompile(`^kubectl (get|logs|haltline (tree|get|logs|explain|history)) `)
	// duration is how long something took or is ago.
	duration = regexp.MustCompile(`\b(\d+[smhd])+\b( ago)?`)
	spaces   = regexp.MustCompile(`  +`)
)

// typeStep types a command, and compares what it prints with the page. A command that reads is repeated until it prints that.
func (w *walk) typeStep(next step) {
	w.t.Helper()
	command := w.names.Replace(next.command)
	patience := interval
	if reading.MatchString(command) {
		patience = timeout
	}
	NewWithT(w.t).Eventually(func(g Gomega) {
		printed, code := w.shell(command)
		g.Expect(code).To(BeZero(), "%s\n%s", command, printed)
		if next.shown {
			w.learnNames(next.output, printed)
			g.Expect(w.mask(printed)).To(matchLines(w.mask(next.output)), command)
		}
	}, patience, 3*interval).Should(Succeed())
}

// shell runs a command in the checkout, and returns what it prints and its exit code.
func (w *walk) shell(command string) (output string, code int) {
	//nolint:gosec // The commands are those of the page.
	cmd := exec.CommandContext(w.t.Context(), "bash", "-c", command)
	cmd.Dir = apiserver.RepositoryRoot()
	cmd.Env = slices.Concat(w.shop.kubectl().Env, []string{"KUBECONFIG=" + w.kubeconfig})
	return w.shop.end(cmd.CombinedOutput())
}

// mask masks what differs each time, durations and the width of columns included.
func (w *walk) mask(output string) []string {
	lines := w.normalize(strings.ReplaceAll(output, "ada@example.com", "administrator"))
	for i, line := range lines {
		lines[i] = spaces.ReplaceAllString(duration.ReplaceAllString(line, "DURATION"), "  ")
	}
	return lines
}

// without returns the steps whose commands do not begin with one of these texts.
func without(steps []step, beginnings ...string) []step {
	return slices.DeleteFunc(steps, func(s step) bool {
		return slices.ContainsFunc(beginnings, func(beginning string) bool { return strings.HasPrefix(s.command, beginning) })
	})
}

// The quick start, with the plugin and with kubectl alone, is what a reader gets.
func TestTheQuickStart(t *testing.T) {
	t.Parallel()
	w := openWalk(t, without(readSteps(readPage(t, "docs/quick-start.md")), "helm ", "KEEP=1 make demo"))
	w.goOn("kubectl create")
	w.goOn("kubectl get pipelineexecution by-hand -o jsonpath")
	ends.set(w.shop.namespace, corev1.PodSucceeded, "compile", "test")
	w.goOn("kubectl logs")
	for _, name := range []string{"first-7k2lp", "by-hand"} {
		w.shop.waitForAction(w.names.Replace(name), "approve")
	}
	w.goOn("kubectl get approvalresult")
	for _, name := range []string{"first-7k2lp", "by-hand"} {
		w.shop.waitForAction(w.names.Replace(name), "roll-out")
	}
	w.goOn("kubectl get stoprequests")
	ends.set(w.shop.namespace, corev1.PodSucceeded, "roll-out")
	// What the page stops next are those that still run, and this one no longer does.
	w.shop.waitForStopped(w.names.Replace("first-7k2lp"))
	w.goOn("kubectl delete pipelineexecutions")
	w.finishWalk()
}

// The quick start of the README is what a reader gets.
func TestTheQuickStartOfTheREADME(t *testing.T) {
	t.Parallel()
	w := openWalk(t, without(readSteps(pages.Section(readPage(t, "README.md"), "Quick start")), "helm ", "make "))
	w.goOn("kubectl haltline start")
	ends.set(w.shop.namespace, corev1.PodSucceeded, "compile", "test")
	w.shop.waitForAction(w.names.Replace("first-7k2lp"), "approve")
	w.goOn("kubectl haltline approve")
	w.shop.waitForAction(w.names.Replace("first-7k2lp"), "roll-out")
	w.goOn("kubectl haltline stop")
	w.goOn("kubectl get stoprequests")
	ends.set(w.shop.namespace, corev1.PodSucceeded, "roll-out")
	w.goOn("kubectl delete")
	w.finishWalk()
}

// finishWalk checks that every command was typed.
func (w *walk) finishWalk() {
	w.t.Helper()
	NewWithT(w.t).Expect(w.steps).To(BeEmpty())
}
