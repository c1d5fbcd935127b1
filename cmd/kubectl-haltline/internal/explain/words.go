// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"fmt"
	"strings"

	"haltline.dev/haltline/internal/text"
)

// joinFew names the first of several, with "and" before the last, and how many more there are.
func joinFew(names []string) string {
	if len(names) == 2 {
		return names[0] + " and " + names[1]
	}
	return text.JoinFew(names)
}

// joinQuoted names all of several in quotes.
func joinQuoted(names []string) string {
	var quoted []string
	for _, name := range names {
		quoted = append(quoted, fmt.Sprintf("%q", name))
	}
	return strings.Join(quoted, ", ")
}
