// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// group is the API group of our kinds.
const group = "pipelines.haltline.dev"

// kinds are all of ours.
func kinds() []string {
	return []string{"Pipeline", "PipelineExecution", "StopRequest", "ApprovalResult"}
}

// kindFolder returns where the customizations of a kind are.
func kindFolder(kind string) string {
	return filepath.Join(argocdFolder, "resource_customizations", group, kind)
}

// readText returns what a file contains.
func readText(t *testing.T, path ...string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// readYAML decodes a file, and fails on a field that the value does not have.
func readYAML(t *testing.T, value any, path ...string) {
	t.Helper()
	if err := yaml.UnmarshalStrict([]byte(readText(t, path...)), value); err != nil {
		t.Fatalf("%s: %v", filepath.Join(path...), err)
	}
}

// readObject returns the object of a file, with the numbers that a client of Kubernetes has.
func readObject(t *testing.T, path ...string) *unstructured.Unstructured {
	t.Helper()
	content, err := yaml.YAMLToJSON([]byte(readText(t, path...)))
	if err != nil {
		t.Fatal(err)
	}
	object := &unstructured.Unstructured{}
	if err := object.UnmarshalJSON(content); err != nil {
		t.Fatalf("%s: %v", filepath.Join(path...), err)
	}
	return object
}

// listStates returns the test data of a kind: an object of the operator in each state.
func listStates(t *testing.T, kind string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(kindFolder(kind), "testdata", "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%s has no test data: %v", kind, err)
	}
	names := make([]string, 0, len(files))
	for _, file := range files {
		names = append(names, filepath.Base(file))
	}
	return names
}
