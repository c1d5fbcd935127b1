// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/apiserver"
	"haltline.dev/haltline/test/builders"
)

func TestSchemaOutputs(t *testing.T) {
	t.Parallel()
	const namespace, outputs = actionField + ".namespace", actionField + ".outputVariables"
	const both = "outputVariables need a namespace, and a namespace is for outputVariables; set both or neither"
	withOutputs := func(ns string) manifest {
		o := goodPipeline(ns)
		setField(o.Object, namespace, "BUILD")
		setField(o.Object, outputs, []any{"TAG"})
		return o
	}
	names := func(n int) []any {
		all := []any{}
		for i := range n {
			all = append(all, strings.Repeat("A", i+1))
		}
		return all
	}
	testSchema(t, withOutputs, []schemaCase{
		{name: "15 outputs", field: outputs, value: names(15)},
		{name: "16 outputs", field: outputs, value: names(16), refused: "must have at most 15 items"},
		{name: "no outputs", field: outputs, value: []any{}, at: namespace, refused: both},
		{name: "outputs absent", field: outputs, at: namespace, refused: both},
		{name: "namespace absent", field: namespace, at: namespace, refused: both},
		{name: "an output twice", field: outputs, value: []any{"TAG", "TAG"}, at: outputs + "[1]", refused: "Duplicate value"},
		{name: "an output of 128 characters", field: outputs, value: []any{strings.Repeat("A", 128)}},
		{name: "an output of 129 characters", field: outputs, value: []any{strings.Repeat("A", 129)}, at: outputs + "[0]", refused: "may not be more than 128"},
		{name: "an output with a dash", field: outputs, value: []any{"A-B"}, at: outputs + "[0]", refused: "should match"},
		{name: "an output that begins with a digit", field: outputs, value: []any{"1A"}, at: outputs + "[0]", refused: "should match"},
		{name: "an empty output", field: outputs, value: []any{""}, at: outputs + "[0]", refused: "should be at least 1 chars long"},
		{name: "a namespace of 100 characters", field: namespace, value: strings.Repeat("A", 100)},
		{name: "a namespace of 101 characters", field: namespace, value: strings.Repeat("A", 101), refused: "may not be more than 100"},
		{name: "a namespace with a dash", field: namespace, value: "A-B", refused: "should match"},
		{name: "a namespace with @", field: namespace, value: "A@B", refused: "should match"},
		{name: "HALTLINE", field: namespace, value: "HALTLINE", refused: "is reserved"},
		{name: "HALTLINE_X", field: namespace, value: "HALTLINE_X", refused: "is reserved"},
		{name: "HALTLINES", field: namespace, value: "HALTLINES"},
	})
}

func withOutputs(namespace string, names ...v1alpha1.OutputName) builders.ActionOption {
	return func(a *v1alpha1.Action, _ *batchv1.JobSpec) { a.Namespace, a.OutputVariables = namespace, names }
}

func withImage(image string) builders.ActionOption {
	return builders.EditJob(func(spec *batchv1.JobSpec) { spec.Template.Spec.Containers[0].Image = image })
}

// endAction waits until a pod of the action runs, and ends it well with that termination message.
func endAction(t *testing.T, execution *v1alpha1.PipelineExecution, action, written string) {
	t.Helper()
	NewWithT(t).Expect(cluster.EndPod(t.Context(), waitForRunning(t, execution, action), written)).To(Succeed())
}

func TestOutputsReachLaterContainersAndImages(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := createNamespace(t)
	pipeline := builders.Pipeline(ns, "web",
		builders.Stage("Build", builders.Action("compile", withOutputs("BUILD", "TAG", "URL"), withImage("builder:$(TOOLS)"))),
		builders.Stage("Deploy", builders.Action("roll-out", withImage("registry.example.com/app:$(BUILD_TAG)"))))
	pipeline.Spec.Variables = []v1alpha1.VariableDeclaration{{Name: "TOOLS", DefaultValue: ptr.To("v2")}}
	createObject(t, pipeline)
	g.Eventually(func() bool { return isConditionTrue(refreshObject(t, pipeline), v1alpha1.ConditionReady) }, timeout, interval).Should(BeTrue())
	execution := createExecution(t, ns, "web")
	g.Expect(waitForRunning(t, execution, "compile").Spec.Containers[0].Image).To(Equal("builder:v2"))

	endAction(t, execution, "compile", "log line\nURL=https://x/?a=$(b)\nTAG=v1\nOTHER=1\n")
	main := waitForRunning(t, execution, "roll-out").Spec.Containers[0]
	g.Expect(main.Image).To(Equal("registry.example.com/app:v1"))
	g.Expect(main.Env).To(ContainElements(
		corev1.EnvVar{Name: "BUILD_TAG", Value: "v1"}, corev1.EnvVar{Name: "BUILD_URL", Value: "https://x/?a=$$(b)"}))
	g.Expect(main.Env).NotTo(ContainElement(HaveField("Name", "BUILD_OTHER")))

	finishAction(t, execution, "roll-out", corev1.PodSucceeded)
	waitForState(t, execution, v1alpha1.ExecutionSucceeded)
	g.Expect(execution.Status.Stages[0].Actions[0].Outputs).To(Equal([]v1alpha1.Variable{{Name: "TAG", Value: "v1"}, {Name: "URL", Value: "https://x/?a=$(b)"}}))
}

func TestBadOutputsFailTheAction(t *testing.T) {
	t.Parallel()
	ns := createNamespace(t)
	createPipeline(t, ns, "web",
		builders.Stage("Build", builders.Action("compile", withOutputs("BUILD", "TAG"))),
		builders.Stage("Deploy", builders.Action("roll-out", withImage("app:$(BUILD_TAG)"))))
	for _, c := range []struct {
		name, written, reason string
		mentions              []string
	}{
		{"missing", "TAGS=v1", v1alpha1.ReasonOutputMissing, []string{`"TAG"`, "found 1 lines"}},
		{"without =", "TAG", v1alpha1.ReasonOutputInvalid, []string{`"TAG"`, "without ="}},
		{"too long", "TAG=" + strings.Repeat("a", 1001), v1alpha1.ReasonOutputInvalid, []string{`"TAG"`, "1001 characters"}},
		{"5 KiB, of which the kubelet keeps 4", "TAG=v1\n" + strings.Repeat("a", 4089), v1alpha1.ReasonOutputInvalid, []string{"4096 bytes or more"}},
		{"no UTF-8", "TAG=a\xff", v1alpha1.ReasonOutputInvalid, []string{`"TAG"`, "not valid UTF-8"}},
		{"no tag of an image", "TAG=5000/evil", v1alpha1.ReasonInvalidImage, []string{"app:$(BUILD_TAG)", "5000/evil"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			execution := createExecution(t, ns, "web")
			endAction(t, execution, "compile", c.written)
			waitForState(t, execution, v1alpha1.ExecutionFailed)
			expectNotReady(t, execution, v1alpha1.ReasonActionFailed, append(c.mentions, c.reason)...)
		})
	}
}

func TestAPipelineWhoseOutputsOrImagesCannotWorkIsNotReady(t *testing.T) {
	t.Parallel()
	ns := createNamespace(t)
	one := builders.Action("a", withOutputs("A", "TAG"))
	for name, c := range map[string]struct {
		actions  []v1alpha1.Action
		reason   string
		mentions []string
	}{
		"namespace-twice": {[]v1alpha1.Action{one, builders.Action("b", withOutputs("A", "URL"))}, v1alpha1.ReasonInvalidOutputs, []string{`actions["b"].namespace`, `"A"`}},
		"variable-of-the-name": {[]v1alpha1.Action{builders.Action("a", withOutputs("THE", "VARIABLE"))}, v1alpha1.ReasonInvalidOutputs,
			[]string{`actions["a"].outputVariables`, "THE_VARIABLE"}},
		"undeclared": {[]v1alpha1.Action{builders.Action("a", withImage("app:$(TAG)"))}, v1alpha1.ReasonInvalidImage,
			[]string{`actions["a"].job.spec.template.spec.containers[0].image`, "$(TAG)"}},
		"of-a-sibling": {[]v1alpha1.Action{one, builders.Action("b", withImage("app:$(A_TAG)"))}, v1alpha1.ReasonInvalidImage, []string{"$(A_TAG)", "earlier action"}},
		"of-two-pods": {[]v1alpha1.Action{builders.Action("a", withOutputs("A", "TAG"), builders.EditJob(func(s *batchv1.JobSpec) { s.Completions = ptr.To[int32](2) }))},
			v1alpha1.ReasonInvalidJobTemplate, []string{"job.spec.completions", "outputVariables"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pipeline := builders.Pipeline(ns, name, builders.Stage("Build", c.actions...))
			pipeline.Spec.Variables = []v1alpha1.VariableDeclaration{{Name: "THE_VARIABLE"}}
			createObject(t, pipeline)
			expectNotReady(t, pipeline, c.reason, c.mentions...)
			execution := createObject(t, builders.Execution(ns, name, v1alpha1.Variable{Name: "THE_VARIABLE", Value: "x"}))
			waitForState(t, execution, v1alpha1.ExecutionFailed)
			expectNotReady(t, execution, c.reason, c.mentions...)
		})
	}
}

// A variable that makes no image fails the execution before anything runs.
func TestAVariableThatMakesNoImageFailsTheExecution(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := createNamespace(t)
	pipeline := builders.Pipeline(ns, "web", builders.Stage("Build", builders.Action("compile")), builders.Stage("Deploy", builders.Action("roll-out", withImage("app:$(TAG)"))))
	pipeline.Spec.Variables = []v1alpha1.VariableDeclaration{{Name: "TAG"}}
	createObject(t, pipeline)
	execution := createObject(t, builders.Execution(ns, "web", v1alpha1.Variable{Name: "TAG", Value: "a b"}))
	waitForState(t, execution, v1alpha1.ExecutionFailed)
	expectNotReady(t, execution, v1alpha1.ReasonInvalidImage, `actions["roll-out"]`, "containers[0].image", `app:a b`)
	g.Expect(listJobs(t, execution)).To(BeEmpty())
}

// The sample of docs/passing-data.md runs as the page describes.
func TestTheSampleOfPassingData(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := createNamespace(t)
	content, err := os.ReadFile(filepath.Join(apiserver.RepositoryRoot(), "config", "samples", "outputs.yaml"))
	g.Expect(err).NotTo(HaveOccurred())
	page, err := os.ReadFile(filepath.Join(apiserver.RepositoryRoot(), "docs", "passing-data.md"))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(string(page)).To(ContainSubstring("config/samples/outputs.yaml"))
	pipeline := &v1alpha1.Pipeline{}
	g.Expect(yaml.UnmarshalStrict(content, pipeline)).To(Succeed())
	pipeline.Namespace = ns
	createObject(t, pipeline)
	g.Eventually(func() bool { return isConditionTrue(refreshObject(t, pipeline), v1alpha1.ConditionReady) }, timeout, interval).Should(BeTrue())
}
