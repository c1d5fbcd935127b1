// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"haltline.dev/haltline/test/apiserver"
)

// readBlocks returns the fenced blocks of a page that are in a language.
func readBlocks(t *testing.T, page, language string) []string {
	t.Helper()
	g := NewWithT(t)
	content, err := os.ReadFile(filepath.Join(apiserver.RepositoryRoot(), page))
	g.Expect(err).NotTo(HaveOccurred())
	var blocks []string
	for _, block := range fencedBlock.FindAllStringSubmatch(string(content), -1) {
		if block[1] == language {
			blocks = append(blocks, block[2])
		}
	}
	g.Expect(blocks).NotTo(BeEmpty(), "%s has no block of %s", page, language)
	return blocks
}

func TestTheCommandsOfTheGitOpsPageWork(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	kubeconfig := createKubeconfig(t, createNamespace(t))
	for _, command := range readBlocks(t, "docs/gitops.md", "sh") {
		output, err := runShell(t.Context(), kubeconfig, command)
		g.Expect(err).NotTo(HaveOccurred(), "%s\n%s", command, output)
	}
}

// What a GitOps tool does for a change that the API server refuses, with force: it deletes the object and creates it again.
func TestAnExecutionThatIsCleanedUpAndAppliedAgainRunsAgain(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	kubeconfig := createKubeconfig(t, startExecution(t).Namespace)
	run := func(command string) (string, error) { return runShell(t.Context(), kubeconfig, command) }
	const manifest = `<<END
apiVersion: pipelines.haltline.dev/v1alpha1
kind: PipelineExecution
metadata: {NAME}
spec: {pipelineName: web}
END`
	named := strings.Replace(manifest, "NAME", "name: nightly", 1)
	id := func() string {
		output, err := run("kubectl get pipelineexecution nightly -o jsonpath='{.metadata.uid}'")
		g.Expect(err).NotTo(HaveOccurred(), output)
		return output
	}
	for _, apply := range []string{"kubectl apply -f - ", "kubectl apply --server-side --force-conflicts -f - "} {
		output, err := run(apply + named)
		g.Expect(err).NotTo(HaveOccurred(), output)
		first := id()
		output, err = run(apply + named)
		g.Expect(err).NotTo(HaveOccurred(), output)
		g.Expect(id()).To(Equal(first))

		output, err = run(apply + strings.Replace(named, "{pipelineName: web}", "{pipelineName: other}", 1))
		g.Expect(err).To(HaveOccurred())
		g.Expect(output).To(ContainSubstring("pipelineName is immutable"))

		output, err = run("kubectl delete pipelineexecution nightly")
		g.Expect(err).NotTo(HaveOccurred(), output)
		output, err = run(apply + named)
		g.Expect(err).NotTo(HaveOccurred(), output)
		g.Expect(id()).NotTo(Equal(first))
	}
	generated := strings.Replace(manifest, "NAME", "generateName: nightly-", 1)
	output, err := run("kubectl apply -f - " + generated)
	g.Expect(err).To(HaveOccurred())
	g.Expect(output).To(ContainSubstring("generate name"))
	output, err = run("kubectl create -f - " + generated)
	g.Expect(err).NotTo(HaveOccurred(), output)
}

// "Each prints `yes` or `no`, and `Warning: verb 'stop' is not a known verb`" (docs/stopping.md)
func TestKubectlAnswersWhoMayStop(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := createNamespace(t)
	clientOfMember(t, ns, "alice", "edit")
	kubeconfig := createKubeconfig(t, ns)
	for verb, want := range map[string]string{"stop": "yes", "abandon": "no"} {
		command := "kubectl auth can-i " + verb + " pipelineexecutions --as=alice"
		output, _ := runShell(t.Context(), kubeconfig, command)
		g.Expect(output).To(ContainSubstring("Warning: verb '" + verb + "' is not a known verb"))
		output, _ = runShell(t.Context(), kubeconfig, command+" 2>/dev/null")
		g.Expect(strings.TrimSpace(output)).To(Equal(want))
	}
	const try = "kubectl create --dry-run=server -f config/samples/stoprequest.yaml --as=alice"
	output, err := runShell(t.Context(), kubeconfig, try)
	g.Expect(err).NotTo(HaveOccurred(), output)
	g.Expect(output).NotTo(ContainSubstring("Warning"))
	output, err = runShell(t.Context(), kubeconfig, "sed 's/abandon: false/abandon: true/' config/samples/stoprequest.yaml | kubectl create --dry-run=server -f - --as=alice")
	g.Expect(err).To(HaveOccurred())
	g.Expect(output).To(ContainSubstring(`lacks the verb "abandon"`))
}
