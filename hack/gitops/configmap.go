// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"

	"sigs.k8s.io/yaml"
)

// configMapHeader is above the patch of the ConfigMap.
const configMapHeader = `# The health checks and actions of resource_customizations, as a patch of Argo CD's ConfigMap. "make gitops" writes it; change the scripts.
`

// resourceActions are the actions of a kind, as Argo CD reads them from its ConfigMap.
type resourceActions struct {
	// Discovery is the script that lists the actions of an object.
	Discovery string `json:"discovery.lua"`
	// Definitions are the scripts of the actions.
	Definitions []actionDefinition `json:"definitions"`
}

type actionDefinition struct {
	Name   string `json:"name"`
	Script string `json:"action.lua"`
}

// renderConfigMap returns a patch of the ConfigMap argocd-cm that has every script of a folder of customizations, which has a folder for each
// group and in that one for each kind.
func renderConfigMap(folder string) ([]byte, error) {
	kinds, err := filepath.Glob(filepath.Join(folder, "*", "*"))
	if err != nil {
		return nil, err
	}
	data := map[string]string{}
	for _, kind := range kinds {
		if err := addKind(data, kind); err != nil {
			return nil, err
		}
	}
	content, err := yaml.Marshal(map[string]any{
		"apiVersion": "v1",
		"kind":       "ConfigMap",
		"metadata":   map[string]any{"name": "argocd-cm", "namespace": "argocd"},
		"data":       data,
	})
	return append([]byte(configMapHeader), content...), err
}

// addKind adds the health check of a kind, and its actions if it has any.
func addKind(data map[string]string, folder string) error {
	name := filepath.Base(filepath.Dir(folder)) + "_" + filepath.Base(folder)
	health, err := os.ReadFile(filepath.Join(folder, "health.lua"))
	if err != nil {
		return err
	}
	data["resource.customizations.health."+name] = string(health)

	discovery, err := os.ReadFile(filepath.Join(folder, "actions", "discovery.lua"))
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	actions := resourceActions{Discovery: string(discovery)}
	if actions.Definitions, err = readDefinitions(folder); err != nil {
		return err
	}
	content, err := yaml.Marshal(actions)
	data["resource.customizations.actions."+name] = string(content)
	return err
}

// readDefinitions returns the actions of a kind, ordered by name.
func readDefinitions(folder string) ([]actionDefinition, error) {
	files, err := filepath.Glob(filepath.Join(folder, "actions", "*", "action.lua"))
	if err != nil {
		return nil, err
	}
	var definitions []actionDefinition
	for _, file := range files {
		script, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		definitions = append(definitions, actionDefinition{Name: filepath.Base(filepath.Dir(file)), Script: string(script)})
	}
	return definitions, nil
}
