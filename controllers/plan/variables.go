// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"strings"

	"haltline.dev/haltline/api/v1alpha1"
)

// Variables returns the value of each variable that the pipeline declares, in the order of their declaration: the
// execution's, or the default. The problem is not nil where the execution sets one that is not declared, or leaves out
// one that has no default.
func Variables(pipeline *v1alpha1.PipelineSpec, execution *v1alpha1.PipelineExecutionSpec) ([]v1alpha1.Variable, *Problem) {
	given := map[string]string{}
	for _, v := range execution.Variables {
		given[v.Name] = v.Value
	}
	var values []v1alpha1.Variable
	var missing []string
	for _, d := range pipeline.Variables {
		value, ok := given[d.Name]
		delete(given, d.Name)
		switch {
		case ok:
			values = append(values, v1alpha1.Variable{Name: d.Name, Value: value})
		case d.DefaultValue != nil:
			values = append(values, v1alpha1.Variable{Name: d.Name, Value: *d.DefaultValue})
		default:
			missing = append(missing, d.Name)
		}
	}
	var undeclared []string
	for _, v := range execution.Variables {
		if _, left := given[v.Name]; left {
			undeclared = append(undeclared, v.Name)
		}
	}
	if len(missing)+len(undeclared) == 0 {
		return values, nil
	}
	return nil, variablesProblem(missing, undeclared)
}

func variablesProblem(missing, undeclared []string) *Problem {
	var said []string
	if len(missing) > 0 {
		said = append(said, fmt.Sprintf("%s must be set, since the Pipeline gives no default", strings.Join(missing, ", ")))
	}
	if len(undeclared) > 0 {
		said = append(said, fmt.Sprintf("the Pipeline does not declare %s", strings.Join(undeclared, ", ")))
	}
	return &Problem{
		Reason:  v1alpha1.ReasonInvalidVariables,
		Message: fmt.Sprintf("spec.variables: %s. Start another execution with other variables.", strings.Join(said, "; ")),
	}
}
