// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	"sigs.k8s.io/yaml"

	"haltline.dev/haltline/test/apiserver"
)

var updateGitOps = flag.Bool("update-gitops", false, "write the objects of config/gitops anew, instead of comparing them")

// customizationsFolder is where the health checks and actions of Argo CD are, in a folder for each kind.
var customizationsFolder = filepath.Join(apiserver.RepositoryRoot(), "config", "gitops", "argocd", "resource_customizations", "pipelines.haltline.dev")

// What the API server and the operator draw. A number takes its place, so that each run gives the same text.
var drawn = []struct {
	pattern     *regexp.Regexp
	replacement string
}{
	{regexp.MustCompile(`\brun-[bcdfghjklmnpqrstvwxz2456789]{5}\b`), "run-%d"},
	{regexp.MustCompile(`\bstop-[bcdfghjklmnpqrstvwxz2456789]{5}\b`), "stop-%d"},
	{regexp.MustCompile(`\bresult-[bcdfghjklmnpqrstvwxz2456789]{5}\b`), "result-%d"},
	{regexp.MustCompile(`\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b`), "da00266a-8249-4d44-9f90-%012d"},
	{regexp.MustCompile(`\b[0-9a-f]{32}\b`), "%032d"},
	{regexp.MustCompile(`\b[0-9a-v]{26}\b`), "%026d"},
	{regexp.MustCompile(`(\b0{25}[1-9])-[bcdfghjklmnpqrstvwxz2456789]{5}\b`), "$1-pod"},
	{regexp.MustCompile(`\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`), "2026-03-01T12:00:00Z"},
}

// namespaceOfObjects is the namespace that objects have in config/gitops.
const namespaceOfObjects = "team-a"

// normalizeObject returns an object as config/gitops has it, and what each number there stands for: without what was drawn, without what only the
// API server needs, with the conditions in the order of their types, and as if every status had been written once.
func normalizeObject(t *testing.T, object *unstructured.Unstructured) (text string, meaning map[string]string) {
	t.Helper()
	g := NewWithT(t)
	object = object.DeepCopy()
	object.SetManagedFields(nil)
	object.SetResourceVersion("")
	if _, found, _ := unstructured.NestedInt64(object.Object, "status", "version"); found {
		g.Expect(unstructured.SetNestedField(object.Object, int64(1), "status", "version")).To(Succeed())
	}
	if conditions, found, _ := unstructured.NestedSlice(object.Object, "status", "conditions"); found {
		slices.SortFunc(conditions, func(a, b any) int {
			return cmp.Compare(a.(map[string]any)["type"].(string), b.(map[string]any)["type"].(string))
		})
		g.Expect(unstructured.SetNestedSlice(object.Object, conditions, "status", "conditions")).To(Succeed())
	}
	content, err := yaml.Marshal(object.Object)
	g.Expect(err).NotTo(HaveOccurred())
	text = strings.ReplaceAll(string(content), object.GetNamespace(), namespaceOfObjects)
	meaning = map[string]string{namespaceOfObjects: object.GetNamespace()}
	for _, d := range drawn {
		text = replaceDrawn(text, d.pattern, d.replacement, meaning)
	}
	return text, meaning
}

// replaceDrawn replaces each different match of a pattern by one with a number, in the order in which they appear, and notes what it stands for.
func replaceDrawn(text string, pattern *regexp.Regexp, replacement string, meaning map[string]string) string {
	if !strings.Contains(replacement, "%") {
		return pattern.ReplaceAllString(text, replacement)
	}
	numbers := map[string]string{}
	return pattern.ReplaceAllStringFunc(text, func(match string) string {
		if _, known := numbers[match]; !known {
			numbers[match] = fmt.Sprintf(replacement, len(numbers)+1)
			meaning[numbers[match]] = match
		}
		return numbers[match]
	})
}

// readUnstructured reads an object again, as a client without our types has it.
func readUnstructured(t *testing.T, object client.Object) *unstructured.Unstructured {
	t.Helper()
	gvk, err := apiutil.GVKForObject(object, scheme)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	u := &unstructured.Unstructured{}
	u.SetGroupVersionKind(gvk)
	NewWithT(t).Expect(k8s.Get(t.Context(), client.ObjectKeyFromObject(object), u)).To(Succeed())
	return u
}

// expectAsInGitOps waits until an object is what config/gitops has for a state of its kind, on which the health checks and actions are tested. It
// returns what the numbers there stand for.
func expectAsInGitOps(t *testing.T, state string, object client.Object) map[string]string {
	t.Helper()
	g := NewWithT(t)
	gvk, err := apiutil.GVKForObject(object, scheme)
	g.Expect(err).NotTo(HaveOccurred())
	file := filepath.Join(customizationsFolder, gvk.Kind, "testdata", state+".yaml")
	var meaning map[string]string
	read := func() (text string) {
		text, meaning = normalizeObject(t, readUnstructured(t, object))
		return text
	}
	if *updateGitOps {
		settled := read()
		g.Eventually(func(g Gomega) {
			settled = read()
			g.Consistently(read, quietTime, interval).Should(Equal(settled))
		}, timeout, interval).Should(Succeed())
		g.Expect(os.MkdirAll(filepath.Dir(file), 0o750)).To(Succeed())
		g.Expect(os.WriteFile(file, []byte(settled), 0o600)).To(Succeed())
		return meaning
	}
	content, err := os.ReadFile(file)
	g.Expect(err).NotTo(HaveOccurred())
	g.Eventually(func() string { return gocmp.Diff(string(content), read()) }, timeout, interval).Should(BeEmpty(),
		"%s is not what the operator writes; if that is meant, run make gitops-objects", file)
	return meaning
}
