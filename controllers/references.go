// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"fmt"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/action"
	"haltline.dev/haltline/controllers/plan"
)

// findPipelineProblem returns why no execution of a definition could run as it is, or nil.
func findPipelineProblem(registry *action.Registry, definition *v1alpha1.PipelineDefinition) *plan.Problem {
	if problem := findDefinitionProblem(registry, definition); problem != nil {
		return problem
	}
	return findReferenceProblem(registry, definition, nil)
}

// findReferenceProblem returns why the outputs of a definition clash, or why an action refers to something that is not declared or makes no
// sense with the values of an execution's variables; or nil. Without variables, the defaults count.
func findReferenceProblem(
	registry *action.Registry, definition *v1alpha1.PipelineDefinition, variables []v1alpha1.Variable,
) *plan.Problem {
	if problem := plan.FindOutputsProblem(definition); problem != nil {
		return problem
	}
	names := plan.NewNames(definition, variables)
	for key, a := range plan.DefinedActions(definition) {
		if err := registry.CheckReferences(a, names.Of(key)); err != nil {
			return &plan.Problem{Reason: v1alpha1.ReasonInvalidImage, Message: fmt.Sprintf("spec.stages[%q].actions[%q].%v.", key.Stage, key.Action, err)}
		}
	}
	return nil
}
