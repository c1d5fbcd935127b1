// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package helm

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"haltline.dev/haltline/test/apiserver"
)

const chart = "charts/haltline"

// addedObject and removedObject tell the version before from the one of this tree, if nothing has been released: an object that it lacks, and
// one that it has.
const (
	addedObject   = "poddisruptionbudget.yaml"
	removedObject = `
apiVersion: v1
kind: ConfigMap
metadata:
  name: haltline-of-the-version-before
  namespace: {{ .Release.Namespace }}
`
	// addedField is what the CRDs of the version before lack.
	addedField = "    shortNames:\n    - pl\n"
)

// chartBefore returns the folder of the chart of the version before: of the last release in this repository, if there is one, or else this
// chart with an object more, an object less and an older CRD.
func chartBefore(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	if tag := lastRelease(t); tag != "" {
		shell(t, "git archive "+tag+" "+chart+" | tar --extract --directory "+folder)
		return filepath.Join(folder, chart)
	}
	g := NewWithT(t)
	before := filepath.Join(folder, "haltline")
	g.Expect(os.CopyFS(before, os.DirFS(filepath.Join(apiserver.RepositoryRoot(), chart)))).To(Succeed())
	templates := filepath.Join(before, "templates")
	g.Expect(os.Remove(filepath.Join(templates, addedObject))).To(Succeed())
	g.Expect(os.WriteFile(filepath.Join(templates, "removed.yaml"), []byte(removedObject), 0o600)).To(Succeed())
	crds := filepath.Join(templates, "customresourcedefinition.yaml")
	content, err := os.ReadFile(crds)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(strings.Count(string(content), addedField)).To(Equal(1))
	g.Expect(os.WriteFile(crds, []byte(strings.Replace(string(content), addedField, "", 1)), 0o600)).To(Succeed())
	return before
}

// lastRelease returns the last tag before this commit that has the chart; nothing if there is none.
func lastRelease(t *testing.T) string {
	t.Helper()
	for _, tag := range strings.Fields(shell(t, "git tag --merged HEAD --sort=-version:refname --list 'v*'")) {
		if strings.TrimSpace(shell(t, "git ls-tree "+tag+" "+chart)) != "" {
			return tag
		}
	}
	return ""
}

func shell(t *testing.T, command string) string {
	t.Helper()
	output, err := apiserver.RunShell(t.Context(), cluster.Kubeconfig, command)
	if err != nil {
		t.Fatalf("%s: %v\n%s", command, err, output)
	}
	return output
}

// pack packs a chart with the script of a release, and returns the path of the archive.
func pack(t *testing.T, version, folder string) string {
	t.Helper()
	shell(t, "hack/release/chart "+os.Getenv("HELM")+" "+version+" "+folder)
	return filepath.Join(folder, "haltline-"+strings.TrimPrefix(version, "v")+".tgz")
}

func TestAPackedChartHasItsVersionAndTheSameBytes(t *testing.T) {
	g := NewWithT(t)
	one, other := pack(t, "v1.2.3", t.TempDir()), pack(t, "v1.2.3", t.TempDir())
	first, err := os.ReadFile(one)
	g.Expect(err).NotTo(HaveOccurred())
	second, err := os.ReadFile(other)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(first).To(Equal(second))
	metadata := helm(t, "show", "chart", one)
	g.Expect(metadata).To(ContainSubstring("\nversion: 1.2.3\n"))
	g.Expect(metadata).To(ContainSubstring("appVersion: v1.2.3\n"))
	g.Expect(helm(t, "template", one)).To(ContainSubstring(`image: "haltline.dev/haltline:v1.2.3"`))
}

func TestOnlyAReleaseIsPacked(t *testing.T) {
	for _, version := range []string{"dev", "1.2.3", "v1.2", "v1.2.3-4-gabcdef0 --debug"} {
		output, err := apiserver.RunProgram(t.Context(), cluster.Kubeconfig, "hack/release/chart", os.Getenv("HELM"), version, t.TempDir())
		NewWithT(t).Expect(err).To(HaveOccurred())
		NewWithT(t).Expect(output).To(ContainSubstring("VERSION is " + version + ", and must be that of a release"))
	}
}
