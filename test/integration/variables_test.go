// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/builders"
)

func TestVariablesReachTheContainersAsEnvironment(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := createNamespace(t)
	value := "$(HALTLINE_STAGE); \"rm\" $$ \\"
	pipeline := builders.Pipeline(ns, "web", builders.Stage("Build", builders.Action("compile")))
	pipeline.Spec.Variables = []v1alpha1.VariableDeclaration{{Name: "TARGET"}, {Name: "OTHER", DefaultValue: &value}}
	createObject(t, pipeline)
	execution := createObject(t, builders.Execution(ns, "web", v1alpha1.Variable{Name: "TARGET", Value: "production"}))
	pod := waitForRunning(t, execution, "compile")
	g.Expect(pod.Spec.Containers[0].Env).To(ContainElements(
		corev1.EnvVar{Name: "TARGET", Value: "production"},
		corev1.EnvVar{Name: "OTHER", Value: "$$(HALTLINE_STAGE); \"rm\" $$$$ \\"},
		corev1.EnvVar{Name: v1alpha1.EnvPipelineName, Value: "web"},
		corev1.EnvVar{Name: v1alpha1.EnvPipelineExecutionID, Value: string(execution.UID)},
		corev1.EnvVar{Name: v1alpha1.EnvStage, Value: "Build"},
		corev1.EnvVar{Name: v1alpha1.EnvAction, Value: "compile"},
	))
}

func TestBadVariablesFailTheExecution(t *testing.T) {
	t.Parallel()
	ns := createNamespace(t)
	pipeline := builders.Pipeline(ns, "web", builders.Stage("Build", builders.Action("compile")))
	pipeline.Spec.Variables = []v1alpha1.VariableDeclaration{{Name: "TARGET"}, {Name: "REGION"}, {Name: "COLOR", DefaultValue: ptr.To("blue")}}
	createObject(t, pipeline)
	target, region := v1alpha1.Variable{Name: "TARGET", Value: "production"}, v1alpha1.Variable{Name: "REGION", Value: "north"}
	for _, c := range []struct {
		name      string
		variables []v1alpha1.Variable
		mentions  []string
		omits     string
	}{
		{"one missing", []v1alpha1.Variable{region}, []string{"TARGET must be set"}, "REGION"},
		{"all missing", nil, []string{"TARGET, REGION must be set"}, "COLOR"},
		{"one undeclared", []v1alpha1.Variable{target, region, {Name: "TARGTE"}}, []string{"does not declare TARGTE"}, "REGION"},
		{"another case", []v1alpha1.Variable{target, region, {Name: "Target"}}, []string{"does not declare Target"}, "REGION"},
		{"a reserved name", []v1alpha1.Variable{target, region, {Name: v1alpha1.EnvStage}}, []string{"does not declare " + v1alpha1.EnvStage}, "REGION"},
		{"missing and undeclared", []v1alpha1.Variable{region, {Name: "TARGTE"}}, []string{"TARGET must be set", "does not declare TARGTE"}, "REGION"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			execution := createObject(t, builders.Execution(ns, "web", c.variables...))
			waitForState(t, execution, v1alpha1.ExecutionFailed)
			message := expectNotReady(t, execution, v1alpha1.ReasonInvalidVariables, append(c.mentions, "spec.variables", "Start another execution")...)
			g.Expect(message).NotTo(ContainSubstring(c.omits))
			g.Expect(isConditionTrue(execution, v1alpha1.ConditionStalled)).To(BeTrue())
			g.Expect(actionStates(execution)).To(Equal(states{"compile": actionNotStarted}))
			g.Expect(listJobs(t, execution)).To(BeEmpty())
		})
	}
}
