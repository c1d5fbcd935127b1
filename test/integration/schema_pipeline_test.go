// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// actionField is the only action of a good Pipeline.
const actionField = "spec.stages[0].actions[0]"

func TestSchemaPipelineName(t *testing.T) {
	t.Parallel()
	testSchema(t, goodPipeline, append(nameCases("spec.pipelineName"), schemaCase{name: "absent", field: "spec.pipelineName"}))
}

func TestSchemaPipelineNameFromTheObject(t *testing.T) {
	t.Parallel()
	const refused = "metadata.name has more than 100 characters, so spec.pipelineName must be set"
	testSchema(t, goodPipeline, []schemaCase{
		{name: "100 characters", field: "metadata.name", value: strings.Repeat("w", 100)},
		{name: "101 characters", field: "metadata.name", value: strings.Repeat("w", 101), at: "spec", refused: refused},
		{name: "253 characters", field: "metadata.name", value: strings.Repeat("w", 253), at: "spec", refused: refused},
	})
	named := func(ns string) manifest {
		object := goodPipeline(ns)
		setField(object.Object, "spec.pipelineName", "web")
		return object
	}
	testSchema(t, named, []schemaCase{
		{name: "101 characters with a pipelineName", field: "metadata.name", value: strings.Repeat("w", 101)},
		{name: "253 characters with a pipelineName", field: "metadata.name", value: strings.Repeat("w", 253)},
	})
}

func TestSchemaPipelineNameIsImmutable(t *testing.T) {
	t.Parallel()
	const immutable = "pipelineName is immutable; create another Pipeline instead"
	testEdits(t, goodPipeline, []editCase{
		{"changed", "spec.pipelineName", "web", "api", immutable},
		{"removed", "spec.pipelineName", "web", nil, immutable},
		{"added", "spec.pipelineName", nil, "web", immutable},
		{"as it was", "spec.pipelineName", "web", "web", ""},
		{"stages changed", "spec.stages", stagesOf(1, 1), stagesOf(2, 2), ""},
		{"stages removed", "spec.stages", stagesOf(1, 1), nil, "Required value"},
		{"variables added", "spec.variables", nil, namedList(1, nil), ""},
		{"variables removed", "spec.variables", namedList(1, nil), nil, ""},
	})
}

func TestSchemaPipelineStages(t *testing.T) {
	t.Parallel()
	const list = "spec.stages"
	twice := stagesOf(2, 1)
	setField(twice[1], "name", "stage-0")
	cases := []schemaCase{
		{name: "missing", field: list, refused: "Required value"},
		{name: "no stages", field: list, value: []any{}, refused: "should have at least 1 items"},
		{name: "1 stage", field: list, value: stagesOf(1, 1)},
		{name: "50 stages", field: list, value: stagesOf(50, 1)},
		{name: "51 stages", field: list, value: stagesOf(51, 1), refused: "must have at most 50 items"},
		{name: "500 actions in 10 stages", field: list, value: stagesOf(10, 50)},
		{name: "500 actions in 50 stages", field: list, value: stagesOf(50, 10)},
		{name: "501 actions", field: list, value: append(stagesOf(10, 50), map[string]any{"name": "last", "actions": actionsOf(1)}),
			refused: "a pipeline has at most 500 actions in all its stages"},
		{name: "2500 actions", field: list, value: stagesOf(50, 50), refused: "a pipeline has at most 500 actions in all its stages"},
		{name: "two stages of a name", field: list, value: twice, at: "spec.stages[1]", refused: "Duplicate value"},
		{name: "one action name in two stages", field: list, value: stagesOf(2, 1)},
		{name: "a map", field: list, value: map[string]any{}, refused: "must be of type array"},
	}
	testSchema(t, goodPipeline, concatCases(cases, nameCases("spec.stages[0].name"), []schemaCase{
		{name: "no name", field: "spec.stages[0].name", refused: "Required value"},
	}))
}

func TestSchemaPipelineActions(t *testing.T) {
	t.Parallel()
	const list = "spec.stages[0].actions"
	twice := append(actionsOf(1), actionsOf(1)...)
	cases := []schemaCase{
		{name: "missing", field: list, refused: "Required value"},
		{name: "no actions", field: list, value: []any{}, refused: "should have at least 1 items"},
		{name: "1 action", field: list, value: actionsOf(1)},
		{name: "50 actions", field: list, value: actionsOf(50)},
		{name: "51 actions", field: list, value: actionsOf(51), refused: "must have at most 50 items"},
		{name: "two actions of a name", field: list, value: twice, at: list + "[1]", refused: "Duplicate value"},
	}
	testSchema(t, goodPipeline, concatCases(cases, nameCases(actionField+".name"), []schemaCase{
		{name: "no name", field: actionField + ".name", refused: "Required value"},
	}))
}

func TestSchemaPipelineActionNumbers(t *testing.T) {
	t.Parallel()
	const order, timeout = actionField + ".runOrder", actionField + ".timeoutSeconds"
	testSchema(t, goodPipeline, []schemaCase{
		{name: "runOrder -1", field: order, value: int64(-1), refused: "should be greater than or equal to 1"},
		{name: "runOrder 0", field: order, value: int64(0), refused: "should be greater than or equal to 1"},
		{name: "runOrder 1", field: order, value: int64(1)},
		{name: "runOrder 999", field: order, value: int64(999)},
		{name: "runOrder 1000", field: order, value: int64(1000), refused: "should be less than or equal to 999"},
		{name: "runOrder 1.5", field: order, value: 1.5, refused: "must be of type int"},
		{name: "runOrder as a string", field: order, value: "1", refused: "must be of type integer"},
		{name: "no timeoutSeconds", field: timeout},
		{name: "timeoutSeconds 0", field: timeout, value: int64(0), refused: "should be greater than or equal to 1"},
		{name: "timeoutSeconds 1", field: timeout, value: int64(1)},
		{name: "timeoutSeconds 86400", field: timeout, value: int64(86400)},
		{name: "timeoutSeconds 86401", field: timeout, value: int64(86401), refused: "should be less than or equal to 86400"},
		{name: "timeoutSeconds as a duration", field: timeout, value: "1h", refused: "must be of type integer"},
	})
}

func TestSchemaPipelineEnums(t *testing.T) {
	t.Parallel()
	const onStop, onAbandon, mode = actionField + ".onStop", actionField + ".onAbandon", "spec.executionMode"
	const unsupported = "Unsupported value"
	testSchema(t, goodPipeline, []schemaCase{
		{name: "onStop Finish", field: onStop, value: "Finish"},
		{name: "onStop Abandon", field: onStop, value: "Abandon"},
		{name: "onStop abandon", field: onStop, value: "abandon", refused: `supported values: "Finish", "Abandon"`},
		{name: "onStop Terminate", field: onStop, value: "Terminate", refused: unsupported},
		{name: "onStop empty", field: onStop, value: "", refused: unsupported},
		{name: "onAbandon Terminate", field: onAbandon, value: "Terminate"},
		{name: "onAbandon Orphan", field: onAbandon, value: "Orphan"},
		{name: "onAbandon Delete", field: onAbandon, value: "Delete", refused: `supported values: "Terminate", "Orphan"`},
		{name: "onAbandon empty", field: onAbandon, value: "", refused: unsupported},
		{name: "executionMode PARALLEL", field: mode, value: "PARALLEL"},
		{name: "executionMode Parallel", field: mode, value: "Parallel", refused: `supported values: "PARALLEL", "QUEUED", "SUPERSEDED"`},
		{name: "executionMode empty", field: mode, value: "", refused: unsupported},
	})
}

func TestSchemaPipelineOrphanTTL(t *testing.T) {
	t.Parallel()
	const ttl = actionField + ".orphanTTLSecondsAfterFinished"
	testSchema(t, goodPipeline, []schemaCase{
		{name: "a TTL without Orphan", field: ttl, value: int64(60), refused: "has an effect only with onAbandon: Orphan"},
	})
	testSchema(t, orphaningPipeline, []schemaCase{
		{name: "no TTL", field: ttl},
		{name: "TTL 59", field: ttl, value: int64(59), refused: "should be greater than or equal to 60"},
		{name: "TTL 60", field: ttl, value: int64(60)},
		{name: "TTL of a year", field: ttl, value: int64(31536000)},
		{name: "TTL of more than a year", field: ttl, value: int64(31536001), refused: "should be less than or equal to 31536000"},
	})
}

// orphaningPipeline returns a Pipeline whose action is left running by an abandon.
func orphaningPipeline(namespace string) manifest {
	pipeline := goodPipeline(namespace)
	setField(pipeline.Object, actionField+".onAbandon", "Orphan")
	return pipeline
}

func TestSchemaPipelineDefaults(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	object := goodPipeline(createNamespace(t))
	g.Expect(k8s.Create(t.Context(), object, client.DryRunAll)).To(Succeed())
	spec := object.Object["spec"].(map[string]any)
	g.Expect(spec).To(HaveKeyWithValue("executionMode", "PARALLEL"))
	g.Expect(spec).NotTo(HaveKey("pipelineName"), "the schema cannot know the name of the object")
	stages, _, err := unstructured.NestedSlice(spec, "stages")
	g.Expect(err).NotTo(HaveOccurred())
	actions, _, err := unstructured.NestedSlice(stages[0].(map[string]any), "actions")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(actions[0]).To(And(
		HaveKeyWithValue("runOrder", int64(1)),
		HaveKeyWithValue("onStop", "Finish"),
		HaveKeyWithValue("onAbandon", "Terminate"),
		HaveKeyWithValue("job", goodJob()),
		Not(HaveKey("timeoutSeconds")),
	))
}

func TestSchemaPipelineJob(t *testing.T) {
	t.Parallel()
	const job = actionField + ".job"
	const object = "must be of type object"
	testSchema(t, goodPipeline, []schemaCase{
		{name: "nothing to run", field: job, at: actionField, refused: "exactly one of the fields in [job approval] must be set"},
		{name: "no spec", field: job + ".spec", refused: "Required value"},
		{name: "spec is a string", field: job + ".spec", value: "template: {}", refused: object},
		{name: "spec is a number", field: job + ".spec", value: int64(7), refused: object},
		{name: "spec is a list", field: job + ".spec", value: []any{}, refused: object},
		{name: "job is a string", field: job, value: "web", refused: object},
		// The conditions of the Pipeline report what else a Job needs.
		{name: "spec has an unknown field", field: job + ".spec.unknown", value: "kept"},
		{name: "labels", field: job + ".metadata.labels.team", value: "a"},
		{name: "annotations", field: job + ".metadata.annotations.team", value: "a"},
		{name: "a number as label", field: job + ".metadata.labels.team", value: int64(7), refused: "must be of type string"},
		{name: "a number as annotation", field: job + ".metadata.annotations.team", value: int64(7), refused: "must be of type string"},
	})
}

func TestSchemaPipelineVariables(t *testing.T) {
	t.Parallel()
	const list = "spec.variables"
	reserved := "names that begin with HALTLINE_ are reserved"
	first := func(field string, value any) []any {
		items := namedList(1, nil)
		setField(items[0], field, value)
		return items
	}
	// A list of maps with more than a declaration has is refused, so the cases that both kinds share give no value here.
	shared := variableListCases(list, nil)
	for i := range shared {
		if shared[i].name == "two names that differ in case" {
			shared[i].value = []any{map[string]any{"name": "v"}, map[string]any{"name": "V"}}
		}
	}
	testSchema(t, goodPipeline, concatCases(shared, variableNameCases(list, map[string]any{}), []schemaCase{
		{name: "a reserved name", field: list, value: first("name", "HALTLINE_STAGE"), at: list + "[0].name", refused: reserved},
		{name: "the reserved prefix", field: list, value: first("name", "HALTLINE_"), at: list + "[0].name", refused: reserved},
		{name: "almost a reserved name", field: list, value: first("name", "HALTLINE")},
		{name: "a reserved name in lower case", field: list, value: first("name", "haltline_stage")},
		{name: "default of no characters", field: list, value: first("defaultValue", "")},
		{name: "default of 1000 characters", field: list, value: first("defaultValue", strings.Repeat("é", 1000))},
		{name: "default of 1001 characters", field: list, value: first("defaultValue", strings.Repeat("é", 1001)),
			at: list + "[0].defaultValue", refused: "may not be more than 1000"},
		{name: "a number as default", field: list, value: first("defaultValue", int64(7)),
			at: list + "[0].defaultValue", refused: "must be of type string"},
		{name: "description of 200 characters", field: list, value: first("description", strings.Repeat("é", 200))},
		{name: "description of 201 characters", field: list, value: first("description", strings.Repeat("é", 201)),
			at: list + "[0].description", refused: "may not be more than 200"},
	}))
}
