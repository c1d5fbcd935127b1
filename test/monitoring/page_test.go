// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package monitoring

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"haltline.dev/haltline/test/apiserver"
	"haltline.dev/haltline/test/pages"
)

// readBlocks returns what the blocks of a language hold in the section of docs/metrics.md on the alerts and the dashboard.
func readBlocks(t *testing.T, language string) []string {
	t.Helper()
	section := pages.Section(readFile(t, "docs", "metrics.md"), "Alerts and a dashboard")
	NewWithT(t).Expect(section).NotTo(BeEmpty())
	return pages.BlocksOf(section, language)
}

// The overlay of the page, with its patch of a threshold, gives every object the label by which Prometheus selects.
func TestTheOverlayOfThePage(t *testing.T) {
	g := NewWithT(t)
	blocks := readBlocks(t, "yaml")
	g.Expect(blocks).To(HaveLen(2), "the overlay, and a patch in it")
	folder := t.TempDir()
	root, err := filepath.Rel(folder, apiserver.RepositoryRoot())
	g.Expect(err).NotTo(HaveOccurred())
	overlay := strings.ReplaceAll(strings.Join(blocks, ""), "- config/", "- "+root+"/config/")
	g.Expect(os.WriteFile(filepath.Join(folder, "kustomization.yaml"), []byte(overlay), 0o600)).To(Succeed())
	out, err := apiserver.RunShell(t.Context(), "", "kubectl kustomize "+folder)
	g.Expect(err).NotTo(HaveOccurred(), out)
	for _, kind := range []string{"ServiceMonitor", "PrometheusRule", "Deployment"} {
		g.Expect(out).To(ContainSubstring("\nkind: " + kind + "\n"))
	}
	g.Expect(strings.Count(out, "\n    release: kube-prometheus-stack\n")).To(Equal(strings.Count("\n"+out, "\nkind: ")))
	g.Expect(out).To(ContainSubstring("(haltline_oldest_stop_age_seconds) > 3600"))
	g.Expect(out).NotTo(ContainSubstring("(haltline_oldest_stop_age_seconds) > 900"))
}
