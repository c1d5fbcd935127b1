// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"encoding/json"
	"strings"
	"testing"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/plan"
	"haltline.dev/haltline/internal/text"
	"haltline.dev/haltline/test/builders"
)

// etcdLimit is how large a request to etcd may be by default (https://etcd.io/docs/latest/dev-guide/limit/).
const etcdLimit = 1536 << 10

func jsonSize(t *testing.T, v any) int {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return len(raw)
}

// largeTexts are the longest texts of a character. Variables are as long as an execution with that many of them may have.
func largeTexts(character string, variableLength int) builders.LargeTexts {
	return builders.LargeTexts{
		Character: character, VariableLength: variableLength,
		Message: text.BoundMessage(strings.Repeat(character, text.MaxMessageLength)), Reason: text.BoundReason(strings.Repeat(character, text.MaxReasonLength)),
	}
}

// An execution of 50 stages and 500 actions, with everything at its limit, has well under 1 MiB, also if every text is made of the character that
// takes the most bytes in JSON: docs/limits.md has the numbers.
func TestTheLargestExecution(t *testing.T) {
	for name, tt := range map[string]struct {
		texts builders.LargeTexts
		most  int
	}{
		"letters": {largeTexts("x", 1000), 640 << 10},
		// JSON writes < as \u003c. So long are 50 values that maxVariables lets through.
		"escaped characters": {largeTexts("<", 515), 864 << 10},
	} {
		t.Run(name, func(t *testing.T) {
			execution := builders.Execution("team", "web")
			builders.FillExecution(execution, tt.texts)
			checkSchema(t, statusSchema(t, "pipelineexecutions"), execution.Status)
			var declared []v1alpha1.VariableDeclaration
			for _, v := range execution.Spec.Variables {
				declared = append(declared, v1alpha1.VariableDeclaration{Name: v.Name})
			}
			if _, problem := plan.ResolveVariables(declared, execution.Spec.Variables); problem != nil {
				t.Fatalf("its variables are refused: %+v", problem)
			}
			actions := 0
			for _, s := range execution.Status.Stages {
				actions += len(s.Actions)
			}
			if actions != builders.MaxActions {
				t.Fatalf("it has %d actions", actions)
			}
			size := jsonSize(t, execution) + plan.MaxOutputs
			if size > tt.most {
				t.Errorf("it has %d KiB, and at most %d are documented", size>>10, tt.most>>10)
			}
			t.Logf("%d KiB", size>>10)
		})
	}
}

// One character more than fits is refused, before anything runs.
func TestVariablesThatWouldBeTooLargeAreRefused(t *testing.T) {
	execution := builders.Execution("team", "web")
	builders.FillExecution(execution, largeTexts("<", 1000))
	var declared []v1alpha1.VariableDeclaration
	for _, v := range execution.Spec.Variables {
		declared = append(declared, v1alpha1.VariableDeclaration{Name: v.Name})
	}
	_, problem := plan.ResolveVariables(declared, execution.Spec.Variables)
	if problem == nil || problem.Reason != v1alpha1.ReasonInvalidVariables || !strings.Contains(problem.Message, "spec.variables: Too long") ||
		!strings.Contains(problem.Message, "at most 160 KiB") {
		t.Errorf("got %+v", problem)
	}
}

// A definition of 50 stages and 500 actions has room for a KiB for each of its templates. One that is larger than its bound is refused, and
// the largest one fits into etcd beside the largest status.
func TestTheLargestPipeline(t *testing.T) {
	registry := newRegistry(nil, nil, nil)
	pipeline := builders.LargePipeline("team", "web", 1024)
	size := jsonSize(t, pipeline.Spec.Definition())
	if problem := findPipelineProblem(registry, pipeline.Spec.Definition()); problem != nil {
		t.Fatalf("of %d KiB it is refused: %+v", size>>10, problem)
	}
	builders.FillPipelineStatus(pipeline, largeTexts("<", 0).Message)
	checkSchema(t, statusSchema(t, "pipelines"), pipeline.Status)
	status := jsonSize(t, pipeline.Status)
	t.Logf("the definition has %d KiB, the status %d KiB", size>>10, status>>10)
	if status > 320<<10 || maxDefinitionSize+status > etcdLimit*3/4 {
		t.Errorf("the status has %d KiB", status>>10)
	}

	larger := builders.LargePipeline("team", "web", 1400)
	problem := findPipelineProblem(registry, larger.Spec.Definition())
	if problem == nil || problem.Reason != v1alpha1.ReasonDefinitionTooLarge || !strings.Contains(problem.Message, "at most 768 KiB") {
		t.Errorf("of %d KiB it is not refused: %+v", jsonSize(t, larger.Spec.Definition())>>10, problem)
	}
}
