// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package histories

import (
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/histories/model"
)

// environmentName returns the environment variable by which later actions have the output of an action.
func environmentName(a *v1alpha1.Action) string { return a.Namespace + "_" + outputName }

// findOutputProblem returns why an action fails although its Job completed, or nothing.
func (d *definition) findOutputProblem(k model.Key) model.Answer {
	written, puts := d.written[k]
	if !puts {
		return ""
	}
	_, problem := model.ReadOutput(outputName, written)
	return problem
}

// judgeOutputs judges what an action has put out: what it wrote if it succeeded, and otherwise nothing. One that failed for want of it reads why.
func (j *judge) judgeOutputs(execution *executionRecord, k model.Key) {
	a := findAction(&execution.Status, k)
	var want []v1alpha1.Variable
	if written, puts := execution.definition.written[k]; puts && a.State == v1alpha1.ActionSucceeded {
		value, _ := model.ReadOutput(outputName, written)
		want = []v1alpha1.Variable{{Name: outputName, Value: value}}
	}
	if !equality.Semantic.DeepEqual(a.Outputs, want) {
		j.addFinding("action %q of execution %q is %s and has put out %v, not %v", k.Action, execution.Name, a.State, a.Outputs, want)
	}
	isExcused := execution.lost[k] || execution.timedOut[k] || execution.withoutClaim[k]
	problem := execution.definition.findOutputProblem(k)
	if a.State == v1alpha1.ActionFailed && problem != "" && !isExcused && a.Reason != string(problem) {
		j.addFinding("action %q of execution %q is Failed because of %s, not of %s", k.Action, execution.Name, a.Reason, problem)
	}
}

// expectedOutputs returns the environment variables that the containers of an action have of the actions before it, and those that they must
// not have.
func (execution *executionRecord) expectedOutputs(k model.Key) (expected map[string]string, absent []string) {
	expected = map[string]string{}
	before := execution.definition.model.FindBefore(k)
	for _, a := range execution.definition.model {
		declared := execution.definition.actions[a.Key]
		switch {
		case len(declared.OutputVariables) == 0:
		case slices.Contains(before, a.Key):
			for _, o := range findAction(&execution.Status, a.Key).Outputs {
				expected[environmentName(&declared)] = o.Value
			}
		default:
			absent = append(absent, environmentName(&declared))
		}
	}
	return expected, absent
}
