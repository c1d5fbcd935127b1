// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package text

import (
	"fmt"
	"strings"
)

// maxNames bounds how many names a message has.
const maxNames = 3

// JoinFew names the first three of several, and how many more there are.
func JoinFew(names []string) string {
	few := strings.Join(names[:min(len(names), maxNames)], ", ")
	if len(names) > maxNames {
		few += fmt.Sprintf(" and %d more", len(names)-maxNames)
	}
	return few
}
