// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// What is committed is what config/ gives, and no file is left of an object that is gone.
func TestTheTemplatesAreUpToDate(t *testing.T) {
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "old.yaml"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := run(folder); err != nil {
		t.Fatal(err)
	}
	if difference := cmp.Diff(readAll(t, folder), readAll(t, templatesFolder)); difference != "" {
		t.Errorf("run \"make chart\": %s", difference)
	}
}

func readAll(t *testing.T, folder string) map[string]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		found[filepath.Base(file)] = string(content)
	}
	return found
}

const service = `apiVersion: v1
kind: Service
metadata:
  name: web
  namespace: haltline-system
spec:
  ports:
  - name: metrics
    port: 8443
  summary: '{{ a }} in haltline-system'
`

func TestAPlaceTakesTheTextOfTheTemplate(t *testing.T) {
	for name, test := range map[string]struct {
		place place
		want  string
		err   string
	}{
		"a field":                      {place{path: []string{"spec", "summary"}, text: "summary: {{ $.Values.a }}"}, "  summary: {{ $.Values.a }}\n", ""},
		"a field to keep":              {place{path: []string{"spec", "summary"}, text: when("if a")}, "  {{- if a }}\n  summary: '{{ \"{{\" }} a }} in {{ $.Release.Namespace }}'\n  {{- end }}\n", ""},
		"an element to keep":           {place{path: []string{"spec", "ports", "[name=metrics]"}, text: when("if a")}, "  {{- if a }}\n  - name: metrics\n    port: 8443\n  {{- end }}\n", ""},
		"the last element":             {place{path: []string{"spec", "ports", last}, text: "- {}"}, "  ports:\n  - {}\n", ""},
		"a further element":            {place{path: []string{"spec", "ports", last}, text: "- {}", isNew: true}, "    port: 8443\n  - {}\n", ""},
		"a new field":                  {place{path: []string{"spec", "type"}, text: "type: {{ b }}", isNew: true}, "  type: {{ b }}\n", ""},
		"text by a function":           {place{path: []string{"metadata", "more"}, text: "{{- a | nindent " + inner + " }}", isNew: true}, "  {{- a | nindent 2 }}\n", ""},
		"a field of what is not there": {place{path: []string{"metadata", "labels", "more"}, text: "a", isNew: true}, "", "[metadata labels] is not there"},
		"what is not there":            {place{path: []string{"spec", "subject"}, text: "a"}, "", "subject is not there"},
		"an element that is not there": {place{path: []string{"spec", "ports", "[name=web]"}, text: "a"}, "", "[name=web] is not there"},
		"what is there already":        {place{path: []string{"spec", "summary"}, text: "a", isNew: true}, "", "summary is there already"},
		"the first of an element":      {place{path: []string{"spec", "ports", "[name=metrics]", "name"}, text: "a"}, "", "is the first field of an element"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := renderPlace(t, test.place)
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Errorf("the error is %v", err)
				}
				return
			}
			if err != nil || !strings.Contains(got, test.want) {
				t.Errorf("%v, and %q is not in\n%s", err, test.want, got)
			}
		})
	}
}

// renderPlace returns the template of the Service with one place.
func renderPlace(t *testing.T, p place) (string, error) {
	t.Helper()
	object := yaml.MustParse(service)
	text, err := mark(object, p, 0)
	if err != nil {
		return "", err
	}
	content, err := object.String()
	if err != nil {
		t.Fatal(err)
	}
	return fillIn(escape(content), []string{text})
}

func TestEscapedTextPrintsItself(t *testing.T) {
	want := "namespace: {{ $.Release.Namespace | quote }}\ntext: {{ \"{{\" }} a }} in {{ $.Release.Namespace }}\n"
	if got := escape("namespace: haltline-system\ntext: {{ a }} in haltline-system\n"); got != want {
		t.Error(got)
	}
}

func TestATableThatIsAboutNothingIsRefused(t *testing.T) {
	_, err := renderTemplates([]*yaml.RNode{yaml.MustParse(service)})
	if err == nil || !strings.Contains(err.Error(), "which is not there") {
		t.Error(err)
	}
}
