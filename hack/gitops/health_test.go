// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// healthStatus is the health of an object in Argo CD.
type healthStatus struct {
	Status  string `json:"status"`
	Message string `json:"message"`
}

// healthTests are the tests of a health check, as Argo CD keeps them.
type healthTests struct {
	Tests []struct {
		InputPath    string       `json:"inputPath"`
		HealthStatus healthStatus `json:"healthStatus"`
	} `json:"tests"`
}

// readHealthTests returns which health a kind has to have in each state, by the names of the files.
func readHealthTests(t *testing.T, kind string) map[string]healthStatus {
	t.Helper()
	var tests healthTests
	readYAML(t, &tests, kindFolder(kind), "health_test.yaml")
	want := map[string]healthStatus{}
	for _, test := range tests.Tests {
		want[test.InputPath] = test.HealthStatus
	}
	return want
}

// Every state that there is test data of has a test, and the health that the test wants, whatever the order of the conditions is.
func TestHealth(t *testing.T) {
	for _, kind := range kinds() {
		script := readText(t, kindFolder(kind), "health.lua")
		want := readHealthTests(t, kind)
		for _, state := range listStates(t, kind) {
			path := "testdata/" + state
			t.Run(kind+"/"+state, func(t *testing.T) {
				object := readObject(t, kindFolder(kind), path)
				expectHealth(t, script, object, want[path])
				reverseConditions(t, object)
				expectHealth(t, script, object, want[path])
			})
			delete(want, path)
		}
		if len(want) > 0 {
			t.Errorf("%s: tests without test data: %v", kind, want)
		}
	}
}

func expectHealth(t *testing.T, script string, object *unstructured.Unstructured, want healthStatus) {
	t.Helper()
	var got healthStatus
	if err := runScript(script, object, nil, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("health (-want +got):\n%s", diff)
	}
}

func reverseConditions(t *testing.T, object *unstructured.Unstructured) {
	t.Helper()
	conditions, found, err := unstructured.NestedSlice(object.Object, "status", "conditions")
	if err != nil {
		t.Fatal(err)
	}
	if !found {
		return
	}
	slices.Reverse(conditions)
	if err := unstructured.SetNestedSlice(object.Object, conditions, "status", "conditions"); err != nil {
		t.Fatal(err)
	}
}

// An object that changed since the operator looked at it, or that it has not looked at, is not healthy yet.
func TestHealthOfWhatTheOperatorHasNotSeen(t *testing.T) {
	for _, kind := range kinds() {
		script := readText(t, kindFolder(kind), "health.lua")
		want := healthStatus{Status: "Progressing", Message: "The operator has not looked at it yet."}
		for _, state := range listStates(t, kind) {
			object := readObject(t, kindFolder(kind), "testdata", state)
			object.SetGeneration(object.GetGeneration() + 1)
			expectHealth(t, script, object, want)
			unstructured.RemoveNestedField(object.Object, "status")
			expectHealth(t, script, object, want)
		}
	}
}
