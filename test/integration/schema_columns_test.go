// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"encoding/json"
	"testing"

	. "github.com/onsi/gomega"
	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/builders"
)

// column is a printer column. Its priority is 1 if only `-o wide` shows it, and 0 otherwise.
type column struct {
	name     string
	priority int32
}

func TestSchemaPrinterColumns(t *testing.T) {
	t.Parallel()
	for resource, want := range map[string][]column{
		"pipelines": {{"Name", 0}, {"Pipeline", 0}, {"Ready", 0}, {"Reason", 0}, {"Age", 0}, {"Message", 1}},
		"pipelineexecutions": {{"Name", 0}, {"Pipeline", 0}, {"Id", 0}, {"State", 0}, {"Stage", 0}, {"Age", 0},
			{"Message", 1}, {"Started-By", 1}, {"Retry-Of", 1}, {"Retried-By", 1}},
		"stoprequests": {{"Name", 0}, {"Pipeline", 0}, {"Execution", 0}, {"Mode", 0}, {"Verdict", 0}, {"State", 0},
			{"Age", 0}, {"Requested-By", 1}, {"Reason", 1}},
	} {
		t.Run(resource, func(t *testing.T) {
			g := NewWithT(t)
			var got []column
			for _, d := range getTable(t, "default", resource).ColumnDefinitions {
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
	ns := createNamespace(t)
	sr := builders.StopRequest(ns, "web", builders.UnknownID)
	sr.Spec.Abandon = true
	createObject(t, sr)
	expectVerdict(t, sr, v1alpha1.ReasonPipelineNotFound)
	rows := getTable(t, ns, "stoprequests").Rows
	g.Expect(rows).To(HaveLen(1))
	// The rest is the age, and what only -o wide shows.
	g.Expect(rows[0].Cells[:6]).To(Equal([]any{sr.Name, "web", builders.UnknownID, "Abandon", v1alpha1.ReasonPipelineNotFound, nil}))
	// Who asked goes before what they wrote, which might look like the next column.
	g.Expect(rows[0].Cells[7]).To(Equal(createObject(t, &authenticationv1.SelfSubjectReview{}).Status.UserInfo.Username))
	g.Expect(rows[0].Cells[8]).To(Equal(builders.StopReason))
}

// getTable returns what `kubectl get` prints.
func getTable(t *testing.T, ns, resource string) *metav1.Table {
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
