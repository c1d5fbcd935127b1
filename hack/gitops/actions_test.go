// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// discoveredAction is an action that Argo CD offers.
type discoveredAction struct {
	Name        string      `json:"name"`
	Disabled    bool        `json:"disabled"`
	DisplayName string      `json:"displayName"`
	IconClass   string      `json:"iconClass"`
	Params      []parameter `json:"params"`
}

// parameter is what Argo CD asks for before it runs an action.
type parameter struct {
	Name string `json:"name"`
}

// actionTests are the tests of the actions of a kind, as Argo CD keeps them.
type actionTests struct {
	DiscoveryTests []struct {
		InputPath string             `json:"inputPath"`
		Result    []discoveredAction `json:"result"`
	} `json:"discoveryTests"`
	ActionTests []actionTest `json:"actionTests"`
}

type actionTest struct {
	Action               string            `json:"action"`
	InputPath            string            `json:"inputPath"`
	ExpectedOutputPath   string            `json:"expectedOutputPath"`
	ExpectedErrorMessage string            `json:"expectedErrorMessage"`
	Parameters           map[string]string `json:"parameters"`
}

// impactedResource is what an action asks Argo CD to do.
type impactedResource struct {
	Operation string         `json:"operation"`
	Resource  map[string]any `json:"resource"`
}

// expectedResource is the same in the files of the tests of Argo CD.
type expectedResource struct {
	Operation string         `json:"k8sOperation"`
	Resource  map[string]any `json:"unstructuredObj"`
}

// kindsWithActions are those of which Argo CD can do more than to show them.
func kindsWithActions(t *testing.T) []string {
	t.Helper()
	return slices.DeleteFunc(kinds(), func(kind string) bool {
		_, err := os.Stat(filepath.Join(kindFolder(kind), "actions"))
		return os.IsNotExist(err)
	})
}

func readActionTests(t *testing.T, kind string) actionTests {
	t.Helper()
	var tests actionTests
	readYAML(t, &tests, kindFolder(kind), "actions", "action_test.yaml")
	return tests
}

// Which actions are offered is tested in every state that there is test data of.
func TestDiscovery(t *testing.T) {
	for _, kind := range kindsWithActions(t) {
		script := readText(t, kindFolder(kind), "actions", "discovery.lua")
		untested := listStates(t, kind)
		for _, test := range readActionTests(t, kind).DiscoveryTests {
			untested = slices.DeleteFunc(untested, func(state string) bool { return state == filepath.Base(test.InputPath) })
			t.Run(kind+"/"+filepath.Base(test.InputPath), func(t *testing.T) {
				object := readObject(t, kindFolder(kind), "actions", test.InputPath)
				if diff := cmp.Diff(test.Result, discover(t, script, object)); diff != "" {
					t.Errorf("actions (-want +got):\n%s", diff)
				}
			})
		}
		if len(untested) > 0 {
			t.Errorf("%s: no test tells which actions are offered of %v", kind, untested)
		}
	}
}

// discover returns the actions that a script offers, ordered by name.
func discover(t *testing.T, script string, object *unstructured.Unstructured) []discoveredAction {
	t.Helper()
	byName := map[string]discoveredAction{}
	if err := runScript(script, object, nil, &byName); err != nil {
		t.Fatal(err)
	}
	var actions []discoveredAction
	for name, action := range byName {
		action.Name = name
		actions = append(actions, action)
	}
	slices.SortFunc(actions, func(a, b discoveredAction) int { return strings.Compare(a.Name, b.Name) })
	return actions
}

// Every action that can be offered has a script and a test.
func TestEveryActionIsTested(t *testing.T) {
	for _, kind := range kindsWithActions(t) {
		definitions, err := readDefinitions(kindFolder(kind))
		if err != nil {
			t.Fatal(err)
		}
		tests := readActionTests(t, kind)
		for _, offered := range tests.DiscoveryTests[0].Result {
			if !slices.ContainsFunc(definitions, func(d actionDefinition) bool { return d.Name == offered.Name }) {
				t.Errorf("%s: the action %s is offered and has no script", kind, offered.Name)
			}
		}
		for _, d := range definitions {
			if !slices.ContainsFunc(tests.ActionTests, func(test actionTest) bool { return test.Action == d.Name && test.ExpectedOutputPath != "" }) {
				t.Errorf("%s: no test runs the action %s", kind, d.Name)
			}
		}
	}
}

func TestActions(t *testing.T) {
	for _, kind := range kindsWithActions(t) {
		for i, test := range readActionTests(t, kind).ActionTests {
			t.Run(fmt.Sprintf("%s/%d-%s", kind, i, test.Action), func(t *testing.T) { runActionTest(t, kind, test) })
		}
	}
}

func runActionTest(t *testing.T, kind string, test actionTest) {
	folder := filepath.Join(kindFolder(kind), "actions")
	object := readObject(t, folder, test.InputPath)
	script := readText(t, folder, test.Action, "action.lua")
	var output any
	err := runScript(script, object, test.Parameters, &output)
	if test.ExpectedErrorMessage != "" {
		if err == nil || !strings.HasPrefix(err.Error(), test.ExpectedErrorMessage) {
			t.Errorf("the error is %v, want %s", err, test.ExpectedErrorMessage)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	got, want := decodeOutput(t, object, output), readOutput(t, folder, test.ExpectedOutputPath)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what the action asks for (-want +got):\n%s", diff)
	}
}

// decodeOutput returns what the table that an action returned asks for: a list of operations, or the object itself, to be patched.
func decodeOutput(t *testing.T, object *unstructured.Unstructured, output any) []impactedResource {
	t.Helper()
	if changed, ok := output.(map[string]any); ok {
		return []impactedResource{{"patch", restoreEmptyMaps(changed, object.Object).(map[string]any)}}
	}
	content, err := json.Marshal(output)
	if err != nil {
		t.Fatal(err)
	}
	var resources []impactedResource
	if err := json.Unmarshal(content, &resources); err != nil {
		t.Fatal(err)
	}
	return resources
}

// restoreEmptyMaps returns a value that a script changed with the empty maps that the object had, as Argo CD does: Lua does not tell an empty map
// from an empty list.
func restoreEmptyMaps(changed, before any) any {
	switch v := changed.(type) {
	case map[string]any:
		if old, ok := before.(map[string]any); ok {
			for key := range v {
				v[key] = restoreEmptyMaps(v[key], old[key])
			}
		}
	case []any:
		switch old := before.(type) {
		case map[string]any:
			if len(v) == 0 {
				return old
			}
		case []any:
			for i := range min(len(v), len(old)) {
				v[i] = restoreEmptyMaps(v[i], old[i])
			}
		}
	}
	return changed
}

// readOutput returns what a test expects, in either form.
func readOutput(t *testing.T, path ...string) []impactedResource {
	t.Helper()
	content := readText(t, path...)
	if !strings.HasPrefix(content, "-") {
		return []impactedResource{{"patch", decodeYAML[map[string]any](t, content)}}
	}
	var resources []impactedResource
	for _, r := range decodeYAML[[]expectedResource](t, content) {
		resources = append(resources, impactedResource(r))
	}
	return resources
}

func decodeYAML[T any](t *testing.T, content string) T {
	t.Helper()
	var value T
	if err := yaml.UnmarshalStrict([]byte(content), &value); err != nil {
		t.Fatal(err)
	}
	return value
}

// A version of Argo CD without parameters runs the same scripts.
func TestActionsWithoutParameters(t *testing.T) {
	object := readObject(t, kindFolder("PipelineExecution"), "testdata", "waiting-for-approval.yaml")
	for _, action := range []string{"stop", "abandon", "approve", "reject"} {
		script := readText(t, kindFolder("PipelineExecution"), "actions", action, "action.lua")
		for _, parameters := range []map[string]string{nil, {}, {"reason": "", "summary": "", "approval": ""}} {
			var output []impactedResource
			if err := runScript(script, object, parameters, &output); err != nil {
				t.Fatal(err)
			}
			spec := output[0].Resource["spec"].(map[string]any)
			if spec["reason"] != "the action "+action+" of Argo CD" && spec["summary"] != "the action "+action+" of Argo CD" {
				t.Errorf("%s: %v", action, spec)
			}
		}
	}
}
