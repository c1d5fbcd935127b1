// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
)

// schemaCase sets one field of a good object, and says how the API server answers.
type schemaCase struct {
	name string
	// field that is set to value, or removed where value is nil: spec.stages[0].name.
	field string
	value any
	// refused is what the refusal says of the field; empty where the object is accepted.
	refused string
	// at is the field that the refusal names, where that is another one.
	at string
}

// object is a good object as a person writes it. It is unstructured, since Go types cannot say everything that YAML can.
type object = *unstructured.Unstructured

func kind(name, ns string, spec map[string]any) object {
	o := &unstructured.Unstructured{Object: map[string]any{"spec": spec}}
	o.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(name))
	o.SetNamespace(ns)
	o.SetName("web")
	return o
}

func goodStopRequest(ns string) object {
	return kind("StopRequest", ns, map[string]any{"pipelineName": "web", "pipelineExecutionId": unknownID})
}

func goodExecution(ns string) object {
	return kind("PipelineExecution", ns, map[string]any{"pipelineName": "web"})
}

func goodPipeline(ns string) object {
	return kind("Pipeline", ns, map[string]any{"stages": stagesOf(1, 1)})
}

// goodKinds makes a good object of each kind.
var goodKinds = map[string]func(ns string) object{
	"Pipeline": goodPipeline, "PipelineExecution": goodExecution, "StopRequest": goodStopRequest,
}

// stagesOf returns n stages of m actions each.
func stagesOf(n, m int) []any {
	stages := []any{}
	for i := range n {
		stages = append(stages, map[string]any{"name": fmt.Sprintf("stage-%d", i), "actions": actionsOf(m)})
	}
	return stages
}

func actionsOf(n int) []any {
	actions := []any{}
	for i := range n {
		actions = append(actions, map[string]any{"name": fmt.Sprintf("action-%d", i), "job": goodJob()})
	}
	return actions
}

func goodJob() map[string]any {
	return map[string]any{"spec": map[string]any{"template": map[string]any{"spec": map[string]any{
		"restartPolicy": "Never",
		"containers":    []any{map[string]any{"name": "main", "image": "example"}},
	}}}}
}

// namedList returns a list of n maps with a name each, and whatever else they need.
func namedList(n int, more map[string]any) []any {
	list := []any{}
	for i := range n {
		item := map[string]any{"name": fmt.Sprintf("V%d", i)}
		for k, v := range more {
			item[k] = v
		}
		list = append(list, item)
	}
	return list
}

// put sets a field of an object, or removes it where value is nil.
func put(o any, field string, value any) {
	steps := strings.FieldsFunc(field, func(r rune) bool { return strings.ContainsRune(".[]", r) })
	for i, step := range steps {
		last := i == len(steps)-1
		if list, ok := o.([]any); ok {
			at, err := strconv.Atoi(step)
			if err != nil {
				panic(err)
			}
			o = list[at]
			continue
		}
		m := o.(map[string]any)
		switch {
		case last && value == nil:
			delete(m, step)
		case last:
			m[step] = value
		case m[step] == nil:
			m[step] = map[string]any{}
		}
		o = m[step]
	}
}

// trySchema tries every case at the API server, and stores nothing.
func trySchema(t *testing.T, good func(ns string) object, cases []schemaCase) {
	t.Helper()
	trySchemaIn(t, namespace(t), good, cases)
}

func trySchemaIn(t *testing.T, ns string, good func(ns string) object, cases []schemaCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			o := good(ns)
			put(o.Object, c.field, c.value)
			err := k8s.Create(t.Context(), o, client.DryRunAll, client.FieldValidation("Strict"))
			answered(t, err, c)
		})
	}
}

// answered checks the answer of the API server.
func answered(t *testing.T, err error, c schemaCase) {
	t.Helper()
	g := NewWithT(t)
	if c.refused == "" {
		g.Expect(err).NotTo(HaveOccurred())
		return
	}
	field := c.at
	if field == "" {
		field = c.field
	}
	g.Expect(apierrors.IsInvalid(err)).To(BeTrue(), "%v", err)
	var said []string
	if status := apierrors.APIStatus(nil); errors.As(err, &status) {
		for _, cause := range status.Status().Details.Causes {
			said = append(said, cause.Field+": "+cause.Message)
		}
	}
	g.Expect(said).To(ContainElement(And(HavePrefix(field+": "), ContainSubstring(c.refused))))
	g.Expect(err.Error()).To(ContainSubstring(field+": "), "what kubectl shows does not name the field")
}

// editCase changes a field of a stored object.
type editCase struct {
	name, field string
	// from and to are the values; nil where the field is absent.
	from, to any
	// refused is what the refusal says of the field; empty where the edit is accepted.
	refused string
}

// tryEdits tries every edit at the API server, and changes nothing.
func tryEdits(t *testing.T, good func(ns string) object, cases []editCase) {
	t.Helper()
	tryEditsIn(t, namespace(t), good, cases)
}

func tryEditsIn(t *testing.T, ns string, good func(ns string) object, cases []editCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			g := NewWithT(t)
			o := good(ns)
			o.SetName("")
			o.SetGenerateName("web-")
			put(o.Object, c.field, c.from)
			g.Expect(k8s.Create(t.Context(), o)).To(Succeed())
			answered(t, k8s.Patch(t.Context(), o, mergePatch(t, c.field, c.to), client.DryRunAll),
				schemaCase{field: c.field, refused: c.refused})
		})
	}
}

// mergePatch sets spec.NAME, or removes it where value is nil.
func mergePatch(t *testing.T, field string, value any) client.Patch {
	t.Helper()
	raw, err := json.Marshal(map[string]any{"spec": map[string]any{strings.TrimPrefix(field, "spec."): value}})
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return client.RawPatch(types.MergePatchType, raw)
}

// nameCases are the cases of a field with the contract's length and pattern of a pipelineName.
func nameCases(field string) []schemaCase {
	const pattern = `should match '^[A-Za-z0-9.@\-_]+$'`
	return []schemaCase{
		{name: "no characters", field: field, value: "", refused: "should be at least 1 chars long"},
		{name: "1 character", field: field, value: "w"},
		{name: "99 characters", field: field, value: strings.Repeat("w", 99)},
		{name: "100 characters", field: field, value: strings.Repeat("w", 100)},
		{name: "101 characters", field: field, value: strings.Repeat("w", 101), refused: "may not be more than 100"},
		{name: "every sort of character", field: field, value: "aZ09.@-_"},
		{name: "at signs only", field: field, value: "@"},
		{name: "underscores at the ends", field: field, value: "_web_"},
		{name: "a dash in front", field: field, value: "-web"},
		{name: "dots only", field: field, value: ".."},
		{name: "a space", field: field, value: "my web", refused: pattern},
		{name: "a space at the end", field: field, value: "web ", refused: pattern},
		{name: "a slash", field: field, value: "my/web", refused: pattern},
		{name: "a backslash", field: field, value: `my\web`, refused: pattern},
		{name: "a newline at the end", field: field, value: "web\n", refused: pattern},
		{name: "a line below", field: field, value: "web\nweb", refused: pattern},
		{name: "a letter of two bytes", field: field, value: "wéb", refused: pattern},
		{name: "a digit of another script", field: field, value: "web٣", refused: pattern},
		{name: "a number", field: field, value: int64(7), refused: "must be of type string"},
	}
}

func join[T any](lists ...[]T) []T {
	var all []T
	for _, list := range lists {
		all = append(all, list...)
	}
	return all
}
