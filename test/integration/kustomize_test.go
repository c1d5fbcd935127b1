// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	. "github.com/onsi/gomega"

	"haltline.dev/haltline/test/apiserver"
)

var kindOfDocument = regexp.MustCompile(`(?m)^kind: (\w+)$`)

// The operator must not run before the policies that keep others from forging its Jobs.
func TestThePoliciesAreAppliedBeforeTheOperator(t *testing.T) {
	t.Parallel()
	for _, folder := range []string{"default", "webhook"} {
		g := NewWithT(t)
		manifests := buildKustomization(t, filepath.Join(apiserver.RepositoryRoot(), "config", folder))
		var kinds []string
		for _, match := range kindOfDocument.FindAllStringSubmatch(manifests, -1) {
			kinds = append(kinds, match[1])
		}
		g.Expect(kinds[len(kinds)-1]).To(Equal("Deployment"))
		g.Expect(slices.Index(kinds, "ValidatingAdmissionPolicyBinding")).To(BeNumerically("<", slices.Index(kinds, "ClusterRoleBinding")))
	}
}

// The user of the operator has the namespace of its ServiceAccount, which an overlay may change.
func TestThePoliciesNameTheOperatorOfAnotherNamespace(t *testing.T) {
	t.Parallel()
	for folder, count := range map[string]int{"default": 8, "webhook": 9} {
		g := NewWithT(t)
		manifests := buildInNamespace(t, folder, "ci")
		g.Expect(manifests).NotTo(ContainSubstring("haltline-system"))
		g.Expect(regexp.MustCompile(`username [!=]= "system:serviceaccount:ci:haltline-manager"`).FindAllString(manifests, -1)).To(HaveLen(count))
	}
}

// buildInNamespace builds a folder of config/ for another namespace, as docs/installing.md describes it.
func buildInNamespace(t *testing.T, folder, namespace string) string {
	t.Helper()
	g := NewWithT(t)
	outer := t.TempDir()
	config, err := filepath.Rel(outer, filepath.Join(apiserver.RepositoryRoot(), "config"))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(os.Mkdir(filepath.Join(outer, "base"), 0o700)).To(Succeed())
	g.Expect(os.WriteFile(filepath.Join(outer, "base", "kustomization.yaml"),
		[]byte("namespace: "+namespace+"\nresources: ['../"+config+"/"+folder+"']\n"), 0o600)).To(Succeed())
	g.Expect(os.WriteFile(filepath.Join(outer, "kustomization.yaml"),
		[]byte("resources: [base]\ncomponents: ['"+config+"/policy/namespace']\n"), 0o600)).To(Succeed())
	return buildKustomization(t, outer)
}

func buildKustomization(t *testing.T, folder string) string {
	t.Helper()
	out, err := runKubectl(t.Context(), cluster.Kubeconfig, "kustomize", folder)
	NewWithT(t).Expect(err).NotTo(HaveOccurred(), out)
	return out
}
