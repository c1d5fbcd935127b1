// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"path/filepath"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/apiserver"
	"haltline.dev/haltline/test/builders"
	"haltline.dev/haltline/test/pages"
)

// page runs the commands of a page, in their order.
type page struct {
	t          *testing.T
	kubeconfig string
	// commands are the blocks of the page that were not run yet.
	commands []string
	// examples are the commands with their output that were not run yet, if the test runs them.
	examples []pages.Example
}

func openPage(t *testing.T, ns, file string) *page {
	t.Helper()
	return &page{t: t, kubeconfig: createKubeconfig(t, ns), commands: readBlocks(t, file, "sh")}
}

// run runs the next block, which has to begin with a text, until it succeeds and prints some texts. Pairs of texts in it are replaced first:
// what a reader puts in the place of what the page shows.
func (p *page) run(beginning string, printed []string, replace ...string) string {
	p.t.Helper()
	g := NewWithT(p.t)
	g.Expect(p.commands).NotTo(BeEmpty())
	command := p.commands[0]
	p.commands = p.commands[1:]
	g.Expect(command).To(HavePrefix(beginning))
	for i := 0; i < len(replace); i += 2 {
		g.Expect(command).To(ContainSubstring(replace[i]))
	}
	command = strings.NewReplacer(replace...).Replace(command)
	if strings.HasPrefix(command, "kubectl create ") {
		output, err := apiserver.RunShell(p.t.Context(), p.kubeconfig, command)
		g.Expect(err).NotTo(HaveOccurred(), "%s\n%s", command, output)
		return output
	}
	output := ""
	g.Eventually(func(g Gomega) {
		var err error
		output, err = apiserver.RunShell(p.t.Context(), p.kubeconfig, command)
		g.Expect(err).NotTo(HaveOccurred(), "%s\n%s", command, output)
		for _, text := range printed {
			g.Expect(output).To(ContainSubstring(text), command)
		}
	}, timeout, slowInterval).Should(Succeed())
	return output
}

// finish checks that no command of the page is left.
func (p *page) finish() {
	p.t.Helper()
	NewWithT(p.t).Expect(p.commands).To(BeEmpty())
	NewWithT(p.t).Expect(p.examples).To(BeEmpty())
}

// applySample applies a Pipeline of config/samples.
func applySample(t *testing.T, ns, file string) {
	t.Helper()
	out, err := runKubectl(t.Context(), cluster.Kubeconfig, "apply", "-n", ns, "-f", filepath.Join(apiserver.RepositoryRoot(), "config", "samples", file))
	NewWithT(t).Expect(err).NotTo(HaveOccurred(), out)
}

// startRelease has ada start the sample that asks for an approval.
func startRelease(t *testing.T, ns string) *v1alpha1.PipelineExecution {
	t.Helper()
	g := NewWithT(t)
	applySample(t, ns, "approval.yaml")
	ada, err := cluster.ClientAs("ada", "system:masters")
	g.Expect(err).NotTo(HaveOccurred())
	execution := builders.Execution(ns, "release")
	g.Expect(ada.Create(t.Context(), execution)).To(Succeed())
	return execution
}

// The page of approvals: what waits is found, and approved by somebody else than who started it.
func TestTheCommandsOfTheApprovalsPageWork(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := createNamespace(t)
	execution := startRelease(t, ns)

	p := openPage(t, ns, "docs/approving.md")
	p.run("kubectl get pipelineexecutions", []string{"waits for approval", "Is staging good?", string(execution.UID)})
	p.run("kubectl create -f -", nil, "da00266a-8249-4d44-9f90-7bda19d6098b", string(execution.UID))
	waitForRunning(t, execution, "roll-out")
	g.Expect(findAction(refreshObject(t, execution), "approve").Approval.Result.Summary).To(Equal("the dashboards look good"))
	p.run("kubectl create rolebinding", nil)
	p.finish()
	grace, err := cluster.ClientAs("grace")
	g.Expect(err).NotTo(HaveOccurred())
	late := builders.ApprovalResult(execution, "Release", "approve", v1alpha1.ApprovalRejected)
	g.Eventually(func() error { return grace.Create(t.Context(), late, client.DryRunAll) }, timeout, interval).Should(Succeed(), "whom the page lets approve")
}

// The page of queues: who is in each stage, and who waits.
func TestTheCommandsOfTheQueuesPageWork(t *testing.T) {
	t.Parallel()
	ns := createNamespace(t)
	applySample(t, ns, "queue.yaml")
	first := createExecution(t, ns, "release")
	waitForRunning(t, first, "compile")
	second := createExecution(t, ns, "release")
	p := openPage(t, ns, "docs/queues.md")
	p.run("kubectl get pipeline release", []string{
		"Build: " + first.Name + ", 1 waiting; Deploy: disabled", "Release freeze until Monday", string(second.UID), "It can be stopped meanwhile.",
	})
	p.run("kubectl get pipelineexecutions --field-selector", []string{first.Name, second.Name})
	p.finish()
}

// The sample of docs/queues.md is a queue whose last stage is held: an execution builds and waits there, and goes on when it is released.
func TestTheSampleOfAQueue(t *testing.T) {
	t.Parallel()
	ns := createNamespace(t)
	applySample(t, ns, "queue.yaml")
	pipeline := &v1alpha1.Pipeline{}
	NewWithT(t).Expect(k8s.Get(t.Context(), client.ObjectKey{Namespace: ns, Name: "release"}, pipeline)).To(Succeed())
	first := createExecution(t, ns, "release")
	waitForRunning(t, first, "compile")
	second := createExecution(t, ns, "release")
	waitForSummary(t, pipeline, "Build: %s, 1 waiting; Deploy: disabled", first.Name)
	finishAction(t, first, "compile", corev1.PodSucceeded)
	expectNotReady(t, first, v1alpha1.ReasonTransitionDisabled, `"Deploy"`, "Release freeze until Monday")
	waitForRunning(t, second, "compile")
	expectAccepted(t, createObject(t, builders.StopAndAbandon(second)))
	waitForState(t, second, v1alpha1.ExecutionStopped)
	changePipeline(t, pipeline, func(spec *v1alpha1.PipelineSpec) { spec.Stages[1].Transition = nil })
	finishAction(t, first, "roll-out", corev1.PodSucceeded)
	waitForState(t, first, v1alpha1.ExecutionSucceeded)
}

// The page of outputs: its sample is applied, and what an action put out is shown.
func TestTheCommandsOfThePassingDataPageWork(t *testing.T) {
	t.Parallel()
	ns := createNamespace(t)
	p := openPage(t, ns, "docs/passing-data.md")
	p.run("kubectl apply -f config/samples/outputs.yaml", nil)
	execution := createExecution(t, ns, "outputs")
	endAction(t, execution, "compile", "TAG=1.35\n")
	p.run("kubectl get pipelineexecution NAME", []string{`{"name":"TAG","value":"1.35"}`}, "NAME", execution.Name)
	p.finish()
}

// The page of time limits: the moment by which an execution has to end.
func TestTheCommandsOfTheTimeLimitsPageWork(t *testing.T) {
	t.Parallel()
	ns := createNamespace(t)
	p := openPage(t, ns, "docs/time-limits.md")
	p.run("kubectl apply -f config/samples/pipeline-time-limits.yaml", nil)
	execution := builders.Execution(ns, "time-limits")
	execution.Spec.TimeoutSeconds = ptr.To[int64](1800)
	createObject(t, execution)
	waitForRunning(t, execution, "compile")
	p.run("kubectl get pipelineexecution NAME", []string{refreshObject(t, execution).Status.DeadlineTime.UTC().Format("2006-01-02T15:04:05Z")}, "NAME", execution.Name)
	p.finish()
}

// The page of Jobs: its sample is applied, and how the Jobs of an execution ended is shown.
func TestTheCommandsOfTheJobsPageWork(t *testing.T) {
	t.Parallel()
	ns := createNamespace(t)
	p := openPage(t, ns, "docs/jobs.md")
	p.run("kubectl apply -f config/samples/jobs.yaml", nil)
	execution := createExecution(t, ns, "jobs")
	NewWithT(t).Eventually(countRunning(t.Context(), execution, "race"), timeout, interval).Should(Equal(2))
	p.run("kubectl describe jobs", []string{"Completion Mode:    Indexed", "2 Active"}, "ID", string(execution.UID))
	p.finish()
}

// The page of workspaces: its sample is applied, and which claim an execution has is shown.
func TestTheCommandsOfTheWorkspacePageWork(t *testing.T) {
	t.Parallel()
	ns := createNamespace(t)
	p := openPage(t, ns, "docs/workspace.md")
	p.run("kubectl apply -f config/samples/workspace.yaml", nil)
	p.run("kubectl get pipelineexecution NAME", []string{`"claimName":"workspace-1-`, `"uid":"`}, "NAME", "workspace-1")
	p.finish()
}
