// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"strings"

	"haltline.dev/haltline/api/v1alpha1"
)

// ResolveVariables returns the value of each variable that the pipeline declares, in the order of their declaration: that
// of the execution, or the default. The problem is not nil if the execution sets one that is not declared, or leaves out
// one that has no default.
func ResolveVariables(declared []v1alpha1.VariableDeclaration, given []v1alpha1.Variable) ([]v1alpha1.Variable, *Problem) {
	left := map[string]string{}
	for _, v := range given {
		left[v.Name] = v.Value
	}
	var values []v1alpha1.Variable
	var missing []string
	for _, d := range declared {
		value, ok := left[d.Name]
		delete(left, d.Name)
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
	for _, v := range given {
		if _, ok := left[v.Name]; ok {
			undeclared = append(undeclared, v.Name)
		}
	}
	if len(missing)+len(undeclared) == 0 {
		return values, findVariablesSizeProblem(values)
	}
	return nil, variablesProblem(missing, undeclared)
}

// maxVariables bounds the variables of an execution, in bytes of JSON. Only values that are mostly of characters which JSON escapes, or of
// long ones, have more: 50 values of 1000 letters have less than half of it. An execution holds them beside its status.
const maxVariables = 160 << 10

func findVariablesSizeProblem(values []v1alpha1.Variable) *Problem {
	size := sizeOf(values)
	if size <= maxVariables {
		return nil
	}
	return &Problem{Reason: v1alpha1.ReasonInvalidVariables, Message: fmt.Sprintf("spec.variables: Too long: they have %d KiB in JSON, and at most "+
		"%d KiB are allowed. Start another execution with shorter variables, such as the URL of what they hold.", (size+1023)>>10, maxVariables>>10)}
}

func variablesProblem(missing, undeclared []string) *Problem {
	var causes []string
	if len(missing) > 0 {
		causes = append(causes, fmt.Sprintf("%s must be set, since the Pipeline gives no default", strings.Join(missing, ", ")))
	}
	if len(undeclared) > 0 {
		causes = append(causes, fmt.Sprintf("the Pipeline does not declare %s", strings.Join(undeclared, ", ")))
	}
	return &Problem{
		Reason:  v1alpha1.ReasonInvalidVariables,
		Message: fmt.Sprintf("spec.variables: %s. Start another execution with other variables.", strings.Join(causes, "; ")),
	}
}
