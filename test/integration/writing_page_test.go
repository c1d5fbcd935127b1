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
	"haltline.dev/haltline/test/builders"
	"haltline.dev/haltline/test/pages"
)

const (
	writingPage = "docs/writing-a-pipeline.md"
	shopSample  = "config/samples/shop.yaml"
)

// latestExecution waits for the one execution of a namespace, and returns it.
func latestExecution(t *testing.T, ns string) *v1alpha1.PipelineExecution {
	t.Helper()
	list := &v1alpha1.PipelineExecutionList{}
	NewWithT(t).Expect(cluster.Client.List(t.Context(), list, client.InNamespace(ns))).To(Succeed())
	NewWithT(t).Expect(list.Items).To(HaveLen(1))
	return &list.Items[0]
}

// The guide to writing a pipeline: its example runs to its end, in the order that the guide describes.
func TestTheCommandsOfTheWritingPageWork(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := createNamespace(t)
	p := openGuide(t, ns, writingPage)
	p.run("kubectl apply -f " + shopSample)
	p.run("name: hello")
	p.run("--dry-run=server")
	p.finish()

	hello := &v1alpha1.Pipeline{}
	g.Expect(k8s.Get(t.Context(), client.ObjectKey{Namespace: ns, Name: "hello"}, hello)).To(Succeed())
	g.Expect(string(hello.Spec.Stages[0].Actions[0].Job.Spec.Raw)).To(ContainSubstring("$HALTLINE_ACTION"), "the shell of the reader left it to the container")

	execution := latestExecution(t, ns)
	waitForRunning(t, execution, "lint")
	endAction(t, execution, "compile", "IMAGE_TAG=1.35\n")
	g.Expect(findAction(refreshObject(t, execution), "test").State).To(Equal(v1alpha1.ActionNotStarted))
	finishAction(t, execution, "lint", corev1.PodSucceeded)
	finishAction(t, execution, "test", corev1.PodSucceeded)
	waitForAction(t, execution, "approve", actionInProgress)
	createObject(t, builders.ApprovalResult(execution, "Release", "approve", v1alpha1.ApprovalApproved))
	g.Expect(waitForRunning(t, execution, "roll-out").Spec.Containers[0].Image).To(Equal("busybox:1.35"))
	finishAction(t, execution, "roll-out", corev1.PodSucceeded)
	waitForState(t, execution, v1alpha1.ExecutionSucceeded)
}

// What the guide shows of its example is there.
func TestTheExcerptsOfTheWritingPageAreOfItsSample(t *testing.T) {
	t.Parallel()
	sample := readFile(t, shopSample)
	for _, excerpt := range readBlocks(t, writingPage, "yaml") {
		NewWithT(t).Expect(sample).To(ContainSubstring(excerpt))
	}
}

// mistake brings a mistake of the guide about, and returns what a reader reads.
type mistake func(t *testing.T, ns string) string

// editing makes a mistake in the example, and returns what the API server answers.
func editing(right, wrong string) mistake {
	return func(t *testing.T, ns string) string {
		t.Helper()
		output, err := applyEdited(t, ns, "--dry-run=server", right, wrong)
		NewWithT(t).Expect(err).To(HaveOccurred(), output)
		return output
	}
}

// editingUnnoticed makes a mistake that only the operator finds, and returns the columns of the Pipeline.
func editingUnnoticed(right, wrong string) mistake {
	return func(t *testing.T, ns string) string {
		t.Helper()
		output, err := applyEdited(t, ns, "--dry-run=none", right, wrong)
		NewWithT(t).Expect(err).NotTo(HaveOccurred(), output)
		return getNotReady(t, ns, "shop")
	}
}

// applyEdited applies the example with one text replaced by another one.
func applyEdited(t *testing.T, ns, dryRun, right, wrong string) (string, error) {
	t.Helper()
	g := NewWithT(t)
	sample := readFile(t, shopSample)
	g.Expect(sample).To(ContainSubstring(right))
	file := filepath.Join(t.TempDir(), "pipeline.yaml")
	g.Expect(os.WriteFile(file, []byte(strings.Replace(sample, right, wrong, 1)), 0o600)).To(Succeed())
	return runKubectl(t.Context(), cluster.Kubeconfig, "apply", "-n", ns, dryRun, "-f", file)
}

// getNotReady waits until a Pipeline is not ready, and returns its columns.
func getNotReady(t *testing.T, ns, name string) string {
	t.Helper()
	waitForCondition(t, &v1alpha1.Pipeline{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name}}, v1alpha1.ConditionReady, metav1.ConditionFalse)
	output, err := runKubectl(t.Context(), cluster.Kubeconfig, "get", "pipelines", "-n", ns, "-o", "wide")
	NewWithT(t).Expect(err).NotTo(HaveOccurred(), output)
	return output
}

// explaining starts the example with some flags, lets a test go on with it, and returns what the plugin explains when the execution is not ready for
// a reason.
func explaining(reason string, execution func(t *testing.T, ns string) *v1alpha1.PipelineExecution) mistake {
	return func(t *testing.T, ns string) string {
		t.Helper()
		e := execution(t, ns)
		expectNotReady(t, e, reason)
		output, err := openGuide(t, ns, writingPage).try("kubectl haltline explain " + e.Name)
		NewWithT(t).Expect(err).NotTo(HaveOccurred(), output)
		return output
	}
}

// startingWith starts the example with variables of some names.
func startingWith(variables ...string) func(t *testing.T, ns string) *v1alpha1.PipelineExecution {
	return func(t *testing.T, ns string) *v1alpha1.PipelineExecution {
		t.Helper()
		applySample(t, ns, filepath.Base(shopSample))
		execution := builders.Execution(ns, "shop")
		for _, name := range variables {
			execution.Spec.Variables = append(execution.Spec.Variables, v1alpha1.Variable{Name: name, Value: "v1.2"})
		}
		return createObject(t, execution)
	}
}

func misspellPipeline(t *testing.T, ns string) *v1alpha1.PipelineExecution {
	t.Helper()
	return createExecution(t, ns, "shpo")
}

// mistakes are those of the guide, by the first column of its table.
func mistakes() map[string]mistake {
	return map[string]mistake{
		"a field is misspelled, such as `runorder`":              editing("runOrder: 2", "runorder: 2"),
		"an action has neither `job` nor `approval`":             editing("approval:\n            message: Is staging good?\n            timeoutSeconds: 86400\n", "onStop: Finish\n"),
		"the pod has no `restartPolicy`":                         editing("restartPolicy: Never", "hostNetwork: false"),
		"the Job has a TTL":                                      editing("backoffLimit: 0", "ttlSecondsAfterFinished: 60"),
		"an output has no namespace":                             editing("namespace: BUILD", "runOrder: 1"),
		"an approval has a limit of a Job":                       editing("- name: approve\n", "- name: approve\n          timeoutSeconds: 60\n"),
		"a field of the Job is misspelled":                       editingUnnoticed("image: busybox:1.35\n", "image: busybox:1.35\n                      imagePullpolicy: Always\n"),
		"an image refers to what is not declared":                editingUnnoticed("$(BUILD_IMAGE_TAG)", "$(TGA)"),
		"a second Pipeline has the name":                         takeName,
		"an execution leaves out a variable that has no default": explaining(v1alpha1.ReasonInvalidVariables, startingWith()),
		"an execution sets a variable that is not declared":      explaining(v1alpha1.ReasonInvalidVariables, startingWith("TGA")),
		"an execution names a pipeline that is not there":        explaining(v1alpha1.ReasonWaitingForPipeline, misspellPipeline),
		"a declared output is not written":                       explaining(v1alpha1.ReasonActionFailed, writeNoOutput),
		"the image cannot be pulled":                             explaining(string(v1alpha1.ExecutionInProgress), pullNoImage),
	}
}

// takeName creates two Pipelines of one name, and returns the columns of both.
func takeName(t *testing.T, ns string) string {
	t.Helper()
	first := createPipeline(t, ns, "shop", builders.Stage("Build", builders.Action("compile")))
	waitForCondition(t, first, v1alpha1.ConditionReady, metav1.ConditionTrue)
	second := builders.Pipeline(ns, "shop-copy", builders.Stage("Build", builders.Action("compile")))
	second.Spec.PipelineName = "shop"
	createObject(t, second)
	return getNotReady(t, ns, second.Name)
}

func writeNoOutput(t *testing.T, ns string) *v1alpha1.PipelineExecution {
	t.Helper()
	execution := startingWith("TAG")(t, ns)
	endAction(t, execution, "compile", "")
	finishAction(t, execution, "lint", corev1.PodSucceeded)
	waitForState(t, execution, v1alpha1.ExecutionFailed)
	return execution
}

func pullNoImage(t *testing.T, ns string) *v1alpha1.PipelineExecution {
	t.Helper()
	execution := startingWith("TAG")(t, ns)
	failPull(t, execution, "compile")
	expectNotReady(t, execution, string(v1alpha1.ExecutionInProgress), "ImagePullBackOff")
	return execution
}

// Each mistake of the guide is answered with the words that the guide quotes.
func TestTheMistakesOfTheWritingPageReadAsTheGuideTells(t *testing.T) {
	t.Parallel()
	rows := regexp.MustCompile("(?m)^\\| (.+?) \\| `(.+)` \\| .+ \\|$").FindAllStringSubmatch(pages.Section(readFile(t, writingPage), "Common mistakes"), -1)
	known := mistakes()
	NewWithT(t).Expect(rows).To(HaveLen(len(known)), "a mistake of the guide is not tried, or one that is tried is not in the guide")
	for _, row := range rows {
		t.Run(row[1], func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			g.Expect(known).To(HaveKey(row[1]))
			ns := createNamespace(t)
			g.Expect(strings.ReplaceAll(known[row[1]](t, ns), ns, "shop")).To(ContainSubstring(row[2]))
		})
	}
}
