// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

// Package install tries what config/ installs on a real API server: that each kustomization is accepted there, that an operator
// with the rights of config/namespaced works in its namespace and nowhere else, and that those of config/shards divide the namespaces.
package install

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"

	"haltline.dev/haltline/test/apiserver"
)

// served is the namespace that config/namespaced serves, and other is one that it does not.
const (
	served = "pipelines"
	other  = "other"
)

// cluster is the API server with the controllers of Kubernetes.
var cluster *apiserver.Cluster

func TestMain(m *testing.M) { apiserver.Exit(runTests(m)) }

func runTests(m *testing.M) (code int, err error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if cluster, err = apiserver.Start(ctx); err != nil {
		return 0, err
	}
	defer cluster.Stop()
	if binaryFolder, err = os.MkdirTemp("", "haltline-install-"); err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(binaryFolder)) }()
	for _, name := range []string{"haltline-system", served, other} {
		if err := cluster.Client.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}); err != nil {
			return 0, err
		}
	}
	return m.Run(), nil
}

// kubectl runs kubectl as an administrator in the root of the repository, and returns what it prints.
func kubectl(t *testing.T, input string, arguments ...string) string {
	t.Helper()
	//nolint:gosec // The commands are those of the tests.
	command := exec.CommandContext(t.Context(), apiserver.Binary("kubectl"), arguments...)
	command.Dir = apiserver.RepositoryRoot()
	command.Env = append(os.Environ(), "KUBECONFIG="+cluster.Kubeconfig)
	command.Stdin = bytes.NewBufferString(input)
	var problems bytes.Buffer
	command.Stderr = &problems
	output, err := command.Output()
	if err != nil {
		t.Fatalf("kubectl %v: %v\n%s%s", arguments, err, output, problems.String())
	}
	return string(output)
}

// build returns the objects of a kustomization in config/, in their order, and as text.
func build(t *testing.T, folder string) ([]*unstructured.Unstructured, string) {
	t.Helper()
	text := kubectl(t, "", "kustomize", filepath.Join("config", folder))
	return parse(t, text), text
}

// parse returns the objects of a text, in their order.
func parse(t *testing.T, text string) []*unstructured.Unstructured {
	t.Helper()
	var objects []*unstructured.Unstructured
	for decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewBufferString(text), 4096); ; {
		object := &unstructured.Unstructured{}
		err := decoder.Decode(&object.Object)
		if errors.Is(err, io.EOF) {
			return objects
		}
		if err != nil {
			t.Fatal(err)
		}
		objects = append(objects, object)
	}
}

// find returns the object of a kind and name, which must be there, as a typed object.
func find[T any](t *testing.T, objects []*unstructured.Unstructured, kind, name string) *T {
	t.Helper()
	named := slices.DeleteFunc(slices.Clone(objects), func(o *unstructured.Unstructured) bool { return o.GetName() != name })
	found := findAll[T](t, named, kind)
	if len(found) == 0 {
		t.Fatalf("there is no %s %q", kind, name)
	}
	return found[0]
}

// findAll returns the objects of a kind as typed objects.
func findAll[T any](t *testing.T, objects []*unstructured.Unstructured, kind string) []*T {
	t.Helper()
	var found []*T
	for _, object := range objects {
		if object.GetKind() == kind {
			typed := new(T)
			if err := fromUnstructured(object, typed); err != nil {
				t.Fatal(err)
			}
			found = append(found, typed)
		}
	}
	return found
}
