// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"strings"
	"testing"
)

func TestSchemaExecutionPipelineName(t *testing.T) {
	t.Parallel()
	testSchema(t, goodExecution, append(nameCases("spec.pipelineName"),
		schemaCase{name: "missing", field: "spec.pipelineName", refused: "Required value"}))
}

// variableNameCases returns the cases of the name of a variable: list[0].name.
func variableNameCases(list string, more map[string]any) []schemaCase {
	const pattern = `should match '^[A-Za-z_][A-Za-z0-9_]*$'`
	at := list + "[0].name"
	with := func(name any) []any {
		items := namedList(1, more)
		items[0].(map[string]any)["name"] = name
		return items
	}
	return []schemaCase{
		{name: "name of no characters", field: list, value: with(""), at: at, refused: "should be at least 1 chars long"},
		{name: "name of 1 character", field: list, value: with("V")},
		{name: "name of 128 characters", field: list, value: with(strings.Repeat("V", 128))},
		{name: "name of 129 characters", field: list, value: with(strings.Repeat("V", 129)), at: at, refused: "may not be more than 128"},
		{name: "name of letters, digits and underscores", field: list, value: with("_aZ09_")},
		{name: "name with a digit in front", field: list, value: with("1V"), at: at, refused: pattern},
		{name: "name with a dash", field: list, value: with("MY-VAR"), at: at, refused: pattern},
		{name: "name with a dot", field: list, value: with("my.var"), at: at, refused: pattern},
		{name: "name with an equals sign", field: list, value: with("V=1"), at: at, refused: pattern},
		{name: "name with a newline at the end", field: list, value: with("V\n"), at: at, refused: pattern},
		{name: "name with a letter of two bytes", field: list, value: with("VÄR"), at: at, refused: pattern},
		{name: "no name", field: list, value: []any{more}, at: at, refused: "Required value"},
	}
}

// variableListCases returns the cases of a list of variables.
func variableListCases(list string, more map[string]any) []schemaCase {
	return []schemaCase{
		{name: "no list", field: list},
		{name: "an empty list", field: list, value: []any{}},
		{name: "50 variables", field: list, value: namedList(50, more)},
		{name: "51 variables", field: list, value: namedList(51, more), refused: "must have at most 50 items"},
		{name: "two of a name", field: list, value: append(namedList(1, more), namedList(1, more)...),
			at: list + "[1]", refused: "Duplicate value"},
		{name: "two names that differ in case", field: list, value: []any{
			map[string]any{"name": "v", "value": "1"}, map[string]any{"name": "V", "value": "1"}}},
		{name: "a map", field: list, value: map[string]any{}, refused: "must be of type array"},
	}
}

func TestSchemaExecutionVariables(t *testing.T) {
	t.Parallel()
	const list = "spec.variables"
	some := map[string]any{"value": "1"}
	with := func(value any) []any { return namedList(1, map[string]any{"value": value}) }
	testSchema(t, goodExecution, concatCases(variableListCases(list, some), variableNameCases(list, some), []schemaCase{
		{name: "no value", field: list, value: namedList(1, nil), at: list + "[0].value", refused: "Required value"},
		{name: "value of no characters", field: list, value: with("")},
		{name: "value of 1000 characters", field: list, value: with(strings.Repeat("v", 1000))},
		{name: "value of 1001 characters", field: list, value: with(strings.Repeat("v", 1001)),
			at: list + "[0].value", refused: "may not be more than 1000"},
		{name: "value of 1000 characters of 4 bytes", field: list, value: with(strings.Repeat("🛑", 1000))},
		{name: "value of 1001 characters of 4 bytes", field: list, value: with(strings.Repeat("🛑", 1001)),
			at: list + "[0].value", refused: "may not be more than 1000"},
		{name: "value with newlines", field: list, value: with("one\ntwo\n")},
		{name: "a number as value", field: list, value: with(int64(7)), at: list + "[0].value", refused: "must be of type string"},
		// A Pipeline cannot declare a reserved name, so that the execution fails when it starts.
		{name: "a reserved name", field: list, value: []any{map[string]any{"name": "HALTLINE_STAGE", "value": "1"}}},
	}))
}

func TestSchemaExecutionIsImmutable(t *testing.T) {
	t.Parallel()
	const (
		name      = "pipelineName is immutable; create another PipelineExecution instead"
		variables = "variables are immutable; create another PipelineExecution instead"
	)
	one, two := namedList(1, map[string]any{"value": "1"}), namedList(2, map[string]any{"value": "1"})
	other := namedList(1, map[string]any{"value": "2"})
	testEdits(t, goodExecution, []editCase{
		{"pipelineName changed", "spec.pipelineName", "web", "api", name},
		{"pipelineName removed", "spec.pipelineName", "web", nil, "Required value"},
		{"pipelineName as it was", "spec.pipelineName", "web", "web", ""},
		{"a value changed", "spec.variables", one, other, variables},
		{"a variable added", "spec.variables", one, two, variables},
		{"a variable removed", "spec.variables", two, one, variables},
		{"variables added", "spec.variables", nil, one, variables},
		{"variables removed", "spec.variables", one, nil, variables},
		{"variables emptied", "spec.variables", one, []any{}, variables},
		{"variables as they were", "spec.variables", two, two, ""},
		{"variables in another order", "spec.variables", two, []any{two[1], two[0]}, ""},
	})
}
