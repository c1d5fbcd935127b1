// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"testing"

	"k8s.io/utils/ptr"

	"haltline.dev/haltline/api/v1alpha1"
)

func TestFindOutputsProblem(t *testing.T) {
	variables := []v1alpha1.VariableDeclaration{{Name: "BUILD_TAG"}, {Name: "TAG"}}
	tests := map[string]struct {
		actions   []v1alpha1.Action
		variables []v1alpha1.VariableDeclaration
		// parts are in the message; there is no problem without any.
		parts []string
	}{
		"no outputs":             {[]v1alpha1.Action{makeAction("a", 1), makeAction("b", 1)}, variables, nil},
		"outputs":                {[]v1alpha1.Action{makeOutputAction("a", 1, "A", "TAG"), makeOutputAction("b", 1, "B", "TAG")}, variables, nil},
		"namespaces by case":     {[]v1alpha1.Action{makeOutputAction("a", 1, "A", "TAG"), makeOutputAction("b", 1, "a", "TAG")}, nil, nil},
		"a namespace twice":      {[]v1alpha1.Action{makeOutputAction("a", 1, "A", "X"), makeOutputAction("b", 1, "A", "Y")}, nil, []string{`spec.stages["Build"].actions["b"].namespace`, `"A"`, `actions["a"]`, "choose another"}},
		"a variable of the name": {[]v1alpha1.Action{makeOutputAction("a", 1, "BUILD", "TAG")}, variables, []string{`actions["a"].outputVariables`, "BUILD_TAG", `spec.variables["BUILD_TAG"]`}},
		"two outputs of a name":  {[]v1alpha1.Action{makeOutputAction("a", 1, "A", "B_C"), makeOutputAction("b", 1, "A_B", "C")}, nil, []string{`actions["b"].outputVariables`, "A_B_C", `output "B_C"`}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			problem := FindOutputsProblem(&v1alpha1.PipelineDefinition{Variables: tt.variables, Stages: []v1alpha1.Stage{{Name: "Build", Actions: tt.actions}}})
			if (problem == nil) != (tt.parts == nil) {
				t.Fatalf("got %+v", problem)
			}
			if problem != nil {
				checkContains(t, problem.Reason+problem.Message, append(tt.parts, v1alpha1.ReasonInvalidOutputs)...)
			}
		})
	}
}

func TestNames(t *testing.T) {
	definition := makeDefinition(
		makeStage("Build", makeOutputAction("compile", 0, "C", "X"), makeOutputAction("package", 2, "P", "X"), makeAction("sign", 2)),
		makeStage("Deploy", makeAction("roll-out", 1)))
	definition.Variables = []v1alpha1.VariableDeclaration{{Name: "SET"}, {Name: "DEFAULT", DefaultValue: ptr.To("d")}, {Name: "OPEN"}}
	names := NewNames(definition, []v1alpha1.Variable{{Name: "SET", Value: "s"}})
	for _, tt := range []struct {
		action, name string
		// want is the value, "?" if it is known later, and "" if the name is not known.
		want string
	}{
		{"Build/compile", "SET", "s"}, {"Build/compile", "DEFAULT", "d"}, {"Build/compile", "OPEN", "?"}, {"Build/compile", "OTHER", ""},
		{"Build/compile", "C_X", ""}, {"Build/package", "C_X", "?"}, {"Build/package", "P_X", ""}, {"Build/sign", "P_X", ""},
		{"Deploy/roll-out", "P_X", "?"}, {"Deploy/roll-out", "X", ""},
	} {
		value, known := names.Of(parseKey(tt.action))(tt.name)
		got := ""
		if known {
			got = ptr.Deref(value, "?")
		}
		if got != tt.want {
			t.Errorf("%s: %s is %q, want %q", tt.action, tt.name, got, tt.want)
		}
	}
}
