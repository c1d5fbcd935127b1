// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"fmt"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/builders"
)

// numbered returns n texts that begin with a prefix.
func numbered(prefix string, n int) []string {
	var texts []string
	for i := range n {
		texts = append(texts, fmt.Sprintf("%s%d", prefix, i))
	}
	return texts
}

// mapOf returns a map in which every key has a value.
func mapOf(keys []string, value string) map[string]string {
	m := map[string]string{}
	for _, key := range keys {
		m[key] = value
	}
	return m
}

func ownersOf(names ...string) []metav1.OwnerReference {
	var owners []metav1.OwnerReference
	for i, name := range names {
		owners = append(owners, metav1.OwnerReference{APIVersion: "v1", Kind: "ConfigMap", Name: name, UID: types.UID(fmt.Sprint(i))})
	}
	return owners
}

// metadataCases replace a part of the metadata. An empty refusal is none. The operator adds a few marks of its own.
var metadataCases = []struct {
	name    string
	edit    func(client.Object)
	refused string
}{
	{"60 labels", func(o client.Object) { addLabels(o, mapOf(numbered("a", 56), "x")) }, ""},
	{"many labels", func(o client.Object) { addLabels(o, mapOf(numbered("a", 65), "x")) }, "metadata.labels: Too many: found"},
	{"8 owners", func(o client.Object) {
		o.SetOwnerReferences(append(o.GetOwnerReferences(), ownersOf(numbered("a", 8)...)...))
	}, ""},
	{"17 owners", func(o client.Object) {
		o.SetOwnerReferences(append(o.GetOwnerReferences(), ownersOf(numbered("a", 17)...)...))
	},
		"metadata.ownerReferences: Too many: found"},
	{"an owner with a long name", func(o client.Object) {
		o.SetOwnerReferences(append(o.GetOwnerReferences(), ownersOf(strings.Repeat("a", 17000))...))
	}, "metadata.ownerReferences: Too long: found"},
	{"a long prefix of its name", func(o client.Object) { o.SetGenerateName(strings.Repeat("a", 300)) }, "metadata.generateName: "},
	{"16 finalizers", func(o client.Object) { o.SetFinalizers(numbered("test/a", 16)) }, ""},
	{"17 finalizers", func(o client.Object) { o.SetFinalizers(numbered("test/a", 17)) }, "metadata.finalizers: Too many: found 17 finalizers, must have at most 16"},
	{"60 KiB of annotations", func(o client.Object) { addAnnotations(o, mapOf([]string{"a", "b"}, strings.Repeat("x", 30<<10))) }, ""},
	{"66 KiB of annotations", func(o client.Object) { addAnnotations(o, mapOf([]string{"a", "b"}, strings.Repeat("x", 33<<10))) },
		"metadata.annotations: Too long: found"},
}

func addLabels(o client.Object, more map[string]string) { o.SetLabels(merged(o.GetLabels(), more)) }

func addAnnotations(o client.Object, more map[string]string) {
	o.SetAnnotations(merged(o.GetAnnotations(), more))
}

func merged(all, more map[string]string) map[string]string {
	result := map[string]string{}
	for _, m := range []map[string]string{all, more} {
		for key, value := range m {
			result[key] = value
		}
	}
	return result
}

// An execution that metadata fills to the limit of etcd could not be stopped, because the stop could not be written.
func TestMetadataIsBounded(t *testing.T) {
	t.Parallel()
	execution := startExecution(t)
	ns := execution.Namespace
	editor := clientOfMember(t, ns, "editor", "edit")
	job := listJobs(t, execution)[0]
	for kind, object := range map[string]client.Object{
		"execution": execution, "Job": &job,
		"Pipeline":    createPipeline(t, ns, "other", builders.Stage("Build", builders.Action("compile"))),
		"StopRequest": createObject(t, builders.StopRequest(ns, "other", builders.UnknownID)),
	} {
		for _, c := range metadataCases {
			t.Run(kind+", "+c.name, func(t *testing.T) {
				g := NewWithT(t)
				g.Expect(k8s.Get(t.Context(), client.ObjectKeyFromObject(object), object)).To(Succeed())
				now := object.DeepCopyObject().(client.Object)
				c.edit(now)
				err := editor.Patch(t.Context(), now, client.MergeFrom(object), client.DryRunAll)
				if c.refused == "" {
					g.Expect(err).NotTo(HaveOccurred())
					return
				}
				g.Expect(err).To(MatchError(ContainSubstring(c.refused)))
			})
		}
	}
}

func TestMetadataIsBoundedAtCreation(t *testing.T) {
	t.Parallel()
	ns := createNamespace(t)
	editor := clientOfMember(t, ns, "editor", "edit")
	for _, c := range metadataCases {
		t.Run(c.name, func(t *testing.T) {
			execution := builders.Execution(ns, "web")
			c.edit(execution)
			err := editor.Create(t.Context(), execution, client.DryRunAll)
			if c.refused == "" {
				NewWithT(t).Expect(err).NotTo(HaveOccurred())
				return
			}
			NewWithT(t).Expect(err).To(MatchError(ContainSubstring(c.refused)))
		})
	}
}

// Each field manager that applies a key owns it, and the API server writes that down for each.
func TestFieldManagersAreBounded(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := createNamespace(t)
	editor := clientOfMember(t, ns, "editor", "edit")
	execution := createExecution(t, ns, "no-such-pipeline")
	apply := func(manager, annotations string) error {
		patch := fmt.Sprintf(`{"apiVersion":%q,"kind":"PipelineExecution","metadata":{"annotations":%s}}`, v1alpha1.GroupVersion.String(), annotations)
		return editor.Patch(t.Context(), execution, client.RawPatch(types.ApplyPatchType, []byte(patch)), client.FieldOwner(manager))
	}
	var err error
	managers := 0
	for ; err == nil && managers < 100; managers++ {
		err = apply(fmt.Sprintf("manager-%d", managers), `{"a":"x"}`)
	}
	g.Expect(err).To(MatchError(ContainSubstring("metadata.managedFields: Too many: found 65 entries, must have at most 64")))
	g.Expect(managers).To(BeNumerically(">", 50))
}

// A client may send managedFields of its own, and the API server keeps them.
func TestTheFieldsOfManagersAreBounded(t *testing.T) {
	t.Parallel()
	execution := startExecution(t)
	editor := clientOfMember(t, execution.Namespace, "editor", "edit")
	versions := map[string]string{"execution": v1alpha1.GroupVersion.String(), "Job": "batch/v1"}
	for kind, object := range map[string]client.Object{"execution": execution, "Job": &listJobs(t, execution)[0]} {
		for name, field := range map[string]string{
			"wide": `{"f:spec":{"f:` + strings.Repeat("x", 530000) + `":{}}}`,
			"deep": strings.Repeat(`{"f:a":`, 20) + `{}` + strings.Repeat(`}`, 20),
		} {
			t.Run(kind+", "+name, func(t *testing.T) {
				NewWithT(t).Eventually(func() error {
					now := object.DeepCopyObject().(client.Object)
					if err := k8s.Get(t.Context(), client.ObjectKeyFromObject(object), now); err != nil {
						return err
					}
					before := now.DeepCopyObject().(client.Object)
					now.SetManagedFields(append(now.GetManagedFields(), metav1.ManagedFieldsEntry{
						Manager: "forger", Operation: metav1.ManagedFieldsOperationUpdate, APIVersion: versions[kind],
						FieldsType: "FieldsV1", FieldsV1: metav1.NewFieldsV1(field),
					}))
					return editor.Patch(t.Context(), now, client.MergeFrom(before))
				}, timeout, interval).Should(MatchError(ContainSubstring("metadata.managedFields: Too long: found")))
			})
		}
	}
}

// What is too large already can shrink, lose its finalizers and be deleted, but not grow.
func TestMetadataThatWasTooLargeCanOnlyShrink(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	ns := createUncheckedNamespace(t)
	editor := clientOfMember(t, ns, "editor", "edit")
	execution := builders.Execution(ns, "no-such-pipeline")
	execution.Annotations = mapOf([]string{"a"}, strings.Repeat("x", 100<<10))
	execution.Labels, execution.Finalizers = mapOf(numbered("a", 70), "x"), numbered("test/a", 20)
	execution.OwnerReferences = ownersOf(numbered("a", 20)...)
	createObject(t, execution)
	unlabelNamespace(t, ns, labelUnchecked)
	edit := func(change func()) error {
		before := refreshObject(t, execution).DeepCopy()
		change()
		return editor.Patch(t.Context(), execution, client.MergeFrom(before))
	}
	g.Eventually(func() error { return edit(func() { execution.Labels["one-more"] = "x" }) }, timeout, interval).Should(
		MatchError(ContainSubstring("metadata.labels: Too many: found")))
	g.Expect(edit(func() { execution.Labels["a0"] = "y" })).To(Succeed())
	g.Expect(edit(func() { delete(execution.Labels, "a0") })).To(Succeed())
	// The operator still records a stop.
	expectAccepted(t, createObject(t, builders.StopAndWait(execution)))
	waitForState(t, execution, v1alpha1.ExecutionStopped)
	g.Expect(editor.Delete(t.Context(), execution)).To(Succeed())
	g.Expect(edit(func() { execution.Finalizers = nil })).To(Succeed())
	waitUntilGone(t, execution)
}
