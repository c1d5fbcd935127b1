// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package helm

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"haltline.dev/haltline/test/apiserver"
	"haltline.dev/haltline/test/pages"
)

const (
	// readme is the page of the chart, and installing the page of all ways to install.
	readme     = chart + "/README.md"
	installing = "docs/installing.md"
)

func readPage(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(apiserver.RepositoryRoot(), path))
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return string(content)
}

// commandsOf returns the commands in a section of the page of the chart.
func commandsOf(t *testing.T, section string) []string {
	t.Helper()
	var commands []string
	for _, block := range pages.BlocksOf(pages.Section(readPage(t, readme), section), "sh") {
		commands = append(commands, strings.Split(strings.TrimSpace(block), "\n")...)
	}
	NewWithT(t).Expect(commands).NotTo(BeEmpty())
	return commands
}

var archive = regexp.MustCompile(`(bin/)?haltline-\d+\.\d+\.\d+\.tgz`)

// runInPage runs a command of the page with the chart of this tree. Helm does not wait: no node runs the operator.
func runInPage(t *testing.T, command string) {
	t.Helper()
	command = archive.ReplaceAllLiteralString(command, chart)
	command = strings.ReplaceAll(command, " --wait", "")
	shell(t, strings.Replace(command, "helm ", os.Getenv("HELM")+" ", 1))
}

func TestTheFirstCommandOfEachPageInstalls(t *testing.T) {
	for _, page := range []string{readme, installing} {
		t.Run(page, func(t *testing.T) {
			g := NewWithT(t)
			t.Cleanup(func() { removeAll(t) })
			runInPage(t, strings.TrimSpace(pages.BlocksOf(readPage(t, page), "sh")[0]))
			g.Expect(objectsOfRelease(t)).To(ContainElement("deployment.apps/haltline-manager"))
			for _, command := range commandsOf(t, "What it installs") {
				runInPage(t, command)
			}
			g.Expect(kubectl(t, "get", "namespace", system, "--output", `jsonpath={.metadata.labels.pod-security\.kubernetes\.io/enforce}`)).
				To(Equal("restricted"))
		})
	}
}

// Other tests run the commands of the chart's page.
func TestBothPagesUpgradeAndUninstallInTheSameWay(t *testing.T) {
	for section, of := range map[string]string{"Upgrading": "Upgrading", "Removing it": "Uninstalling"} {
		blocks := pages.BlocksOf(pages.Section(readPage(t, installing), section), "sh")
		for _, block := range []string{blocks[0], blocks[len(blocks)-1]} {
			NewWithT(t).Expect(commandsOf(t, of)).To(ContainElement(strings.TrimSpace(block)))
		}
	}
}

// The commands of the notes are those that a reader types next.
func TestTheNotesDescribeTheRelease(t *testing.T) {
	g := NewWithT(t)
	t.Cleanup(func() { removeAll(t) })
	notes := helm(t, "install", release, chart, "--namespace", system, "--create-namespace", "--set", "namespaces={team},crds.keep=false,replicas=0")
	for _, want := range []string{
		"for the namespaces team", "kubectl --namespace haltline-system rollout status deployment/haltline-manager",
		"nothing runs, because replicas is 0", "helm uninstall deletes the CRDs",
	} {
		g.Expect(notes).To(ContainSubstring(want))
	}
}
