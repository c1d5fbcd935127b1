// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"maps"
	"strings"
	"unicode/utf8"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/internal/text"
)

// MaxOutputs bounds the outputs of all actions of an execution, in bytes of JSON, as the status has them: each later Job has them as well.
const MaxOutputs = 64 << 10

// maxOutputLength bounds the value of an output, in characters, as that of a variable.
const maxOutputLength = 1000

// readOutputs records the outputs of the actions that are seen to have succeeded, and returns what was observed, with those as failed
// that did not put out what they declare. An abandoned action has no outputs.
func readOutputs(status *v1alpha1.PipelineExecutionStatus, in Input) map[ActionKey]Observation {
	observed := maps.Clone(in.Observed)
	left := MaxOutputs - sizeOfOutputs(status)
	for key, a := range actions(status) {
		o := observed[key]
		declared := findDefinition(in.Definition, key).OutputVariables
		if o.Phase != PhaseSucceeded || a.State != v1alpha1.ActionInProgress || len(declared) == 0 {
			continue
		}
		outputs, problem := parseOutputs(o.Written, declared)
		if size := sizeOf(outputs); problem == nil && size > left {
			problem = &Problem{v1alpha1.ReasonOutputsTooLarge, fmt.Sprintf("The outputs of all actions of an execution may have %d bytes, "+
				"of which %d are left, and the action put out %d; pass data in a workspace, or by reference.", MaxOutputs, left, size)}
		}
		if problem != nil {
			o.Phase, o.Reason, o.Message = PhaseFailed, problem.Reason, problem.Message
			observed[key] = o
			continue
		}
		a.Outputs = outputs
		left -= sizeOf(outputs)
	}
	return observed
}

// parseOutputs returns the declared outputs of what a container wrote, in the order of their declaration. Each is a line NAME=value; the
// first = ends the name, and of two lines of one name the later one counts. What is not declared is left out. The problem names the
// first output that is missing or malformed.
func parseOutputs(written string, declared []v1alpha1.OutputName) ([]v1alpha1.Variable, *Problem) {
	lines := strings.FieldsFunc(written, func(r rune) bool { return r == '\n' })
	values, found := map[string]string{}, map[string]bool{}
	for _, line := range lines {
		name, value, hasValue := strings.Cut(strings.TrimSuffix(line, "\r"), "=")
		values[name], found[name] = value, hasValue
	}
	var outputs []v1alpha1.Variable
	for _, d := range declared {
		name := string(d)
		hasValue, written := found[name]
		value := values[name]
		switch {
		case !written:
			return nil, missingOutput(name, len(lines))
		case !hasValue:
			return nil, invalidOutput(name, "found a line with this name and without =")
		case !utf8.ValidString(value) || strings.ContainsRune(value, utf8.RuneError):
			// Kubernetes puts that character in the place of what is not UTF-8.
			return nil, invalidOutput(name, "found a value that is not valid UTF-8")
		case strings.ContainsRune(value, 0):
			return nil, invalidOutput(name, "found a value with a zero byte, which no environment variable can have")
		case utf8.RuneCountInString(value) > maxOutputLength:
			return nil, invalidOutput(name, fmt.Sprintf("found a value of %d characters, and at most %d are allowed", utf8.RuneCountInString(value), maxOutputLength))
		}
		outputs = append(outputs, v1alpha1.Variable{Name: name, Value: value})
	}
	return outputs, nil
}

func missingOutput(name string, lines int) *Problem {
	return &Problem{v1alpha1.ReasonOutputMissing, fmt.Sprintf("outputVariables: %q was not put out: found %d lines in the termination message of the "+
		"action's first container, and none that begins with %s=; have it write that line into /dev/termination-log.", name, lines, name)}
}

func invalidOutput(name, found string) *Problem {
	return &Problem{v1alpha1.ReasonOutputInvalid, fmt.Sprintf("outputVariables: %q is not valid: %s; have the action's first container write "+
		"one line NAME=value into /dev/termination-log.", name, found)}
}

// sizeOfOutputs returns the size of the outputs of all actions, in bytes.
func sizeOfOutputs(status *v1alpha1.PipelineExecutionStatus) int {
	size := 0
	for _, a := range actions(status) {
		size += sizeOf(a.Outputs)
	}
	return size
}

func sizeOf(outputs []v1alpha1.Variable) int {
	size := 0
	for _, o := range outputs {
		size += len(`{"name":"","value":""},`) + text.SizeInJSON(o.Name) + text.SizeInJSON(o.Value)
	}
	return size
}

// outputsBefore returns the outputs that an action gets, named NAMESPACE_NAME: those of the actions before it, in earlier stages or with a
// smaller runOrder in its own. They ended before it was decided to start, so its Job is the same whenever it is built. Those of
// its siblings may come while its Job is built again.
func outputsBefore(
	status *v1alpha1.PipelineExecutionStatus, definition *v1alpha1.PipelineDefinition, key ActionKey, runOrder int32,
) []v1alpha1.Variable {
	var outputs []v1alpha1.Variable
	for _, s := range status.Stages {
		for i := range s.Actions {
			a := &s.Actions[i]
			if len(a.Outputs) == 0 || s.Name == key.Stage && a.RunOrder >= runOrder {
				continue
			}
			namespace := findDefinition(definition, ActionKey{s.Name, a.Name}).Namespace
			for _, o := range a.Outputs {
				outputs = append(outputs, v1alpha1.Variable{Name: OutputVariable(namespace, o.Name), Value: o.Value})
			}
		}
		if s.Name == key.Stage {
			break
		}
	}
	return outputs
}

// OutputVariable returns the name of the environment variable that has an output.
func OutputVariable(namespace, output string) string {
	return namespace + "_" + output
}
