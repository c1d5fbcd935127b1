// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/apiserver"
	"haltline.dev/haltline/test/builders"
	"haltline.dev/haltline/test/pages"
)

// shownID is the id that the pages show.
const shownID = "da00266a-8249-4d44-9f90-7bda19d6098b"

// openKindPage opens the page of a kind, which begins with examples.
func openKindPage(t *testing.T, ns, file string) *page {
	t.Helper()
	p := openPage(t, ns, file)
	p.examples = pages.Examples(readFile(t, file))
	return p
}

// show runs the next example of the page, and compares what it prints. Pairs of texts in the command are replaced first.
func (p *page) show(replace ...string) {
	p.t.Helper()
	NewWithT(p.t).Expect(p.examples).NotTo(BeEmpty())
	next := p.examples[0]
	p.examples = p.examples[1:]
	expectOutput(p.t, p.kubeconfig, exampleCommand{strings.NewReplacer(replace...).Replace(next.Command), next.Output})
}

// writeSample writes a sample with the id of an execution in it, and returns the file.
func writeSample(t *testing.T, name string, execution *v1alpha1.PipelineExecution) string {
	t.Helper()
	content := strings.ReplaceAll(readFile(t, "config/samples/"+name), "00000000-0000-0000-0000-000000000000", string(execution.UID))
	file := filepath.Join(t.TempDir(), name)
	NewWithT(t).Expect(os.WriteFile(file, []byte(content), 0o600)).To(Succeed())
	return file
}

// applyExamples applies the manifests of a page on the server, which refuses an unknown field, and returns how many there are. Pairs of texts
// are replaced first.
func applyExamples(t *testing.T, p *page, file string, replace ...string) int {
	t.Helper()
	manifests := pages.BlocksOf(readFile(t, file), "yaml")
	for _, manifest := range manifests {
		command := "kubectl apply --server-side --validate=strict -f - <<'END'\n" + strings.NewReplacer(replace...).Replace(manifest) + "END"
		output, err := apiserver.RunShell(t.Context(), p.kubeconfig, command)
		NewWithT(t).Expect(err).NotTo(HaveOccurred(), output)
	}
	return len(manifests)
}

// The page of Pipelines: what has every field is valid, and the commands print what the page shows.
func TestTheCommandsOfThePipelinePageWork(t *testing.T) {
	t.Parallel()
	ns := createNamespace(t)
	p := openKindPage(t, ns, "docs/pipeline.md")
	p.show()
	p.show()
	NewWithT(t).Expect(applyExamples(t, p, "docs/pipeline.md")).To(Equal(1))
	everything := &v1alpha1.Pipeline{}
	everything.Namespace, everything.Name = ns, "everything"
	waitForCondition(t, everything, v1alpha1.ConditionReady, "True")
	p.run("kubectl delete pipeline web", []string{`"web" deleted`})
	p.run("kubectl auth can-i create pipelines", []string{"yes\nyes"})
	p.finish()
}

// The page of executions: an execution is created, listed, waited for and deleted.
func TestTheCommandsOfThePipelineExecutionPageWork(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := createNamespace(t)
	applySample(t, ns, "pipeline.yaml")
	p := openKindPage(t, ns, "docs/pipelineexecution.md")
	p.show()
	p.show()
	list := &v1alpha1.PipelineExecutionList{}
	g.Expect(k8s.List(t.Context(), list, client.InNamespace(ns))).To(Succeed())
	execution := &list.Items[0]
	p.run("kubectl get pipelineexecutions --field-selector", []string{"MESSAGE", execution.Name})
	waitForRunning(t, execution, "compile")
	g.Expect(applyExamples(t, p, "docs/pipelineexecution.md", shownID, string(execution.UID))).To(Equal(2))
	// The example that retries it is refused as long as it runs.
	again := &v1alpha1.PipelineExecution{}
	again.Namespace, again.Name = ns, "release-42-again"
	waitForEnd(t, again, v1alpha1.ExecutionFailed)
	expectAccepted(t, createObject(t, builders.StopAndAbandon(execution)))
	p.run("kubectl wait pipelineexecution/NAME", []string{"condition met"}, "NAME", execution.Name)
	p.run("kubectl get pipelineexecutions -o wide", []string{"Stopped", `retryOf`})
	// No container runs here, so no pod has a log: TestTheLogsOfThePages reads them.
	p.run("kubectl logs", []string{"No resources found"}, "=ID", "="+builders.UnknownID)
	p.run("kubectl delete pipelineexecution NAME", []string{"deleted"}, "NAME", execution.Name)
	p.run("kubectl auth can-i create pipelineexecutions", []string{"yes"})
	p.finish()
}

// The page of StopRequests: a request is created from the sample, listed and waited for.
func TestTheCommandsOfTheStopRequestPageWork(t *testing.T) {
	t.Parallel()
	ns := createNamespace(t)
	applySample(t, ns, "pipeline.yaml")
	execution := createExecution(t, ns, "web")
	waitForRunning(t, execution, "compile")
	p := openKindPage(t, ns, "docs/stoprequest.md")
	p.show("config/samples/stoprequest.yaml", writeSample(t, "stoprequest.yaml", execution))
	p.show()
	NewWithT(t).Expect(applyExamples(t, p, "docs/stoprequest.md", shownID, string(execution.UID))).To(Equal(1))
	p.run("kubectl wait stoprequest/hold-the-release", []string{"condition met"})
	sr := &v1alpha1.StopRequest{}
	sr.Namespace, sr.Name = ns, "hold-the-release"
	expectVerdict(t, sr, v1alpha1.ReasonDuplicatedStopRequest)
	p.run("kubectl auth can-i stop", []string{"yes\n"})
	p.finish()
}

// The page of ApprovalResults: a result is created from the sample, listed and waited for.
func TestTheCommandsOfTheApprovalResultPageWork(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := createNamespace(t)
	execution := startRelease(t, ns)
	waitForAction(t, execution, "approve", actionInProgress)
	p := openKindPage(t, ns, "docs/approvalresult.md")
	p.show("config/samples/approvalresult.yaml", writeSample(t, "approvalresult.yaml", execution))
	p.show()
	g.Expect(applyExamples(t, p, "docs/approvalresult.md", shownID, string(execution.UID))).To(Equal(1))
	p.run("kubectl wait approvalresult/approve-the-release", []string{"condition met"})
	late := &v1alpha1.ApprovalResult{}
	late.Namespace, late.Name = ns, "approve-the-release"
	expectResult(t, late, v1alpha1.ReasonApprovalAlreadyCompleted)
	p.run("kubectl auth can-i approve", []string{"yes"})
	p.finish()
}
