// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"strings"
	"testing"

	"haltline.dev/haltline/test/builders"
)

func TestSchemaStopRequestPipelineName(t *testing.T) {
	t.Parallel()
	testSchema(t, goodStopRequest, append(nameCases("spec.pipelineName"),
		schemaCase{name: "missing", field: "spec.pipelineName", refused: "Required value"}))
}

func TestSchemaStopRequestPipelineExecutionID(t *testing.T) {
	t.Parallel()
	const (
		field   = "spec.pipelineExecutionId"
		pattern = "must be the id of an execution in lower case, such as da00266a-8249-4d44-9f90-7bda19d6098b, and not its name"
	)
	testSchema(t, goodStopRequest, []schemaCase{
		{name: "missing", field: field, refused: "Required value"},
		{name: "empty", field: field, value: "", refused: pattern},
		{name: "the name of an execution", field: field, value: "patient", refused: pattern},
		{name: "lower case", field: field, value: "0123abcd-4567-89ef-0123-456789abcdef"},
		{name: "no version of a UUID", field: field, value: "ffffffff-ffff-ffff-ffff-ffffffffffff"},
		{name: "upper case", field: field, value: "0123ABCD-4567-89EF-0123-456789ABCDEF", refused: pattern},
		{name: "one letter in upper case", field: field, value: "0123abcd-4567-89ef-0123-456789abcdeF", refused: pattern},
		{name: "not hexadecimal", field: field, value: "0123abcg-4567-89ef-0123-456789abcdef", refused: pattern},
		{name: "too short", field: field, value: "0123abcd-4567-89ef-0123-456789abcde", refused: pattern},
		{name: "too long", field: field, value: "0123abcd-4567-89ef-0123-456789abcdef0", refused: "may not be more than 36"},
		{name: "no dashes", field: field, value: "0123abcd456789ef0123456789abcdef", refused: pattern},
		{name: "dashes elsewhere", field: field, value: "0123abcd4-567-89ef-0123-456789abcdef", refused: pattern},
		{name: "braces", field: field, value: "{0123abcd-4567-89ef-0123-456789abcdef}", refused: "may not be more than 36"},
		{name: "a newline at the end", field: field, value: "0123abcd-4567-89ef-0123-456789abcde\n", refused: pattern},
		{name: "digits of another script", field: field, value: "٠123abcd-4567-89ef-0123-456789abcdef", refused: pattern},
		{name: "a number", field: field, value: int64(7), refused: "must be of type string"},
	})
}

func TestSchemaStopRequestReason(t *testing.T) {
	t.Parallel()
	const (
		field = "spec.reason"
		long  = "may not be more than 200"
		// accented is one letter to a reader, two characters and three bytes.
		accented = "e\u0301"
		control  = "must have no newline, tab, escape or other control character"
	)
	testSchema(t, goodStopRequest, []schemaCase{
		{name: "absent", field: field},
		{name: "no characters", field: field, value: ""},
		{name: "199 characters", field: field, value: strings.Repeat("r", 199)},
		{name: "200 characters", field: field, value: strings.Repeat("r", 200)},
		{name: "201 characters", field: field, value: strings.Repeat("r", 201), refused: long},
		{name: "200 characters of 2 bytes", field: field, value: strings.Repeat("é", 200)},
		{name: "201 characters of 2 bytes", field: field, value: strings.Repeat("é", 201), refused: long},
		{name: "200 characters of 4 bytes", field: field, value: strings.Repeat("🛑", 200)},
		{name: "201 characters of 4 bytes", field: field, value: strings.Repeat("🛑", 201), refused: long},
		{name: "200 characters, half of them combining", field: field, value: strings.Repeat(accented, 100)},
		{name: "201 characters, half of them combining", field: field, value: strings.Repeat(accented, 100) + "e", refused: long},
		{name: "every sort of character", field: field, value: "a \"quoted\" <tag> & $(cmd) \\ 停 👩‍🚀 עברית"},
		{name: "a newline", field: field, value: "one line\nanother", refused: control},
		{name: "a tab", field: field, value: "one\tcolumn", refused: control},
		{name: "an escape sequence", field: field, value: "\x1b[2J", refused: control},
		{name: "a zero byte", field: field, value: "a\x00b", refused: control},
		{name: "a delete character", field: field, value: "a\x7f", refused: control},
		{name: "a control character of two bytes", field: field, value: "a\u009b2J", refused: control},
		{name: "a line separator", field: field, value: "a\u2028b", refused: control},
		{name: "an override of the direction", field: field, value: "a\u202eb", refused: control},
		{name: "an isolate", field: field, value: "a\u2066b", refused: control},
		{name: "a mark of the direction", field: field, value: "a\u200fb", refused: control},
		{name: "a number", field: field, value: int64(7), refused: "must be of type string"},
	})
}

func TestSchemaStopRequestAbandon(t *testing.T) {
	t.Parallel()
	const field = "spec.abandon"
	testSchema(t, goodStopRequest, []schemaCase{
		{name: "absent", field: field},
		{name: "true", field: field, value: true},
		{name: "false", field: field, value: false},
		{name: "a string", field: field, value: "true", refused: "must be of type boolean"},
		{name: "a number", field: field, value: int64(1), refused: "must be of type boolean"},
		{name: "a map", field: field, value: map[string]any{}, refused: "must be of type boolean"},
	})
}

func TestSchemaStopRequestIsImmutable(t *testing.T) {
	t.Parallel()
	const (
		otherID   = "00000000-0000-4000-8000-000000000001"
		immutable = "is immutable; create another StopRequest instead"
		abandon   = "abandon is immutable; to escalate a stop that waits, create another StopRequest with abandon: true"
	)
	testEdits(t, goodStopRequest, []editCase{
		{"pipelineName changed", "spec.pipelineName", "web", "api", "pipelineName " + immutable},
		{"pipelineName removed", "spec.pipelineName", "web", nil, "Required value"},
		{"pipelineExecutionId changed", "spec.pipelineExecutionId", builders.UnknownID, otherID, "pipelineExecutionId " + immutable},
		{"pipelineExecutionId removed", "spec.pipelineExecutionId", builders.UnknownID, nil, "Required value"},
		{"abandon added", "spec.abandon", nil, true, abandon},
		{"abandon set", "spec.abandon", false, true, abandon},
		{"abandon unset", "spec.abandon", true, false, abandon},
		{"abandon removed", "spec.abandon", true, nil, abandon},
		{"abandon spelled out", "spec.abandon", nil, false, ""},
		{"abandon no longer spelled out", "spec.abandon", false, nil, ""},
		{"abandon as it was", "spec.abandon", true, true, ""},
		{"reason changed", "spec.reason", "tired", "bored", "reason " + immutable},
		{"reason removed", "spec.reason", "tired", nil, "reason " + immutable},
		{"reason emptied", "spec.reason", "tired", "", "reason " + immutable},
		{"reason added", "spec.reason", nil, "tired", "reason " + immutable},
		{"reason as it was", "spec.reason", "tired", "tired", ""},
	})
}
