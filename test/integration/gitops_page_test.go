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
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/apiserver"
	"haltline.dev/haltline/test/builders"
	"haltline.dev/haltline/test/pages"
)

// readFile returns what a file of the repository contains.
func readFile(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(apiserver.RepositoryRoot(), name))
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return string(content)
}

// readBlocks returns the fenced blocks of a page that are in a language.
func readBlocks(t *testing.T, page, language string) []string {
	t.Helper()
	blocks := pages.BlocksOf(readFile(t, page), language)
	NewWithT(t).Expect(blocks).NotTo(BeEmpty(), "%s has no block of %s", page, language)
	return blocks
}

// The repository of the page works: its Pipeline mounts what kustomize renamed, its execution runs, and its requests are accepted.
func TestTheCommandsOfTheGitOpsPageWork(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := createNamespace(t)
	p := openPage(t, ns, "docs/gitops.md")
	p.run("kubectl apply -k", []string{"release-1"})
	execution := refreshObject(t, &v1alpha1.PipelineExecution{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "release-1"}})
	finishAction(t, execution, "compile", corev1.PodSucceeded)
	waitForAction(t, execution, "approve", actionInProgress)
	output, err := apiserver.RunShell(t.Context(), p.kubeconfig,
		"kubectl kustomize config/samples/gitops/requests | sed s/00000000-0000-0000-0000-000000000000/"+string(execution.UID)+"/ | kubectl apply -f -")
	g.Expect(err).NotTo(HaveOccurred(), output)
	expectResult(t, &v1alpha1.ApprovalResult{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "approve-release-1"}}, v1alpha1.ReasonAccepted)
	expectAccepted(t, &v1alpha1.StopRequest{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "stop-release-1"}})
	p.run("kubectl create -f config/samples/stoprequest.yaml", nil)
	settings := regexp.MustCompile(`\bname: (target-\w+)\n`).FindAllStringSubmatch(p.run("kubectl kustomize", nil), -1)
	g.Expect(settings).To(HaveLen(2), "the name of the ConfigMap, and the reference of the Pipeline")
	g.Expect(settings[0][1]).To(Equal(settings[1][1]))
	p.run("kubectl apply --dry-run=server", nil)
	p.finish()
}

// The page of Argo CD: its ConfigMap keeps what it had, and gets the health checks and actions.
func TestTheCommandsOfTheArgoCDPageWork(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	argocd, ns := createNamespace(t), createNamespace(t)
	configMap := createObject(t, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: argocd, Name: "argocd-cm"}, Data: map[string]string{"url": "https://cd.example.com"}})
	p := openPage(t, ns, "docs/argo-cd.md")
	// The patch names the namespace that Argo CD has everywhere else, and there is one Argo CD for all tests.
	patch := strings.NewReplacer("namespace: argocd", "namespace: "+argocd).Replace(readFile(t, "config/gitops/argocd/argocd-cm.yaml"))
	file := filepath.Join(t.TempDir(), "argocd-cm.yaml")
	g.Expect(os.WriteFile(file, []byte(patch), 0o600)).To(Succeed())
	p.run("kubectl -n argocd patch configmap argocd-cm", nil,
		"-n argocd", "-n "+argocd, "config/gitops/argocd/argocd-cm.yaml", file, "-n team-a", "-n "+ns, "argocd:argocd-server", argocd+":argocd-server")
	p.finish()
	g.Expect(refreshObject(t, configMap).Data).To(And(
		HaveKeyWithValue("url", "https://cd.example.com"),
		HaveKeyWithValue("resource.customizations.health.pipelines.haltline.dev_ApprovalResult", ContainSubstring("return health")),
		HaveKeyWithValue("resource.customizations.actions.pipelines.haltline.dev_PipelineExecution", ContainSubstring("- action.lua"))))
	server, err := cluster.ClientAs("system:serviceaccount:" + argocd + ":argocd-server")
	g.Expect(err).NotTo(HaveOccurred())
	execution := builders.Execution(ns, "web")
	execution.UID = builders.UnknownID
	g.Eventually(func() error { return server.Create(t.Context(), builders.StopAndAbandon(execution), client.DryRunAll) }, timeout, interval).Should(Succeed())
}

// The page of Flux: a service account with the role edit gets what it lacks for requests.
func TestTheCommandsOfTheFluxPageWork(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := createNamespace(t)
	user := "system:serviceaccount:" + ns + ":flux"
	flux := clientOfMember(t, ns, user, "edit")
	execution := builders.Execution(ns, "web")
	execution.UID = builders.UnknownID
	abandon := func() error { return flux.Create(t.Context(), builders.StopAndAbandon(execution), client.DryRunAll) }
	approve := func() error {
		return flux.Create(t.Context(), builders.ApprovalResult(execution, "Release", "approve", v1alpha1.ApprovalApproved), client.DryRunAll)
	}
	g.Expect(flux.Create(t.Context(), builders.StopAndWait(execution), client.DryRunAll)).To(Succeed())
	expectForbidden(g, abandon(), `lacks the verb "abandon"`)
	expectForbidden(g, approve(), `lacks the verb "approve"`)

	p := openPage(t, ns, "docs/flux.md")
	p.run("kubectl kustomize", []string{"healthCheckExprs"})
	p.run("kubectl -n team-a create role", nil, "team-a", ns)
	p.finish()
	g.Eventually(abandon, timeout, interval).Should(Succeed())
	g.Eventually(approve, timeout, interval).Should(Succeed())
}

// What a GitOps tool does for a change that the API server refuses, with force: it deletes the object and creates it again.
func TestAnExecutionThatIsCleanedUpAndAppliedAgainRunsAgain(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	kubeconfig := createKubeconfig(t, startExecution(t).Namespace)
	run := func(command string) (string, error) { return apiserver.RunShell(t.Context(), kubeconfig, command) }
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
		output, _ := apiserver.RunShell(t.Context(), kubeconfig, command)
		g.Expect(output).To(ContainSubstring("Warning: verb '" + verb + "' is not a known verb"))
		output, _ = apiserver.RunShell(t.Context(), kubeconfig, command+" 2>/dev/null")
		g.Expect(strings.TrimSpace(output)).To(Equal(want))
	}
	const try = "kubectl create --dry-run=server -f config/samples/stoprequest.yaml --as=alice"
	output, err := apiserver.RunShell(t.Context(), kubeconfig, try)
	g.Expect(err).NotTo(HaveOccurred(), output)
	g.Expect(output).NotTo(ContainSubstring("Warning"))
	output, err = apiserver.RunShell(t.Context(), kubeconfig, "sed 's/abandon: false/abandon: true/' config/samples/stoprequest.yaml | kubectl create --dry-run=server -f - --as=alice")
	g.Expect(err).To(HaveOccurred())
	g.Expect(output).To(ContainSubstring(`lacks the verb "abandon"`))
}
