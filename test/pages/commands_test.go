// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package pages

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// runs tells which test runs the commands of the pages. A row is about a page, or about a section of it, or about a block there that begins
// with a text; the first row that fits counts. A test must run all blocks that its row is about. What no test can run has a reason instead.
var runs = []struct {
	page, section, beginning string
	// test is the function, in a file that names the page.
	test string
	// not is why no test runs it.
	not string
}{
	{page: "README.md", beginning: "make demo", not: "starts a cluster on the machine of the reader, and runs all tests"},
	{page: "README.md", beginning: "helm ", not: "installs into a cluster; the tests of the chart install it"},
	{page: "README.md", test: "TestTheQuickStartOfTheREADME"},
	{page: "docs/approvalresult.md", test: "TestTheCommandsOfTheApprovalResultPageWork"},
	{page: "docs/approving.md", test: "TestTheCommandsOfTheApprovalsPageWork"},
	{page: "docs/argo-cd.md", test: "TestTheCommandsOfTheArgoCDPageWork"},
	{page: "docs/backup.md", test: "TestTheCommandsOfTheBackupPageWork"},
	{page: "docs/bulk-stop.md", test: "TestTheCommandsOfTheBulkStopPageWork"},
	{page: "docs/coming-from-argo-workflows.md", test: "TestOurCommandsOfTheComingFromPagesWork"},
	{page: "docs/coming-from-codepipeline.md", test: "TestOurCommandsOfTheComingFromPagesWork"},
	{page: "docs/coming-from-github-actions.md", test: "TestOurCommandsOfTheComingFromPagesWork"},
	{page: "docs/coming-from-tekton.md", test: "TestOurCommandsOfTheComingFromPagesWork"},
	{page: "docs/concepts.md", test: "TestTheCommandsOfTheConceptsPageWork"},
	{page: "docs/ending-jobs-measured.md", not: "measures for many minutes; its program has tests"},
	{page: "docs/flux.md", test: "TestTheCommandsOfTheFluxPageWork"},
	{page: "docs/gitops.md", test: "TestTheCommandsOfTheGitOpsPageWork"},
	{page: "docs/installing.md", beginning: "helm upgrade --install ", test: "TestTheFirstCommandOfEachPageInstalls"},
	{page: "docs/installing.md", section: "A cluster without MutatingAdmissionPolicy", test: "TestThePageOnTheWebhook"},
	{page: "docs/installing.md", section: "Upgrading", test: "TestBothPagesUpgradeAndUninstallInTheSameWay"},
	{page: "docs/installing.md", section: "Removing it", test: "TestBothPagesUpgradeAndUninstallInTheSameWay"},
	{page: "docs/installing.md", section: "The first seconds", test: "TestTheCommandsThatTryTheInstallationWork"},
	{page: "docs/installing.md", section: "Trying it", test: "TestTheCommandsThatTryTheInstallationWork"},
	{page: "docs/installing.md", not: "builds and pushes an image, or installs and removes Haltline for the whole cluster; test/install applies the same manifests"},
	{page: "docs/jobs.md", test: "TestTheCommandsOfTheJobsPageWork"},
	{page: "docs/logs.md", test: "TestTheCommandsOfTheLogsPageWork"},
	{page: "docs/metrics.md", section: "Alerts and a dashboard", test: "checkComponent"},
	{page: "docs/metrics.md", test: "TestTheMetricsOfThePage"},
	{page: "docs/observing.md", beginning: "kubectl -n haltline-system logs", test: "TestTheLogsOfThePages"},
	{page: "docs/observing.md", test: "TestTheCommandsOfTheObservingPageWork"},
	{page: "docs/operating.md", test: "TestTheCommandsOfTheOperatingPageWork"},
	{page: "docs/passing-data.md", test: "TestTheCommandsOfThePassingDataPageWork"},
	{page: "docs/performance.md", not: "measures for many minutes; make bench-small runs the same with small numbers"},
	{page: "docs/pipeline.md", test: "TestTheCommandsOfThePipelinePageWork"},
	{page: "docs/pipelineexecution.md", section: "What a container gets", test: "TestTheLogsOfThePages"},
	{page: "docs/pipelineexecution.md", test: "TestTheCommandsOfThePipelineExecutionPageWork"},
	{page: "docs/plugin.md", section: "Start", test: "TestThePageOnStart"},
	{page: "docs/plugin.md", section: "Stop", test: "TestThePageOnStop"},
	{page: "docs/plugin.md", section: "Stop several", test: "TestThePageOnStoppingSeveral"},
	{page: "docs/plugin.md", section: "Approve and reject", test: "TestThePageOnApproving"},
	{page: "docs/plugin.md", section: "Retry", test: "TestThePageOnRetrying"},
	{page: "docs/plugin.md", section: "Hold and release", test: "TestThePageOnHolding"},
	{page: "docs/plugin.md", section: "List", test: "TestTheReadingSectionsOfThePage"},
	{page: "docs/plugin.md", section: "Tree", test: "TestTheReadingSectionsOfThePage"},
	{page: "docs/plugin.md", section: "Watch", test: "TestThePageOnWatching"},
	{page: "docs/plugin.md", section: "Logs", test: "TestTheReadingSectionsOfThePage"},
	{page: "docs/plugin.md", section: "History", test: "TestTheReadingSectionsOfThePage"},
	{page: "docs/plugin.md", section: "Explain", test: "TestTheReadingSectionsOfThePage"},
	{page: "docs/plugin.md", section: "Output for programs", test: "TestThePageOnOutput"},
	{page: "docs/plugin.md", section: "Completion", not: "changes the shell of the reader; TestCompletionThroughKubectl completes the same"},
	{page: "docs/plugin.md", beginning: "make plugin", not: "installs on the machine of the reader"},
	{page: "docs/queues.md", test: "TestTheCommandsOfTheQueuesPageWork"},
	{page: "docs/quick-start.md", beginning: "helm ", not: "installs into a cluster; the tests of the chart install it"},
	{page: "docs/quick-start.md", beginning: "KEEP=1 make demo", not: "starts a cluster on the machine of the reader, as make demo does"},
	{page: "docs/quick-start.md", test: "TestTheQuickStart"},
	{page: "docs/retention.md", test: "TestTheCommandsOfTheRetentionPageWork"},
	{page: "docs/retrying.md", test: "TestTheCommandsOfTheRetryingPageWork"},
	{page: "docs/runbooks.md", test: "TestTheCommandsOfTheRunbooksWork"},
	{page: "docs/scaling.md", beginning: "NAMESPACE=", test: "TestTheShardOfThePageIsThatOfTheOperator"},
	{page: "docs/scaling.md", not: "installs for the whole cluster; test/install applies the same manifests"},
	{page: "docs/scheduling.md", test: "TestTheCommandsOfTheSchedulingPageWork"},
	{page: "docs/security.md", test: "TestTheCommandsOfTheSecurityPageWork"},
	{page: "docs/stopping.md", section: "The logs of abandoned actions", test: "TestTheLogsOfThePages"},
	{page: "docs/stopping.md", test: "TestTheCommandsOfTheStoppingPageWork"},
	{page: "docs/stoprequest.md", test: "TestTheCommandsOfTheStopRequestPageWork"},
	{page: "docs/testing.md", not: "runs tests, some of them for many minutes"},
	{page: "docs/time-limits.md", test: "TestTheCommandsOfTheTimeLimitsPageWork"},
	{page: "docs/troubleshooting.md", test: "TestTheCommandsOfTheTroubleshootingPageWork"},
	{page: "docs/who-may.md", test: "TestTheCommandsOfTheWhoMayPageWork"},
	{page: "docs/workspace.md", test: "TestTheCommandsOfTheWorkspacePageWork"},
	{page: "docs/writing-a-pipeline.md", test: "TestTheCommandsOfTheWritingPageWork"},
}

// command is a block of commands in a page. Its text begins with the first command.
type command struct{ page, section, text string }

// Every block of commands in the README and in docs/ is run by a test, or has a reason why not.
func TestEveryCommandOfThePagesIsRun(t *testing.T) {
	used := make([]bool, len(runs))
	for _, c := range readCommands(t) {
		row := findRun(c)
		if row < 0 {
			first, _, _ := strings.Cut(c.text, "\n")
			t.Errorf("%s, section %q: no test runs this; name one in runs: %s", c.page, c.section, first)
			continue
		}
		used[row] = true
	}
	for i, row := range runs {
		if !used[i] {
			t.Errorf("no command is left for this row: %+v", row)
		}
		if (row.test == "") == (row.not == "") {
			t.Errorf("this row needs either a test or a reason: %+v", row)
		}
	}
}

// A test that is named exists, in a file that names the page.
func TestTheTestsThatRunCommandsExist(t *testing.T) {
	files := readTests(t)
	for _, row := range runs {
		if row.test == "" {
			continue
		}
		declaration := regexp.MustCompile(`(?m)^func ` + row.test + `\(`)
		found := false
		for _, content := range files {
			found = found || declaration.MatchString(content) && strings.Contains(content, path.Base(row.page))
		}
		if !found {
			t.Errorf("no file of tests has %s and names %s", row.test, row.page)
		}
	}
}

// findRun returns the index of the row that is about a block, or -1.
func findRun(c command) int {
	for i, row := range runs {
		if row.page == c.page && (row.section == "" || row.section == c.section) && strings.HasPrefix(c.text, row.beginning) {
			return i
		}
	}
	return -1
}

// readCommands returns the blocks of commands of all pages.
func readCommands(t *testing.T) []command {
	t.Helper()
	names, err := filepath.Glob(filepath.Join("..", "..", "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	var commands []command
	for _, name := range append(names, "README.md") {
		page := "docs/" + filepath.Base(name)
		if name == "README.md" {
			page = name
		}
		section := ""
		for i, part := range strings.Split("\n"+readFile(t, page), "\n## ") {
			if i > 0 {
				section, _, _ = strings.Cut(part, "\n")
			}
			for _, block := range Blocks(part) {
				if block.Language == "sh" || block.Language == "console" {
					commands = append(commands, command{page, section, strings.TrimPrefix(block.Text, "$ ")})
				}
			}
		}
	}
	if len(commands) < 50 {
		t.Fatalf("only %d blocks of commands were found", len(commands))
	}
	return commands
}

// readTests returns the contents of all files of tests.
func readTests(t *testing.T) []string {
	t.Helper()
	var contents []string
	for _, folder := range []string{"cmd", "hack", "test"} {
		err := filepath.WalkDir(filepath.Join("..", "..", folder), func(name string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(name, "_test.go") {
				return err
			}
			content, err := os.ReadFile(name)
			contents = append(contents, string(content))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return contents
}
