// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"path/filepath"
	"testing"

	"sigs.k8s.io/yaml"
)

// What is installed is what is tested.
func TestTheConfigMapHasTheScripts(t *testing.T) {
	want, err := renderConfigMap(filepath.Join(argocdFolder, "resource_customizations"))
	if err != nil {
		t.Fatal(err)
	}
	if readText(t, argocdFolder, "argocd-cm.yaml") != string(want) {
		t.Fatal("config/gitops/argocd/argocd-cm.yaml is out of date: run make gitops")
	}
	var configMap struct {
		Data map[string]string `json:"data"`
	}
	if err := yaml.Unmarshal(want, &configMap); err != nil {
		t.Fatal(err)
	}
	for _, kind := range kinds() {
		if got := configMap.Data["resource.customizations.health."+group+"_"+kind]; got != readText(t, kindFolder(kind), "health.lua") {
			t.Errorf("the health check of %s is %q", kind, got)
		}
	}
	for _, kind := range kindsWithActions(t) {
		actions := decodeYAML[resourceActions](t, configMap.Data["resource.customizations.actions."+group+"_"+kind])
		if actions.Discovery != readText(t, kindFolder(kind), "actions", "discovery.lua") {
			t.Errorf("the discovery of %s is %q", kind, actions.Discovery)
		}
		for _, d := range actions.Definitions {
			if d.Script != readText(t, kindFolder(kind), "actions", d.Name, "action.lua") {
				t.Errorf("the action %s of %s is %q", d.Name, kind, d.Script)
			}
		}
	}
}
