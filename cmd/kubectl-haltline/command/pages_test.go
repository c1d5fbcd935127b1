// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"haltline.dev/haltline/cmd/kubectl-haltline/internal/cli"
)

var (
	commandInPage = regexp.MustCompile(`(?m)^(?:\$ |> )?kubectl haltline (.*)$`)
	// commandInTable is a command beside that of another system.
	commandInTable = regexp.MustCompile("(?m)`kubectl haltline ([^`]+)` \\|$")
	word           = regexp.MustCompile(`[^\s"']*"[^"]*"|[^\s"']*'[^']*'|\S+`)
)

// Every command of the plugin that a page shows has to be one that the plugin takes: with flags and as many arguments as it has.
func TestCommandsOfThePagesExist(t *testing.T) {
	root := filepath.Join("..", "..", "..")
	pages, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, page := range append(pages, filepath.Join(root, "README.md")) {
		content, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		lines := slices.Concat(commandInPage.FindAllStringSubmatch(string(content), -1), commandInTable.FindAllStringSubmatch(string(content), -1))
		for _, line := range lines {
			found++
			if err := parseCommand(splitWords(line[1])); err != nil {
				t.Errorf("%s: kubectl haltline %s: %v", page, line[1], err)
			}
		}
	}
	if found < 10 {
		t.Errorf("only %d commands were found", found)
	}
}

// splitWords returns the words of a command line, up to a comment, a pipe or a redirection.
func splitWords(line string) []string {
	var words []string
	for _, w := range word.FindAllString(line, -1) {
		if strings.ContainsAny(w[:1], "#|>&;") {
			break
		}
		words = append(words, strings.NewReplacer(`"`, "", "'", "").Replace(w))
	}
	return words
}

// parseCommand returns an error if the plugin would call the command line wrong before it asks the cluster for anything.
func parseCommand(args []string) error {
	if slices.Contains(args, "<TAB>") {
		return nil
	}
	root := NewRoot(cli.New(&bytes.Buffer{}, &bytes.Buffer{}, &bytes.Buffer{}, "test"))
	cmd, rest, err := root.Find(args)
	if err != nil {
		return err
	}
	if err := cmd.ParseFlags(rest); err != nil {
		if errors.Is(err, pflag.ErrHelp) {
			return nil
		}
		return err
	}
	if err := cmd.ValidateRequiredFlags(); err != nil {
		return err
	}
	return cmd.ValidateArgs(cmd.Flags().Args())
}
