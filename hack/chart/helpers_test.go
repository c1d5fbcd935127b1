// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/kustomize/kyaml/yaml"
	sigsyaml "sigs.k8s.io/yaml"
)

const (
	chartFolder  = "../../charts/haltline"
	configFolder = "../../config"
	// stampKind is in the list of what an API server serves if it has MutatingAdmissionPolicy.
	stampKind = "admissionregistration.k8s.io/v1/MutatingAdmissionPolicy"
)

// objects are objects by kind, namespace and name.
type objects map[string]map[string]any

func keyOf(object map[string]any) string {
	metadata, _ := object["metadata"].(map[string]any)
	namespace, _ := metadata["namespace"].(string)
	name, _ := metadata["name"].(string)
	kind, _ := object["kind"].(string)
	return kind + "/" + namespace + "/" + name
}

// runHelm runs the Helm of hack/tools/helm, and returns what it prints, also on standard error.
func runHelm(t *testing.T, values string, arguments ...string) (string, error) {
	t.Helper()
	program := os.Getenv("HELM")
	if program == "" {
		t.Fatal("HELM must name the Helm of hack/tools/helm: run \"make test-programs\"")
	}
	command := exec.CommandContext(t.Context(), program, append(arguments, "--values", "-")...) //nolint:gosec // The tests name the program.
	command.Stdin = strings.NewReader(values)
	// Neither the settings nor the plugins of whoever runs the tests matter.
	command.Env = append(os.Environ(), "HELM_CONFIG_HOME="+t.TempDir(), "HELM_PLUGINS="+t.TempDir(), "KUBECONFIG=")
	output, err := command.CombinedOutput()
	return string(output), err
}

// render returns the objects that Helm makes of the chart with values, in a namespace, on a cluster with MutatingAdmissionPolicy.
func render(t *testing.T, namespace, values string) objects {
	t.Helper()
	text, err := runHelm(t, values, "template", "haltline", chartFolder, "--namespace", namespace, "--api-versions", stampKind)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return parse(t, text)
}

func parse(t *testing.T, text string) objects {
	t.Helper()
	found := objects{}
	for document := range strings.SplitSeq(text, "\n---\n") {
		object := map[string]any{}
		if err := sigsyaml.UnmarshalStrict([]byte(document), &object); err != nil {
			t.Fatalf("%v\n%s", err, document)
		}
		if len(object) == 0 {
			continue
		}
		if _, isTwice := found[keyOf(object)]; isTwice {
			t.Fatalf("%s is there twice", keyOf(object))
		}
		found[keyOf(object)] = object
	}
	return found
}

// buildFolder returns the objects of a kustomization, without the namespace of the operator.
func buildFolder(t *testing.T, folder string) objects {
	t.Helper()
	built, err := build(folder)
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, join(t, built))
}

func join(t *testing.T, nodes []*yaml.RNode) string {
	t.Helper()
	var text bytes.Buffer
	for _, node := range nodes {
		document, err := node.String()
		if err != nil {
			t.Fatal(err)
		}
		text.WriteString(document + "\n---\n")
	}
	return text.String()
}

// buildOverlay returns the objects of a kustomization that is written for the test. Its text names config/ as CONFIG.
func buildOverlay(t *testing.T, text string) objects {
	t.Helper()
	return buildFolder(t, writeOverlay(t, t.TempDir(), text))
}

func writeOverlay(t *testing.T, folder, text string) string {
	t.Helper()
	config, err := filepath.Abs(configFolder)
	if err != nil {
		t.Fatal(err)
	}
	// kustomize takes no absolute paths, and compares paths without symbolic links.
	folder, err = filepath.EvalSymlinks(folder)
	if err != nil {
		t.Fatal(err)
	}
	relative, err := filepath.Rel(folder, config)
	if err != nil {
		t.Fatal(err)
	}
	text = strings.ReplaceAll(text, "CONFIG", relative)
	if err := os.WriteFile(filepath.Join(folder, "kustomization.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return folder
}
