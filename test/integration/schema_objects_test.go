// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
)

func TestSchemaSpecIsRequired(t *testing.T) {
	t.Parallel()
	for name, good := range goodKinds {
		t.Run(name, func(t *testing.T) {
			trySchema(t, good, []schemaCase{
				{name: "missing", field: "spec", refused: "Required value"},
				{name: "a string", field: "spec", value: "web", refused: "must be of type object"},
			})
		})
	}
}

// kubectl asks for strict validation, so that a misspelled field is refused rather than dropped.
func TestSchemaUnknownFields(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
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
		{"Pipeline", theAction + ".runorder"},
		{"Pipeline", theAction + ".image"},
		{"Pipeline", theAction + ".job.kind"},
		{"Pipeline", theAction + ".job.metadata.name"},
	} {
		t.Run(c.kind+" "+c.field, func(t *testing.T) {
			g := NewWithT(t)
			o := goodKinds[c.kind](ns)
			put(o.Object, c.field, "unknown")
			err := k8s.Create(t.Context(), o, client.DryRunAll, client.FieldValidation("Strict"))
			g.Expect(apierrors.IsBadRequest(err)).To(BeTrue(), "%v", err)
			g.Expect(err.Error()).To(ContainSubstring(`unknown field "` + c.field + `"`))
		})
	}
}

// A GitOps tool applies the same manifest again and again.
func TestSchemaApplyingAgainChangesNothing(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	for name, good := range goodKinds {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			for range 2 {
				o := good(ns)
				g.Expect(k8s.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(o), client.FieldOwner("git"))).To(Succeed())
				g.Expect(o.GetGeneration()).To(Equal(int64(1)))
			}
		})
	}
}

// The first status says "not looked at yet", for kstatus; and it is not for a client to say anything else.
func TestSchemaStatusAtCreation(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
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
				o := good(ns)
				put(o.Object, "status", status)
				g.Expect(k8s.Create(t.Context(), o, client.DryRunAll)).To(Succeed())
				g.Expect(o.Object["status"]).To(Equal(map[string]any{"observedGeneration": int64(-1)}))
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

// column is a printer column: its priority is 0, or 1 where only `-o wide` shows it.
type column struct {
	name     string
	priority int32
}

func TestSchemaPrinterColumns(t *testing.T) {
	t.Parallel()
	for resource, want := range map[string][]column{
		"pipelines": {{"Name", 0}, {"Pipeline", 0}, {"Ready", 0}, {"Reason", 0}, {"Age", 0}, {"Message", 1}},
		"pipelineexecutions": {{"Name", 0}, {"Pipeline", 0}, {"Id", 0}, {"State", 0}, {"Stage", 0}, {"Age", 0},
			{"Message", 1}},
		"stoprequests": {{"Name", 0}, {"Pipeline", 0}, {"Execution", 0}, {"Mode", 0}, {"Verdict", 0}, {"State", 0},
			{"Age", 0}, {"Reason", 1}},
	} {
		t.Run(resource, func(t *testing.T) {
			g := NewWithT(t)
			var got []column
			for _, d := range table(t, "default", resource).ColumnDefinitions {
				got = append(got, column{d.Name, d.Priority})
			}
			g.Expect(len(got)).To(BeNumerically(">=", len(want)))
			g.Expect(got[:len(want)]).To(Equal(want))
			for _, more := range got[len(want):] {
				g.Expect(more.priority).To(Equal(int32(1)), "%s belongs to -o wide", more.name)
			}
		})
	}
}

func TestSchemaPrintedStopRequest(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := namespace(t)
	r := stopRequest(ns, "web", unknownID, true)
	g.Expect(k8s.Create(t.Context(), r)).To(Succeed())
	verdict(t, r)
	rows := table(t, ns, "stoprequests").Rows
	g.Expect(rows).To(HaveLen(1))
	// The rest is the age, and what only -o wide shows.
	g.Expect(rows[0].Cells[:6]).To(Equal([]any{r.Name, "web", unknownID, "Abandon", v1alpha1.ReasonPipelineNotFound, nil}))
	g.Expect(rows[0].Cells[7]).To(Equal("a test"))
}

// table is what `kubectl get` prints.
func table(t *testing.T, ns, resource string) *metav1.Table {
	t.Helper()
	g := NewWithT(t)
	http, err := rest.HTTPClientFor(cfg)
	g.Expect(err).NotTo(HaveOccurred())
	c, err := discovery.NewDiscoveryClientForConfigAndClient(cfg, http)
	g.Expect(err).NotTo(HaveOccurred())
	raw, err := c.RESTClient().Get().AbsPath("/apis", v1alpha1.GroupVersion.Group, v1alpha1.GroupVersion.Version, "namespaces", ns, resource).
		SetHeader("Accept", "application/json;as=Table;g=meta.k8s.io;v=v1").DoRaw(t.Context())
	g.Expect(err).NotTo(HaveOccurred())
	result := &metav1.Table{}
	g.Expect(json.Unmarshal(raw, result)).To(Succeed())
	return result
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
		"pipelines": {"pl"}, "pipelineexecutions": {"pe"}, "stoprequests": {"sr"}}))
}
