// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package pages

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// guides are the pages that are about a task or a kind.
var guides = []string{
	"approvalresult", "approving", "argo-cd", "bulk-stop", "coming-from-argo-workflows", "coming-from-codepipeline", "coming-from-github-actions", "coming-from-tekton", "concepts", "flux",
	"gitops", "logs", "metrics", "operating", "passing-data", "pipeline", "pipelineexecution", "plugin", "queues", "quick-start", "retrying", "runbooks", "scheduling", "security", "stoprequest", "stopping", "time-limits",
	"troubleshooting", "who-may", "workspace", "writing-a-pipeline",
}

// A guide shows the command before it explains anything.
func TestEachGuideBeginsWithTheCommand(t *testing.T) {
	beginning := regexp.MustCompile("\\A# [^\n]+\n\n```(sh|console)\n")
	for _, guide := range guides {
		page, err := os.ReadFile(filepath.Join("..", "..", "docs", guide+".md"))
		if err != nil {
			t.Fatal(err)
		}
		if !beginning.Match(page) {
			first, _, _ := strings.Cut(string(page), "\n\n#")
			t.Errorf("docs/%s.md does not begin with a command:\n%s", guide, first)
		}
	}
}
