// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"haltline.dev/haltline/controllers"
	"haltline.dev/haltline/test/apiserver"
)

// blockOfScaling returns the code block of docs/scaling.md that contains a text.
func blockOfScaling(t *testing.T, text string) string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(apiserver.RepositoryRoot(), "docs", "scaling.md"))
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	for _, block := range regexp.MustCompile("(?s)```(?:sh|yaml)\n(.*?)```").FindAllStringSubmatch(string(page), -1) {
		if strings.Contains(block[1], text) {
			return block[1]
		}
	}
	t.Fatalf("no block of docs/scaling.md contains %q", text)
	return ""
}

// The command that prints the shard of a namespace prints the one that serves it.
func TestTheShardOfThePageIsThatOfTheOperator(t *testing.T) {
	block := blockOfScaling(t, "sha256sum")
	const example = "NAMESPACE=team-a SHARDS=2\n"
	NewWithT(t).Expect(block).To(HavePrefix(example))
	for _, namespace := range []string{"team-a", "default", "prod"} {
		for _, shards := range []int{2, 3} {
			script := fmt.Sprintf("NAMESPACE=%s SHARDS=%d\n", namespace, shards) + strings.TrimPrefix(block, example)
			//nolint:gosec // The script is that of the page.
			output, err := exec.CommandContext(t.Context(), "sh", "-c", script).Output()
			NewWithT(t).Expect(err).NotTo(HaveOccurred())
			var shard controllers.Shard
			NewWithT(t).Expect(shard.Set(strings.TrimSpace(string(output)))).To(Succeed())
			NewWithT(t).Expect(shard.Serves(namespace)).To(BeTrue(), "%s is not of shard %s", namespace, shard.String())
		}
	}
}

func TestTheFlowSchemaOfThePageIsAccepted(t *testing.T) {
	kubectl(t, blockOfScaling(t, "kind: FlowSchema"), "apply", "--dry-run=server", "--validate=strict", "-f", "-")
}
