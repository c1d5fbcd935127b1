// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/clientcmd"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/apiserver"
	"haltline.dev/haltline/test/builders"
	"haltline.dev/haltline/test/pages"
)

// section is a part of docs/plugin.md whose commands are run, and whose outputs are compared.
type section struct {
	t          *testing.T
	shop       *shop
	kubeconfig string
	examples   []pages.Example
	// names has the real names of what the page names.
	names pages.Names
}

var (
	// completion is what the API server completes a name with. It takes these characters only.
	completion = regexp.MustCompile(`-[bcdfghjklmnpqrstvwxz2456789]{5}\b`)
	// varying is what differs each time: ids, times of day, batches and names of Jobs, in this order.
	varying = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|\d\d:\d\d:\d\d|\d{8}-\d{6}-[a-z0-9]{5}|-[0-9a-v]{26}\b`)
	// timedLine is a line about something that happened. Between two of them others can come.
	timedLine = regexp.MustCompile(`^\d\d:\d\d:\d\d {2}`)
)

// openSection reads the examples under a heading of the page.
func openSection(t *testing.T, s *shop, heading string) *section {
	t.Helper()
	examples := pages.Examples(pages.Section(readPage(t, "docs/plugin.md"), heading))
	NewWithT(t).Expect(examples).NotTo(BeEmpty(), "the page has no section %q with examples", heading)
	return &section{t: t, shop: s, names: pages.Names{}, examples: examples, kubeconfig: s.writeKubeconfig()}
}

// readPage returns what a file of the repository contains.
func readPage(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(apiserver.RepositoryRoot(), name))
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return string(content)
}

// writeKubeconfig writes a kubeconfig whose namespace is that of the shop, and returns its path.
func (s *shop) writeKubeconfig() string {
	s.t.Helper()
	g := NewWithT(s.t)
	file := filepath.Join(s.t.TempDir(), "kubeconfig")
	config, err := clientcmd.LoadFromFile(cluster.Kubeconfig)
	g.Expect(err).NotTo(HaveOccurred())
	config.Contexts[config.CurrentContext].Namespace = s.namespace
	g.Expect(clientcmd.WriteToFile(*config, file)).To(Succeed())
	return file
}

// run runs the next example, which has to end with an exit code, and compares what it prints with the page. What the page calls by a name
// has the real name in the commands after it.
func (p *section) run(code int) {
	p.t.Helper()
	g := NewWithT(p.t)
	g.Expect(p.examples).NotTo(BeEmpty())
	next := p.examples[0]
	p.examples = p.examples[1:]
	command := p.names.Replace(next.Command)
	//nolint:gosec // The commands are those of the page.
	cmd := exec.CommandContext(p.t.Context(), "bash", "-c", command)
	cmd.Env = slices.Concat(p.shop.kubectl().Env, []string{"KUBECONFIG=" + p.kubeconfig})
	printed, got := p.shop.end(cmd.CombinedOutput())
	g.Expect(got).To(Equal(code), command)
	if next.Output == "" {
		return // The page does not show it.
	}
	p.learnNames(next.Output, printed)
	g.Expect(p.normalize(printed)).To(matchLines(p.normalize(next.Output)), command)
}

// learnNames takes the names in the output as those that the page has at the same places.
func (p *section) learnNames(shown, printed string) {
	p.names.Learn(shown, strings.ReplaceAll(printed, p.shop.namespace, "shop"))
}

// normalize masks what differs each time.
func (p *section) normalize(output string) []string {
	output = strings.ReplaceAll(strings.TrimSpace(output), p.shop.namespace, "shop")
	output = strings.ReplaceAll(output, "alice@example.com", "administrator")
	var lines []string
	for line := range strings.Lines(output) {
		line = strings.TrimSpace(line)
		if timedLine.MatchString(line) {
			line = "TIME  " + line[len("00:00:00  "):]
		}
		lines = append(lines, completion.ReplaceAllString(varying.ReplaceAllString(line, "VARIES"), "-NAME"))
	}
	return lines
}

// finish checks that every example of the section was run.
func (p *section) finish() {
	p.t.Helper()
	NewWithT(p.t).Expect(p.examples).To(BeEmpty())
}

// onPage returns a pipeline as those of the page: compile is in the first stage, roll-out in the second.
func onPage(name string) *v1alpha1.Pipeline {
	pipeline := builders.Pipeline("", name,
		builders.Stage("Build", builders.Action("compile"), builders.Action("package", builders.RunOrder(2))), builders.Stage("Deploy", builders.Action("roll-out")))
	seconds := "20"
	pipeline.Spec.Variables = []v1alpha1.VariableDeclaration{{Name: "SECONDS_OF_WORK", DefaultValue: &seconds}}
	return pipeline
}

func TestThePageOnStart(t *testing.T) {
	t.Parallel()
	s := newShop(t, onPage("web"))
	p := openSection(t, s, "Start")
	p.run(0)
	ends.set(s.namespace, corev1.PodSucceeded, "compile", "package", "roll-out")
	p.run(0)
	p.finish()
}

func TestThePageOnStop(t *testing.T) {
	t.Parallel()
	s := newShop(t, onPage("web"))
	p := openSection(t, s, "Stop")
	web := s.start("web")
	p.names["web-7k2lp"] = web.Name
	s.waitForAction(web.Name, "compile")
	p.run(0)
	p.run(3)
	p.run(0)
	p.finish()
}

func TestThePageOnStoppingSeveral(t *testing.T) {
	t.Parallel()
	s := newShop(t, onPage("web"))
	p := openSection(t, s, "Stop several")
	for range 2 {
		s.waitForAction(s.start("web").Name, "compile")
	}
	p.run(0)
	p.run(0)
	p.run(0)
	p.finish()
}

func TestThePageOnApproving(t *testing.T) {
	t.Parallel()
	s := newShop(t, builders.Pipeline("", "release", builders.Stage("Release", builders.Approval("approve", 1, v1alpha1.Approval{}))))
	p := openSection(t, s, "Approve and reject")
	release := s.start("release")
	p.names["release-7k2lp"] = release.Name
	s.waitForAction(release.Name, "approve")
	p.run(0)
	p.run(3)
	p.finish()
}

func TestThePageOnRetrying(t *testing.T) {
	t.Parallel()
	s := newShop(t, onPage("web"))
	p := openSection(t, s, "Retry")
	ends.set(s.namespace, corev1.PodSucceeded, "compile", "package")
	ends.set(s.namespace, corev1.PodFailed, "roll-out")
	web := s.start("web")
	p.names["web-7k2lp"] = web.Name
	s.waitUntil(web.Name, "is Failed", func(execution *v1alpha1.PipelineExecution) bool {
		return execution.Status.State == v1alpha1.ExecutionFailed
	})
	p.run(0)
	p.run(4)
	p.finish()
}

func TestThePageOnHolding(t *testing.T) {
	t.Parallel()
	s := newShop(t, onPage("web"))
	p := openSection(t, s, "Hold and release")
	p.run(0)
	ends.set(s.namespace, corev1.PodSucceeded, "compile", "package")
	web := s.start("web")
	s.waitUntil(web.Name, "waits before Deploy", func(execution *v1alpha1.PipelineExecution) bool {
		return execution.Status.WaitingForStage != nil && execution.Status.WaitingForStage.Stage == "Deploy"
	})
	p.run(0)
	p.finish()
}

func TestThePageOnOutput(t *testing.T) {
	t.Parallel()
	p := openSection(t, newShop(t, onPage("web")), "Output for programs")
	p.run(0)
	p.finish()
}
