// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"os"
	"path/filepath"
	"testing"

	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/discovery"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
)

func TestSchemaSpecIsRequired(t *testing.T) {
	t.Parallel()
	for name, good := range goodKinds {
		t.Run(name, func(t *testing.T) {
			testSchema(t, good, []schemaCase{
				{name: "missing", field: "spec", refused: "Required value"},
				{name: "a string", field: "spec", value: "web", refused: "must be of type object"},
			})
		})
	}
}

// kubectl asks for strict validation, so that a misspelled field is refused and not dropped.
func TestSchemaUnknownFields(t *testing.T) {
	t.Parallel()
	ns := createNamespace(t)
	for _, c := range []struct {
		kind, field string
	}{
		{"StopRequest", "spec.Abandon"},
		{"StopRequest", "spec.pipelineExecutionID"},
		{"StopRequest", "spec.force"},
		{"StopRequest", "mode"},
		{"PipelineExecution", "spec.pipeline"},
		{"PipelineExecution", "spec.stop"},
		{"Pipeline", "spec.triggers"},
		{"Pipeline", "spec.stages[0].when"},
		{"Pipeline", actionField + ".runorder"},
		{"Pipeline", actionField + ".image"},
		{"Pipeline", actionField + ".job.kind"},
		{"Pipeline", actionField + ".job.metadata.name"},
	} {
		t.Run(c.kind+" "+c.field, func(t *testing.T) {
			g := NewWithT(t)
			object := goodKinds[c.kind](ns)
			setField(object.Object, c.field, "unknown")
			err := k8s.Create(t.Context(), object, client.DryRunAll, client.FieldValidation("Strict"))
			g.Expect(apierrors.IsBadRequest(err)).To(BeTrue(), "%v", err)
			g.Expect(err.Error()).To(ContainSubstring(`unknown field "` + c.field + `"`))
		})
	}
}

// A GitOps tool applies the same manifest again and again.
func TestSchemaApplyingAgainChangesNothing(t *testing.T) {
	t.Parallel()
	ns := createNamespace(t)
	for name, good := range goodKinds {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			for range 2 {
				object := good(ns)
				g.Expect(k8s.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(object), client.FieldOwner("git"))).To(Succeed())
				g.Expect(object.GetGeneration()).To(Equal(int64(1)))
			}
		})
	}
}

// The first status has observedGeneration -1, so that kstatus waits. A client cannot write another one.
func TestSchemaStatusAtCreation(t *testing.T) {
	t.Parallel()
	ns := createNamespace(t)
	claims := map[string]any{
		"observedGeneration": int64(1),
		"state":              "Succeeded",
		"pipelineName":       "another",
		"conditions": []any{map[string]any{
			"type": "Ready", "status": "True", "reason": "Claimed", "message": "", "lastTransitionTime": "2020-01-01T00:00:00Z"}},
	}
	for name, good := range goodKinds {
		for given, status := range map[string]any{"no status": nil, "an empty status": map[string]any{}, "a claim": claims} {
			t.Run(name+" with "+given, func(t *testing.T) {
				g := NewWithT(t)
				object := good(ns)
				setField(object.Object, "status", status)
				g.Expect(k8s.Create(t.Context(), object, client.DryRunAll)).To(Succeed())
				g.Expect(object.Object["status"]).To(Equal(map[string]any{"observedGeneration": int64(-1)}))
			})
		}
	}
}

// maxAnnotations is how many bytes all annotations of an object may have; client-side `kubectl apply` puts the whole
// object into one.
const (
	maxAnnotations = 262144
	room           = 64 * 1024
)

func TestSchemaIsSmallEnoughForClientSideApply(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	files, err := filepath.Glob(filepath.Join("..", "..", "config", "crd", "bases", "*.yaml"))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(files).To(HaveLen(len(goodKinds)))
	for _, file := range files {
		content, err := os.ReadFile(file)
		g.Expect(err).NotTo(HaveOccurred())
		crd, err := yaml.ToJSON(content)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(len(crd)).To(BeNumerically("<", maxAnnotations-room), file)
	}
}

func TestSchemaShortNamesAndCategory(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	c, err := discovery.NewDiscoveryClientForConfig(cfg)
	g.Expect(err).NotTo(HaveOccurred())
	list, err := c.ServerResourcesForGroupVersion(v1alpha1.GroupVersion.String())
	g.Expect(err).NotTo(HaveOccurred())
	short := map[string][]string{}
	for _, r := range list.APIResources {
		if len(r.ShortNames) > 0 {
			short[r.Name] = r.ShortNames
			g.Expect(r.Namespaced).To(BeTrue(), r.Name)
			g.Expect(r.Categories).To(Equal([]string{"haltline"}), r.Name)
		}
	}
	g.Expect(short).To(Equal(map[string][]string{
		"pipelines": {"pl"}, "pipelineexecutions": {"pe"}, "stoprequests": {"sr"}, "approvalresults": {"ar"}}))
}
