// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	. "github.com/onsi/gomega"

	"haltline.dev/haltline/test/apiserver"
)

const someChangelog = `# Changelog

## Unreleased

## v0.2.0 - 2026-12-01

### Added

- A thing.

## v0.1.0

First.
`

// The notes of a release are its section of the changelog, without its heading.
func TestReleaseNotes(t *testing.T) {
	t.Parallel()
	changelog := filepath.Join(t.TempDir(), "CHANGELOG.md")
	NewWithT(t).Expect(os.WriteFile(changelog, []byte(someChangelog), 0o600)).To(Succeed())
	for version, want := range map[string]struct {
		notes string
		fails bool
	}{
		"v0.2.0":     {notes: "### Added\n\n- A thing.\n"},
		"v0.1.0":     {notes: "First.\n"},
		"v0.1":       {notes: `has no section "## v0.1", or nothing in it`, fails: true},
		"Unreleased": {notes: `has no section "## Unreleased", or nothing in it`, fails: true},
	} {
		t.Run(version, func(t *testing.T) {
			g := NewWithT(t)
			//nolint:gosec // The script and its arguments are the test's own.
			output, err := exec.CommandContext(t.Context(), filepath.Join(apiserver.RepositoryRoot(), "hack", "release", "notes"), version, changelog).CombinedOutput()
			if want.fails {
				g.Expect(err).To(HaveOccurred())
				g.Expect(string(output)).To(ContainSubstring(want.notes))
				return
			}
			g.Expect(err).NotTo(HaveOccurred(), string(output))
			g.Expect(string(output)).To(Equal(want.notes))
		})
	}
}
