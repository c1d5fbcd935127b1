// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package tree

import (
	"strings"

	"charm.land/lipgloss/v2"
	branches "charm.land/lipgloss/v2/tree"

	"haltline.dev/haltline/cmd/kubectl-haltline/internal/cli"
)

// Render returns the tree as lines. A line is cut at the width of the terminal; it is whole if the width is 0.
func Render(t Tree, width int) string {
	lines := append([]string{title(t)}, noteLines(t)...)
	nameWidth, wordWidth, tookWidth := t.widths()
	root := branches.New()
	for _, s := range t.Stages {
		stage := branches.Root(stageLine(s))
		for _, a := range s.Actions {
			stage.Child(actionLine(a, nameWidth, wordWidth, tookWidth))
		}
		root.Child(stage)
	}
	if len(t.Stages) > 0 {
		lines = append(lines, strings.Split(root.String(), "\n")...)
	}
	return cli.CutLines(lines, width)
}

func title(t Tree) string {
	return lipgloss.NewStyle().Bold(true).Render(t.Name) + "  " + cli.Mark(t.Mark)
}

func noteLines(t Tree) []string {
	var lines []string
	for _, note := range t.Notes {
		lines = append(lines, "  "+note)
	}
	return lines
}

// widths returns how wide the longest name, word and duration of an action are.
func (t Tree) widths() (name, word, took int) {
	for _, s := range t.Stages {
		for _, a := range s.Actions {
			name, word, took = max(name, len(a.Name)), max(word, len(a.Mark.Word)), max(took, len(a.Took))
		}
	}
	return name, word, took
}

func stageLine(s Stage) string {
	return joinWords(cli.MarkSymbol(s.Mark), s.Name, cli.MarkWord(s.Mark), s.Note)
}

func actionLine(a Action, nameWidth, wordWidth, tookWidth int) string {
	return joinWords(cli.MarkSymbol(a.Mark), cli.Pad(a.Name, nameWidth), cli.Pad(cli.MarkWord(a.Mark), wordWidth), cli.Pad(a.Took, tookWidth), a.Note)
}

// joinWords joins words by two spaces, the symbol by one.
func joinWords(symbol string, words ...string) string {
	return symbol + " " + strings.TrimRight(strings.Join(words, "  "), " ")
}
