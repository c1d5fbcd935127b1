// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

// labelUnstamped on a namespace leaves it out of the MutatingAdmissionPolicy, as in a cluster that has none.
const labelUnstamped = "test/unstamped"

// installPolicies applies the policies and the roles for users of config/, and waits until the policies are in force.
func installPolicies(ctx context.Context) error {
	for _, pattern := range []string{"policy/*/*.yaml", "rbac/view_role.yaml", "rbac/edit_role.yaml", "rbac/admin_role.yaml"} {
		if err := applyAll(ctx, pattern); err != nil {
			return err
		}
	}
	stranger, err := as("stranger", "system:masters")
	if err != nil {
		return err
	}
	var last error
	err = wait.PollUntilContextTimeout(ctx, 100*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		// The API server refuses at first: it learns of a new kind, and of a policy on it, a little later.
		trial := stopRequest("default", "trial", unknownID, false)
		last = stranger.Create(ctx, trial, client.DryRunAll)
		return last == nil && trial.Spec.RequestedBy == "stranger", nil
	})
	return errors.Join(err, last)
}

func applyAll(ctx context.Context, pattern string) error {
	files, err := filepath.Glob(filepath.Join("..", "..", "config", pattern))
	if err != nil {
		return err
	}
	for _, file := range files {
		if err := apply(ctx, file); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	return nil
}

func apply(ctx context.Context, file string) error {
	content, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	for document := range bytes.SplitSeq(content, []byte("\n---\n")) {
		o := &unstructured.Unstructured{}
		if err := yaml.UnmarshalStrict(document, &o.Object); err != nil {
			return err
		}
		if o.GetKind() == "Component" {
			continue
		}
		if err := applyObject(ctx, o); err != nil {
			return err
		}
	}
	return nil
}

func applyObject(ctx context.Context, o *unstructured.Unstructured) error {
	if o.GetKind() == "MutatingAdmissionPolicyBinding" {
		err := unstructured.SetNestedField(o.Object, map[string]any{"namespaceSelector": map[string]any{
			"matchExpressions": []any{map[string]any{"key": labelUnstamped, "operator": "DoesNotExist"}},
		}}, "spec", "matchResources")
		if err != nil {
			return err
		}
	}
	return k8s.Create(ctx, o)
}
