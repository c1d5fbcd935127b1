// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// Edit changes an object before it is created.
type Edit func(*unstructured.Unstructured) error

// CreateAll creates the objects of the files in config/ whose paths match a pattern, such as "policy/*/*.yaml".
func (c *Cluster) CreateAll(ctx context.Context, pattern string, edits ...Edit) error {
	files, err := filepath.Glob(filepath.Join(RepositoryRoot(), "config", pattern))
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return fmt.Errorf("no file in config/ matches %q", pattern)
	}
	for _, file := range files {
		if err := c.createFile(ctx, file, edits); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	return nil
}

func (c *Cluster) createFile(ctx context.Context, file string, edits []Edit) error {
	content, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	for document := range bytes.SplitSeq(content, []byte("\n---\n")) {
		object := &unstructured.Unstructured{}
		if err := yaml.UnmarshalStrict(document, &object.Object); err != nil {
			return err
		}
		if object.GetKind() == "Component" {
			// A part of a kustomization is no object of the cluster.
			continue
		}
		for _, edit := range edits {
			if err := edit(object); err != nil {
				return err
			}
		}
		if err := c.Client.Create(ctx, object); err != nil {
			return err
		}
	}
	return nil
}
