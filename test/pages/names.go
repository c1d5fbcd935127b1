// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package pages

import (
	"regexp"
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
	var pairs []string
	for shown, name := range n {
		pairs = append(pairs, shown, name)
	}
	return strings.NewReplacer(pairs...).Replace(command)
}
