// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	. "github.com/onsi/gomega"

	"haltline.dev/haltline/test/apiserver"
	"haltline.dev/haltline/test/pages"
)

// guide runs the commands of a guide, in their order: those of its `sh` blocks have to succeed, and those of its `console` blocks have to print what
// the guide shows. The plugin is there, the namespace is called shop, and who runs them is ada@example.com.
type guide struct {
	t                     *testing.T
	namespace, kubeconfig string
	// blocks are those that were not run yet.
	blocks []pages.Block
	names  pages.Names
}

func openGuide(t *testing.T, ns, file string) *guide {
	t.Helper()
	p := &guide{t: t, namespace: ns, kubeconfig: createKubeconfig(t, ns), names: pages.Names{}}
	for _, block := range pages.Blocks(readFile(t, file)) {
		if block.Language == "sh" || block.Language == "console" {
			p.blocks = append(p.blocks, block)
		}
	}
	NewWithT(t).Expect(p.blocks).NotTo(BeEmpty(), "%s has no commands", file)
	return p
}

// run runs the next block, which has to contain a text, and returns what it prints.
func (p *guide) run(text string) string {
	p.t.Helper()
	block := p.takeBlock()
	NewWithT(p.t).Expect(block).To(ContainSubstring(text))
	examples := pages.Examples("```console\n" + block + "```\n")
	if len(examples) == 0 {
		return p.runUntil(block, func(g Gomega, printed string, err error) {
			g.Expect(err).NotTo(HaveOccurred(), "%s\n%s", block, printed)
		})
	}
	printed := ""
	for _, example := range examples {
		printed += p.runExample(example)
	}
	return printed
}

// takeBlock takes the next block without running it.
func (p *guide) takeBlock() string {
	p.t.Helper()
	NewWithT(p.t).Expect(p.blocks).NotTo(BeEmpty())
	block := p.blocks[0]
	p.blocks = p.blocks[1:]
	return block.Text
}

// runExample runs a command until it prints what the page shows. It may fail if that is an error.
func (p *guide) runExample(example pages.Example) string {
	p.t.Helper()
	return p.runUntil(example.Command, func(g Gomega, printed string, err error) {
		g.Expect(p.normalize(printed)).To(Equal(p.normalize(example.Output)), "%s\n%s", example.Command, printed)
		if err != nil {
			g.Expect(example.Output).To(MatchRegexp(`(?i)error|forbidden|exception|^no$`), example.Command)
		}
		p.names.Learn(example.Output, strings.ReplaceAll(printed, p.namespace, "shop"))
	})
}

// changing is a command that may not be run twice.
var changing = regexp.MustCompile(`kubectl( -n \S+)? (create|apply|patch|delete|annotate|label|haltline (start|stop|approve|reject|retry|hold|release))\b`)

// isChanging reports whether a line of commands may not be run twice.
func isChanging(commands string) bool {
	for line := range strings.Lines(commands) {
		if changing.MatchString(line) && !strings.Contains(line, "--dry-run") {
			return true
		}
	}
	return false
}

// runUntil runs a command, again and again if it only reads, until a check of what it prints succeeds.
func (p *guide) runUntil(command string, check func(g Gomega, printed string, err error)) (printed string) {
	p.t.Helper()
	patience := timeout
	if isChanging(command) {
		patience = interval
	}
	NewWithT(p.t).Eventually(func(g Gomega) {
		var err error
		printed, err = p.try(command)
		check(g, printed, err)
	}, patience, 10*interval).Should(Succeed())
	return printed
}

// try runs a command once, with the real names of what the guide names.
func (p *guide) try(command string) (printed string, err error) {
	p.t.Helper()
	return apiserver.RunShell(p.t.Context(), p.kubeconfig, "PATH="+buildPlugin(p.t)+":$PATH\n"+p.names.Replace(command))
}

// finish checks that no command of the guide is left.
func (p *guide) finish() {
	p.t.Helper()
	NewWithT(p.t).Expect(p.blocks).To(BeEmpty())
}

// varying is what differs from one run to the next, and what a guide calls it instead.
var varying = []struct {
	pattern     *regexp.Regexp
	replacement string
}{
	{regexp.MustCompile(`(?m)^Warning: verb '\w+' is not a known verb$`), ""},
	{regexp.MustCompile(`\badministrator\b`), "ada@example.com"},
	{regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`), "ID"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`), "TIME"},
	{regexp.MustCompile(`\b\d\d:\d\d:\d\d\b`), "TIME"},
	{regexp.MustCompile(`\b\d{8}-\d{6}-[a-z0-9]{5}\b`), "BATCH"},
	{regexp.MustCompile(`-[0-9a-v]{26}\b`), "-HASH"},
	{regexp.MustCompile(`-[bcdfghjklmnpqrstvwxz2456789]{5}\b`), "-NAME"},
	{regexp.MustCompile(`\b(\d+[smhd])+\b`), "AGE"},
}

// normalize masks what differs from one run to the next. A guide may break lines where it likes.
func (p *guide) normalize(output string) string {
	output = strings.ReplaceAll(output, p.namespace, "shop")
	for _, v := range varying {
		output = v.pattern.ReplaceAllString(output, v.replacement)
	}
	return strings.Join(strings.Fields(output), " ")
}

var plugin struct {
	sync.Once
	folder string
	err    error
}

// buildPlugin returns the folder of the kubectl plugin.
func buildPlugin(t *testing.T) string {
	t.Helper()
	plugin.Do(func() {
		if plugin.folder, plugin.err = os.MkdirTemp("", "haltline-plugin-"); plugin.err == nil {
			plugin.err = apiserver.Build(t.Context(), "cmd/kubectl-haltline", filepath.Join(plugin.folder, "kubectl-haltline"))
		}
	})
	NewWithT(t).Expect(plugin.err).NotTo(HaveOccurred())
	return plugin.folder
}
