// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package monitoring

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"haltline.dev/haltline/test/apiserver"
)

var fencedBlock = regexp.MustCompile("```(\\w+)\n((?s:.*?)\n)```\n")

// readBlocks returns what the blocks of a language hold in the section of docs/metrics.md on the alerts and the dashboard.
func readBlocks(t *testing.T, language string) []string {
	t.Helper()
	_, section, found := strings.Cut(readFile(t, "docs", "metrics.md"), "\n## Alerts and a dashboard\n")
	NewWithT(t).Expect(found).To(BeTrue())
	section, _, _ = strings.Cut(section, "\n## ")
	var blocks []string
	for _, block := range fencedBlock.FindAllStringSubmatch(section, -1) {
		if block[1] == language {
			blocks = append(blocks, block[2])
		}
	}
	return blocks
}

// runShell runs a command of the page in the root of the repository.
func runShell(ctx context.Context, kubeconfig, command string) (string, error) {
	//nolint:gosec // The commands are those of the page and of the tests.
	cmd := exec.CommandContext(ctx, "bash", "-c", command)
	cmd.Dir = apiserver.RepositoryRoot()
	cmd.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig,
		"PATH="+filepath.Dir(apiserver.Binary("kubectl"))+string(os.PathListSeparator)+os.Getenv("PATH"))
	output, err := cmd.CombinedOutput()
	return string(output), err
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
	out, err := runShell(t.Context(), "", "kubectl kustomize "+folder)
	g.Expect(err).NotTo(HaveOccurred(), out)
	for _, kind := range []string{"ServiceMonitor", "PrometheusRule", "Deployment"} {
		g.Expect(out).To(ContainSubstring("\nkind: " + kind + "\n"))
	}
	g.Expect(strings.Count(out, "\n    release: kube-prometheus-stack\n")).To(Equal(strings.Count("\n"+out, "\nkind: ")))
	g.Expect(out).To(ContainSubstring("(haltline_oldest_stop_age_seconds) > 3600"))
	g.Expect(out).NotTo(ContainSubstring("(haltline_oldest_stop_age_seconds) > 900"))
}
