// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// overlay renames and replaces all that kustomize can, of the objects of testdata/references.yaml.
const overlay = `
resources: [references.yaml]
%s
namePrefix: dev-
nameSuffix: -two
configMapGenerator: [{name: settings, literals: [a=1]}]
secretGenerator: [{name: token, literals: [b=2]}]
images: [{name: registry.example.com/build, newName: mirror.example.com/build, newTag: v2}]
`

// buildOverlay returns what kustomize makes of the objects, by the way in which an overlay takes the configuration.
func buildOverlay(t *testing.T, uses string) []map[string]any {
	t.Helper()
	root := t.TempDir()
	folder := filepath.Join(root, "overlay")
	write := func(content string, path ...string) {
		if err := os.WriteFile(filepath.Join(path...), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{folder, filepath.Join(root, "haltline")} {
		if err := os.Mkdir(name, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	const source = "../../config/gitops/kustomize"
	write(readText(t, "testdata", "references.yaml"), folder, "references.yaml")
	write(readText(t, source, "references.yaml"), folder, "configuration.yaml")
	write(readText(t, source, "references.yaml"), root, "haltline", "references.yaml")
	write(readText(t, source, "kustomization.yaml"), root, "haltline", "kustomization.yaml")
	write(fmt.Sprintf(overlay, uses), folder, "kustomization.yaml")
	return build(t, folder)
}

// build returns the objects of a kustomization.
func build(t *testing.T, folder string) []map[string]any {
	t.Helper()
	objects, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), folder)
	if err != nil {
		t.Fatal(err)
	}
	content, err := objects.AsYaml()
	if err != nil {
		t.Fatal(err)
	}
	var decoded []map[string]any
	for document := range strings.SplitSeq(string(content), "\n---\n") {
		decoded = append(decoded, decodeYAML[map[string]any](t, document))
	}
	return decoded
}

// renamed returns what kustomize has to make of the objects: each name of one of them, where it is a reference, gets the new name of that object.
func renamed(t *testing.T, built []map[string]any) map[string]any {
	t.Helper()
	hashed := map[string]string{}
	for _, object := range built {
		name := object["metadata"].(map[string]any)["name"].(string)
		for _, generated := range []string{"settings", "token"} {
			if strings.HasPrefix(name, "dev-"+generated+"-two-") {
				hashed[generated] = name
			}
		}
	}
	if len(hashed) != 2 {
		t.Fatalf("what was generated: %v", hashed)
	}
	text := readText(t, "testdata", "references.yaml")
	for _, reference := range [][2]string{
		{"{configMap: {name: settings}}", "{configMap: {name: " + hashed["settings"] + "}}"},
		{"configMap: {name: settings}}", "configMap: {name: " + hashed["settings"] + "}}"},
		{"Ref: {name: settings", "Ref: {name: " + hashed["settings"]},
		{"{secret: {name: token}}", "{secret: {name: " + hashed["token"] + "}}"},
		{"Ref: {name: token", "Ref: {name: " + hashed["token"]},
		{"secretName: token", "secretName: " + hashed["token"]},
		{"imagePullSecrets: [{name: token}]", "imagePullSecrets: [{name: " + hashed["token"] + "}]"},
		{"claimName: files", "claimName: dev-files-two"},
		{"serviceAccountName: builder", "serviceAccountName: dev-builder-two"},
		{"priorityClassName: urgent", "priorityClassName: dev-urgent-two"},
		{"runtimeClassName: sandboxed", "runtimeClassName: dev-sandboxed-two"},
		{"resourceClaimTemplateName: gpu", "resourceClaimTemplateName: dev-gpu-two"},
		{"storageClassName: fast", "storageClassName: dev-fast-two"},
		{"pipelineName: web", "pipelineName: dev-web-two"},
		{"pipelineName: named", "pipelineName: dev-named-two"},
		{"image: registry.example.com/build:v1", "image: mirror.example.com/build:v2"},
		{"image: registry.example.com/build\n", "image: mirror.example.com/build:v2\n"},
	} {
		if !strings.Contains(text, reference[0]) {
			t.Fatalf("testdata/references.yaml has no %q", reference[0])
		}
		text = strings.ReplaceAll(text, reference[0], reference[1])
	}
	want := map[string]any{}
	for document := range strings.SplitSeq(text, "\n---\n") {
		object := decodeYAML[map[string]any](t, document)
		metadata := object["metadata"].(map[string]any)
		metadata["name"] = "dev-" + metadata["name"].(string) + "-two"
		want[describe(object)] = object
	}
	return want
}

func describe(object map[string]any) string {
	return fmt.Sprintf("%v/%v", object["kind"], object["metadata"].(map[string]any)["name"])
}

// The configuration works as a file in the kustomization, and as a component.
func TestKustomizeRenamesReferences(t *testing.T) {
	for name, uses := range map[string]string{
		"a file":      "configurations: [configuration.yaml]",
		"a component": "components: [../haltline]",
	} {
		t.Run(name, func(t *testing.T) {
			built := buildOverlay(t, uses)
			want := renamed(t, built)
			for _, object := range built {
				if kind := object["kind"]; kind == "ConfigMap" || kind == "Secret" {
					continue // They are generated, and nothing in them refers to anything.
				}
				if diff := cmp.Diff(want[describe(object)], object); diff != "" {
					t.Errorf("%s (-want +got):\n%s", describe(object), diff)
				}
				delete(want, describe(object))
			}
			if len(want) > 0 {
				t.Errorf("kustomize left these out: %v", want)
			}
		})
	}
}
