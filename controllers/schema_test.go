// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
	"unicode/utf8"

	"sigs.k8s.io/yaml"
)

// statusSchema returns the schema of the status of a resource of ours.
func statusSchema(t testing.TB, plural string) map[string]any {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("..", "config", "crd", "bases", "pipelines.haltline.dev_"+plural+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var crd struct {
		Spec struct {
			Versions []struct {
				Schema struct {
					OpenAPIV3Schema struct {
						Properties struct {
							Status map[string]any `json:"status"`
						} `json:"properties"`
					} `json:"openAPIV3Schema"`
				} `json:"schema"`
			} `json:"versions"`
		} `json:"spec"`
	}
	if err := yaml.Unmarshal(raw, &crd); err != nil {
		t.Fatal(err)
	}
	return crd.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties.Status
}

// checkSchema checks a value by that part of OpenAPI which our schemas use.
func checkSchema(t testing.TB, schema map[string]any, value any) {
	t.Helper()
	raw, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	var generic any
	if err := json.Unmarshal(raw, &generic); err != nil {
		t.Fatal(err)
	}
	for _, problem := range schemaProblems(schema, generic, "status") {
		t.Error(problem)
	}
}

func schemaProblems(schema map[string]any, value any, path string) []string {
	var problems []string
	addProblem := func(format string, args ...any) { problems = append(problems, path+": "+fmt.Sprintf(format, args...)) }
	checkBound := func(name string, n int, atMost bool) {
		if b, ok := schema[name].(float64); ok && (atMost && n > int(b) || !atMost && n < int(b)) {
			addProblem("%s is %v, and it has %d: %.100q", name, b, n, value)
		}
	}
	if enum, ok := schema["enum"].([]any); ok && !slices.Contains(enum, value) {
		addProblem("%v is none of %v", value, enum)
	}
	switch value := value.(type) {
	case bool:
		if schema["type"] != "boolean" {
			addProblem("a boolean, not a %s", schema["type"])
		}
	case string:
		if schema["type"] != "string" {
			addProblem("a string, not a %s", schema["type"])
		}
		checkBound("maxLength", utf8.RuneCountInString(value), true)
		checkBound("minLength", utf8.RuneCountInString(value), false)
		if p, ok := schema["pattern"].(string); ok && !regexp.MustCompile(p).MatchString(value) {
			addProblem("%q does not match %s", value, p)
		}
	case float64:
		if schema["type"] != "integer" {
			addProblem("a number, not a %s", schema["type"])
		}
		checkBound("maximum", int(value), true)
		checkBound("minimum", int(value), false)
	case []any:
		checkBound("maxItems", len(value), true)
		checkBound("minItems", len(value), false)
		seen := map[any]bool{}
		for i, item := range value {
			problems = append(problems, schemaProblems(schema["items"].(map[string]any), item, fmt.Sprintf("%s[%d]", path, i))...)
			if names, ok := schema["x-kubernetes-list-map-keys"].([]any); ok {
				name := item.(map[string]any)[names[0].(string)]
				if seen[name] {
					addProblem("two have the %s %v", names[0], name)
				}
				seen[name] = true
			}
		}
	case map[string]any:
		properties, _ := schema["properties"].(map[string]any)
		required, _ := schema["required"].([]any)
		for _, name := range required {
			if _, ok := value[name.(string)]; !ok {
				addProblem("no %s", name)
			}
		}
		for name, v := range value {
			if p, ok := properties[name].(map[string]any); ok {
				problems = append(problems, schemaProblems(p, v, path+"."+name)...)
			} else {
				addProblem("no such field: %s", name)
			}
		}
	default:
		addProblem("%T", value)
	}
	return problems
}
