// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"fmt"
	"slices"
	"strings"
)

// joinFew joins at most five names, and tells how many more there are.
func joinFew(names []string) string {
	const most = 5
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}

// chooseNumber returns one of two forms of a word: for one, or for any other number.
func chooseNumber(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// describeCount returns a number with its noun.
func describeCount(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// countWords returns how often each word occurs, such as "2 Accepted, 1 PipelineExecutionNotStoppableException", in the order in which they first do.
func countWords(words []string) string {
	var order, parts []string
	counts := map[string]int{}
	for _, word := range words {
		if !slices.Contains(order, word) {
			order = append(order, word)
		}
		counts[word]++
	}
	for _, word := range order {
		parts = append(parts, fmt.Sprintf("%d %s", counts[word], word))
	}
	return strings.Join(parts, ", ")
}
