// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package histories

import (
	"fmt"
	"strings"

	"pgregory.net/rapid"

	"haltline.dev/haltline/test/explorer"
	"haltline.dev/haltline/test/simcluster"
)

// story tells a history in words, so that a person can follow it.
type story struct {
	lines []line
}

// line is what was done when the world had a number of changes.
type line struct {
	at   int
	text string
}

func (h *history) tell(format string, args ...any) {
	h.story.lines = append(h.story.lines, line{len(h.store.History), fmt.Sprintf(format, args...)})
}

// String returns what was done, what was written because of it, and what is wrong with it.
func (s *story) with(changes []simcluster.Change, found []finding) string {
	b := &strings.Builder{}
	next := 0
	for i := 0; i <= len(changes); i++ {
		for ; next < len(s.lines) && s.lines[next].at <= i; next++ {
			fmt.Fprintln(b, s.lines[next].text)
		}
		for _, f := range found {
			if f.at == i {
				fmt.Fprintf(b, "!!!!!! %s\n", f.text)
			}
		}
		if i < len(changes) {
			fmt.Fprintln(b, explorer.Tell(&changes[i]))
		}
	}
	return b.String()
}

// judgeSoFar fails the history where something of it is wrong, and tells it.
func (h *history) judgeSoFar(t *rapid.T) {
	if len(h.judge.found) == 0 {
		return
	}
	t.Log("the history:\n" + h.story.with(h.store.History, h.judge.found))
	t.Fatal(h.judge.found[0].text)
}
