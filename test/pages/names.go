// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package pages

import (
	"cmp"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Names has the real names of what a page names: names that the API server completed, ids, and whatever a test adds.
type Names map[string]string

// completedName is a name that the API server completed. It takes these characters only.
var completedName = regexp.MustCompile(`\b[a-z0-9-]*[a-z0-9](-[bcdfghjklmnpqrstvwxz2456789]{5})+\b`)

// Learn takes the completed names in an output as those that the page has at the same places.
func (n Names) Learn(shown, printed string) {
	found := completedName.FindAllString(printed, -1)
	for i, name := range completedName.FindAllString(shown, -1) {
		if _, known := n[name]; !known && i < len(found) {
			n[name] = found[i]
		}
	}
}

// Replace returns a command with the real names in it.
func (n Names) Replace(command string) string {
	// Of two that begin alike the longer one is meant, if it is there.
	longestFirst := slices.SortedFunc(maps.Keys(n), func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
	var pairs []string
	for _, shown := range longestFirst {
		pairs = append(pairs, shown, n[shown])
	}
	return strings.NewReplacer(pairs...).Replace(command)
}
