// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	kustomizev1 "github.com/fluxcd/kustomize-controller/api/v1"
	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

const samplesFolder = "../../config/samples/gitops"

// The folders that the samples of both tools name are there, and kustomize builds each. test/integration applies them.
func TestTheFoldersOfTheSamplesAreThere(t *testing.T) {
	want := []string{"pipelines", "executions", "requests"}
	var flux, argocd []string
	for _, kustomization := range fluxSample(t) {
		flux = append(flux, filepath.Base(kustomization.Spec.Path))
	}
	for document := range strings.SplitSeq(readText(t, samplesFolder, "argocd", "applications.yaml"), "\n---\n") {
		path, _, err := unstructured.NestedString(decodeYAML[map[string]any](t, document), "spec", "source", "path")
		if err != nil {
			t.Fatal(err)
		}
		argocd = append(argocd, path)
	}
	if diff := cmp.Diff(want, flux); diff != "" {
		t.Errorf("the folders of Flux (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, argocd); diff != "" {
		t.Errorf("the folders of Argo CD (-want +got):\n%s", diff)
	}
	for _, folder := range want {
		if len(build(t, filepath.Join(samplesFolder, folder))) == 0 {
			t.Errorf("%s is empty", folder)
		}
	}
}

// The component gives every Kustomization the health checks, and changes nothing else of it.
func TestTheSampleOfFluxHasTheHealthChecks(t *testing.T) {
	var patch kustomizev1.Kustomization
	readYAML(t, &patch, "../../config/gitops/flux/health_checks.yaml")
	without := map[string]kustomizev1.Kustomization{}
	content, err := os.ReadFile(filepath.Join(samplesFolder, "flux", "kustomizations.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for document := range strings.SplitSeq(string(content), "\n---\n") {
		kustomization := decodeYAML[kustomizev1.Kustomization](t, document)
		without[kustomization.Name] = kustomization
	}
	for _, got := range fluxSample(t) {
		want := without[got.Name]
		want.Spec.HealthCheckExprs = patch.Spec.HealthCheckExprs
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", got.Name, diff)
		}
	}
}

// fluxSample returns the Kustomizations of the sample, ordered as in it.
func fluxSample(t *testing.T) []kustomizev1.Kustomization {
	t.Helper()
	var kustomizations []kustomizev1.Kustomization
	for _, object := range build(t, filepath.Join(samplesFolder, "flux")) {
		content, err := yaml.Marshal(object)
		if err != nil {
			t.Fatal(err)
		}
		kustomizations = append(kustomizations, decodeYAML[kustomizev1.Kustomization](t, string(content)))
	}
	return kustomizations
}
