// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// schemaCase sets one field of a good object, and has the answer of the API server.
type schemaCase struct {
	name string
	// field that is set to value, or removed if value is nil, such as spec.stages[0].name.
	field string
	value any
	// refused is a part of the message about the field; empty if the object is accepted.
	refused string
	// at is the field that the message names, if it is another one.
	at string
}

// testSchema tries every case at the API server, and stores nothing.
func testSchema(t *testing.T, good func(ns string) manifest, cases []schemaCase) {
	t.Helper()
	testSchemaIn(t, createNamespace(t), good, cases)
}

func testSchemaIn(t *testing.T, ns string, good func(ns string) manifest, cases []schemaCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			object := good(ns)
			setField(object.Object, c.field, c.value)
			err := k8s.Create(t.Context(), object, client.DryRunAll, client.FieldValidation("Strict"))
			expectAnswer(t, err, c)
		})
	}
}

// expectAnswer checks the answer of the API server.
func expectAnswer(t *testing.T, err error, c schemaCase) {
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
	var causes []string
	if status := apierrors.APIStatus(nil); errors.As(err, &status) {
		for _, cause := range status.Status().Details.Causes {
			causes = append(causes, cause.Field+": "+cause.Message)
		}
	}
	g.Expect(causes).To(ContainElement(And(HavePrefix(field+": "), ContainSubstring(c.refused))))
	g.Expect(err.Error()).To(ContainSubstring(field+": "), "what kubectl shows does not name the field")
}

// editCase changes a field of a stored object.
type editCase struct {
	name, field string
	// from and to are the values; nil if the field is absent.
	from, to any
	// refused is a part of the message about the field; empty if the edit is accepted.
	refused string
}

// testEdits tries every edit at the API server, and changes nothing.
func testEdits(t *testing.T, good func(ns string) manifest, cases []editCase) {
	t.Helper()
	testEditsIn(t, createNamespace(t), good, cases)
}

func testEditsIn(t *testing.T, ns string, good func(ns string) manifest, cases []editCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			g := NewWithT(t)
			object := good(ns)
			object.SetName("")
			object.SetGenerateName("web-")
			setField(object.Object, c.field, c.from)
			g.Expect(k8s.Create(t.Context(), object)).To(Succeed())
			expectAnswer(t, k8s.Patch(t.Context(), object, mergePatch(t, c.field, c.to), client.DryRunAll),
				schemaCase{field: c.field, refused: c.refused})
		})
	}
}

// mergePatch sets spec.NAME, or removes it if value is nil.
func mergePatch(t *testing.T, field string, value any) client.Patch {
	t.Helper()
	raw, err := json.Marshal(map[string]any{"spec": map[string]any{strings.TrimPrefix(field, "spec."): value}})
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return client.RawPatch(types.MergePatchType, raw)
}

// nameCases returns the cases of a field with the length and the pattern of a pipelineName.
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

func concatCases[T any](lists ...[]T) []T {
	var all []T
	for _, list := range lists {
		all = append(all, list...)
	}
	return all
}
