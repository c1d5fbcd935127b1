// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// helmKeys are the labels and annotations that only Helm sets.
var helmKeys = []string{
	"app.kubernetes.io/instance", "app.kubernetes.io/managed-by", "app.kubernetes.io/version", "helm.sh/chart", "helm.sh/resource-policy",
}

// withoutHelm returns the objects without what only Helm sets.
func withoutHelm(rendered objects) objects {
	for _, object := range rendered {
		metadata, _ := object["metadata"].(map[string]any)
		for _, field := range []string{"labels", "annotations"} {
			pairs, _ := metadata[field].(map[string]any)
			for _, key := range helmKeys {
				delete(pairs, key)
			}
			if len(pairs) == 0 {
				delete(metadata, field)
			}
		}
	}
	return rendered
}

// compare compares objects one by one.
func compare(t *testing.T, want, got objects) {
	t.Helper()
	if difference := cmp.Diff(slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got))); difference != "" {
		t.Errorf("the objects are others: %s", difference)
	}
	for key, object := range want {
		if difference := cmp.Diff(object, got[key]); difference != "" && got[key] != nil {
			t.Errorf("%s: %s", key, difference)
		}
	}
}

// With the values of an overlay, Helm installs what kustomize builds of it.
func TestTheChartInstallsWhatTheOverlayDoes(t *testing.T) {
	for name, test := range map[string]struct {
		values  string
		folders []string
	}{
		"the defaults":     {"", []string{"two-replicas"}},
		"one replica":      {"replicas: 1", []string{"default"}},
		"some namespaces":  {"{replicas: 1, namespaces: [pipelines]}", []string{"namespaced"}},
		"owner references": {"{replicas: 1, ownerReferencesPermissionEnforcement: true}", []string{"owner-references"}},
		"a webhook":        {"admission: webhook", []string{"webhook"}},
		"monitoring":       {"{replicas: 1, monitoring: {enabled: true}}", []string{"default", "components/monitoring"}},
	} {
		t.Run(name, func(t *testing.T) {
			want := objects{}
			for _, folder := range test.folders {
				for key, object := range buildFolder(t, configFolder+"/"+folder) {
					want[key] = object
				}
			}
			compare(t, want, withoutHelm(render(t, "haltline-system", test.values)))
		})
	}
}

// The page on installing describes how an overlay sets another namespace.
func TestTheChartInstallsIntoAnyNamespace(t *testing.T) {
	folder := t.TempDir()
	if err := os.Mkdir(filepath.Join(folder, "base"), 0o700); err != nil {
		t.Fatal(err)
	}
	writeOverlay(t, filepath.Join(folder, "base"), "{resources: [CONFIG/default], components: [CONFIG/components/two-replicas], namespace: operators}")
	want := buildFolder(t, writeOverlay(t, folder, "{resources: [base], components: [CONFIG/policy/namespace]}"))
	compare(t, withoutWrongNamespaces(want), withoutHelm(render(t, "operators", "")))
}

// withoutWrongNamespaces takes off the namespace that kustomize sets on kinds of the cluster that it does not know.
func withoutWrongNamespaces(built objects) objects {
	right := objects{}
	for _, object := range built {
		if kind, _ := object["kind"].(string); strings.HasPrefix(kind, "MutatingAdmissionPolicy") {
			metadata, _ := object["metadata"].(map[string]any)
			delete(metadata, "namespace")
		}
		right[keyOf(object)] = object
	}
	return right
}

func TestANamespaceMayBeANumber(t *testing.T) {
	rendered := render(t, "42", "namespaces: [\"43\"]")
	for _, key := range []string{"Deployment/42/" + manager, "RoleBinding/43/" + manager} {
		if rendered[key] == nil {
			t.Errorf("there is no %s", key)
		}
	}
	subjects, _ := rendered["RoleBinding/43/"+manager]["subjects"].([]any)
	if len(subjects) != 1 || at(subjects[0], "namespace") != "42" {
		t.Errorf("the subjects are %v", subjects)
	}
}

func TestTheChartRunsTheImageOfTheValues(t *testing.T) {
	const digest = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	for values, change := range map[string]string{
		"{repository: registry.example.com/haltline, tag: v1}":                    "{newName: registry.example.com/haltline, newTag: v1}",
		"{repository: registry.example.com/haltline, digest: \"" + digest + "\"}": "{newName: registry.example.com/haltline, digest: \"" + digest + "\"}",
	} {
		want := buildOverlay(t, "{resources: [CONFIG/default], images: [{name: haltline.dev/haltline, "+change[1:]+"]}")
		compare(t, want, withoutHelm(render(t, "haltline-system", "{replicas: 1, image: "+values+"}")))
	}
}

func TestEachOfSomeNamespacesHasTheRole(t *testing.T) {
	rendered := render(t, "haltline-system", "namespaces: [team-a, team-b]")
	var got []string
	for key, object := range rendered {
		metadata, _ := object["metadata"].(map[string]any)
		if metadata["name"] == manager && slices.Contains([]any{"Role", "RoleBinding"}, object["kind"]) {
			got = append(got, key)
		}
	}
	slices.Sort(got)
	want := []string{"Role/team-a/" + manager, "Role/team-b/" + manager, "RoleBinding/team-a/" + manager, "RoleBinding/team-b/" + manager}
	if difference := cmp.Diff(want, got); difference != "" {
		t.Error(difference)
	}
}
