// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

// Package pages finds the commands and manifests in the pages of the documentation, so that tests run them.
package pages

import (
	"regexp"
	"strings"
)

// Example is a command in a block of the language console, and what the page shows that it prints, without spaces around it.
type Example struct {
	Command, Output string
}

var fencedBlock = regexp.MustCompile("(?ms)^```(\\w+)\n(.*?\n)```$")

// Block is what stands between two fences. Its text ends with a newline.
type Block struct {
	Language, Text string
}

// Blocks returns the fenced blocks of a text that name a language, in their order.
func Blocks(text string) []Block {
	var blocks []Block
	for _, match := range fencedBlock.FindAllStringSubmatch(text, -1) {
		blocks = append(blocks, Block{Language: match[1], Text: match[2]})
	}
	return blocks
}

// BlocksOf returns what the blocks of a language hold.
func BlocksOf(text, language string) []string {
	var texts []string
	for _, block := range Blocks(text) {
		if block.Language == language {
			texts = append(texts, block.Text)
		}
	}
	return texts
}

// Section returns what a page has between a heading of the second level and the next one; nothing if it has no such heading.
func Section(page, heading string) string {
	_, text, _ := strings.Cut(page, "\n## "+heading+"\n")
	text, _, _ = strings.Cut(text, "\n## ")
	return text
}

// Examples returns the commands in the console blocks of a text. A command stands in a line after "$ ", and what it prints until the next one.
func Examples(text string) []Example {
	var examples []Example
	for _, block := range BlocksOf(text, "console") {
		for _, part := range strings.Split("\n"+block, "\n$ ")[1:] {
			command, output, _ := strings.Cut(part, "\n")
			examples = append(examples, Example{command, strings.TrimSpace(output)})
		}
	}
	return examples
}
