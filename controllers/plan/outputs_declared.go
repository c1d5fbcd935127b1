// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"

	"haltline.dev/haltline/api/v1alpha1"
)

// FindOutputsProblem returns why what the actions of a definition put out could be taken for something else, or nil: two actions have
// one namespace, or two outputs, or an output and a variable, would be one environment variable.
func FindOutputsProblem(definition *v1alpha1.PipelineDefinition) *Problem {
	holders, namespaces := map[string]string{}, map[string]string{}
	for _, v := range definition.Variables {
		holders[v.Name] = fmt.Sprintf("the variable of this name in spec.variables[%q]", v.Name)
	}
	for key, a := range DefinedActions(definition) {
		if a.Namespace == "" {
			continue
		}
		path := fmt.Sprintf("spec.stages[%q].actions[%q]", key.Stage, key.Action)
		if other, taken := namespaces[a.Namespace]; taken {
			return invalidOutputs("%s.namespace: Duplicate value: %q is the namespace of %s as well; choose another one", path, a.Namespace, other)
		}
		namespaces[a.Namespace] = path
		for _, name := range a.OutputVariables {
			variable := OutputVariable(a.Namespace, string(name))
			if holder, taken := holders[variable]; taken {
				return invalidOutputs("%s.outputVariables: Invalid value: %q: with its namespace it would be the environment variable %s, as is %s; "+
					"choose another namespace", path, name, variable, holder)
			}
			holders[variable] = fmt.Sprintf("the output %q of %s", name, path)
		}
	}
	return nil
}

func invalidOutputs(format string, args ...any) *Problem {
	return &Problem{v1alpha1.ReasonInvalidOutputs, fmt.Sprintf(format, args...) + "."}
}

// Values returns the value of a name that an action may refer to, or nil if it is known only when the action starts. It reports false for
// a name that the action may not refer to.
type Values func(name string) (value *string, known bool)

// Names are the variables and outputs of a definition.
type Names struct {
	variables map[string]*string
	// outputs have the place of the action that puts them out.
	outputs map[string]place
	places  map[ActionKey]place
}

// place is when an action runs.
type place struct {
	stage    int
	runOrder int32
}

func (p place) isBefore(other place) bool {
	return p.stage < other.stage || p.stage == other.stage && p.runOrder < other.runOrder
}

// NewNames returns the names of a definition, with the values of an execution's variables. A variable without such a value has its
// default.
func NewNames(definition *v1alpha1.PipelineDefinition, variables []v1alpha1.Variable) *Names {
	n := &Names{variables: map[string]*string{}, outputs: map[string]place{}, places: map[ActionKey]place{}}
	for _, d := range definition.Variables {
		n.variables[d.Name] = d.DefaultValue
	}
	for i := range variables {
		n.variables[variables[i].Name] = &variables[i].Value
	}
	for i, s := range definition.Stages {
		for _, a := range s.Actions {
			at := place{i, max(a.RunOrder, 1)}
			n.places[ActionKey{s.Name, a.Name}] = at
			for _, name := range a.OutputVariables {
				n.outputs[OutputVariable(a.Namespace, string(name))] = at
			}
		}
	}
	return n
}

// Of returns the values that an action may refer to: the variables, and the outputs of the actions before it.
func (n *Names) Of(key ActionKey) Values {
	at := n.places[key]
	return func(name string) (*string, bool) {
		if value, known := n.variables[name]; known {
			return value, true
		}
		output, known := n.outputs[name]
		return nil, known && output.isBefore(at)
	}
}
