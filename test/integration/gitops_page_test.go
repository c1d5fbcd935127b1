// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	lua "github.com/yuin/gopher-lua"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/apiserver"
	"haltline.dev/haltline/test/builders"
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

// Argo CD runs the script of the page with the object as obj, by the same interpreter.
func TestTheHealthCheckForArgoCD(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	execution := startExecution(t)
	pipeline := &v1alpha1.Pipeline{}
	g.Expect(k8s.Get(t.Context(), client.ObjectKey{Namespace: execution.Namespace, Name: execution.Spec.PipelineName}, pipeline)).To(Succeed())
	waitForArgoHealth(t, pipeline, "Healthy")
	waitForArgoHealth(t, execution, "Progressing")
	accepted := createObject(t, builders.StopAndWait(execution))
	expectAccepted(t, accepted)
	waitForArgoHealth(t, accepted, "Progressing")
	duplicate := createObject(t, builders.StopAndWait(execution))
	waitForArgoHealth(t, duplicate, "Degraded")
	waitForArgoHealth(t, execution, "Progressing")

	finishAction(t, execution, "compile", corev1.PodSucceeded)
	waitForArgoHealth(t, execution, "Degraded")
	waitForArgoHealth(t, accepted, "Healthy")

	succeeding := createExecution(t, execution.Namespace, pipeline.Name)
	for _, stage := range pipeline.Spec.Stages {
		for _, a := range stage.Actions {
			finishAction(t, succeeding, a.Name, corev1.PodSucceeded)
		}
	}
	waitForArgoHealth(t, succeeding, "Healthy")
	taken := builders.Pipeline(pipeline.Namespace, "other", pipeline.Spec.Stages...)
	taken.Spec.PipelineName = pipeline.Name
	createObject(t, taken)
	waitForArgoHealth(t, taken, "Degraded")
}

// waitForArgoHealth waits until the script of the page returns a status for an object, with a message.
func waitForArgoHealth(t *testing.T, object client.Object, want string) {
	t.Helper()
	script := readBlocks(t, "docs/gitops.md", "lua")[0]
	gvk, err := apiutil.GVKForObject(object, scheme)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	NewWithT(t).Eventually(func(g Gomega) {
		u := &unstructured.Unstructured{}
		u.SetGroupVersionKind(gvk)
		g.Expect(k8s.Get(t.Context(), client.ObjectKeyFromObject(object), u)).To(Succeed())
		health, message := runHealthCheck(g, script, u)
		g.Expect(health).To(Equal(want), message)
		g.Expect(message).NotTo(BeEmpty())
	}, timeout, interval).Should(Succeed(), object.GetName())
}

func runHealthCheck(g Gomega, script string, object *unstructured.Unstructured) (health, message string) {
	state := lua.NewState()
	defer state.Close()
	// The numbers of JSON are floats, as those of Lua.
	raw, err := object.MarshalJSON()
	g.Expect(err).NotTo(HaveOccurred())
	var content map[string]any
	g.Expect(json.Unmarshal(raw, &content)).To(Succeed())
	state.SetGlobal("obj", luaValue(state, content))
	g.Expect(state.DoString(script)).To(Succeed())
	result, ok := state.Get(-1).(*lua.LTable)
	g.Expect(ok).To(BeTrue(), "the script returns no table")
	return result.RawGetString("status").String(), result.RawGetString("message").String()
}

func luaValue(state *lua.LState, value any) lua.LValue {
	switch v := value.(type) {
	case map[string]any:
		table := state.NewTable()
		for key, field := range v {
			table.RawSetString(key, luaValue(state, field))
		}
		return table
	case []any:
		table := state.NewTable()
		for _, item := range v {
			table.Append(luaValue(state, item))
		}
		return table
	case string:
		return lua.LString(v)
	case float64:
		return lua.LNumber(v)
	case bool:
		return lua.LBool(v)
	default:
		return lua.LNil
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
