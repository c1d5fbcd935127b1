// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// sources are the kustomizations whose objects the chart can install, from the folder of this module. What one has has precedence over what a
// later one has under the same name: the second has the policies in whose place the webhook of the first comes, and the third the rights in one
// namespace.
var sources = []string{"sources/whole", "../../config/default", "sources/namespaced"}

// buildSources returns the objects that the chart can install.
func buildSources() ([]*yaml.RNode, error) {
	var objects []*yaml.RNode
	isThere := map[string]bool{}
	for _, folder := range sources {
		built, err := build(folder)
		if err != nil {
			return nil, err
		}
		for _, object := range built {
			key := object.GetKind() + "/" + object.GetNamespace() + "/" + object.GetName()
			if !isThere[key] {
				isThere[key] = true
				objects = append(objects, object)
			}
		}
	}
	return objects, nil
}

// build returns the objects of a kustomization, in their order, without the namespace of the operator, which Helm creates.
func build(folder string) ([]*yaml.RNode, error) {
	options := krusty.MakeDefaultOptions()
	// Each kustomization sets the order of its objects.
	options.Reorder = krusty.ReorderOptionUnspecified
	resources, err := krusty.MakeKustomizer(options).Run(filesys.MakeFsOnDisk(), folder)
	if err != nil {
		return nil, err
	}
	var objects []*yaml.RNode
	for _, resource := range resources.Resources() {
		if resource.GetKind() == "Namespace" {
			continue
		}
		text, err := resource.AsYAML()
		if err != nil {
			return nil, err
		}
		object, err := yaml.Parse(string(text))
		if err != nil {
			return nil, err
		}
		objects = append(objects, object)
	}
	return objects, nil
}
