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

// report describes a history in words, so that a person can follow it.
type report struct {
	lines []reportLine
}

// reportLine is what was done after a number of changes.
type reportLine struct {
	at   int
	text string
}

// note adds a line to the report.
func (h *history) note(format string, args ...any) {
	h.report.lines = append(h.report.lines, reportLine{len(h.store.History), fmt.Sprintf(format, args...)})
}

// render returns what was done, what was written because of it, and what is wrong with it.
func (r *report) render(changes []simcluster.Change, found []finding) string {
	b := &strings.Builder{}
	next := 0
	for i := 0; i <= len(changes); i++ {
		for ; next < len(r.lines) && r.lines[next].at <= i; next++ {
			fmt.Fprintln(b, r.lines[next].text)
		}
		for _, f := range found {
			if f.at == i {
				fmt.Fprintf(b, "!!!!!! %s\n", f.text)
			}
		}
		if i < len(changes) {
			fmt.Fprintln(b, explorer.DescribeChange(&changes[i]))
		}
	}
	return b.String()
}

// failOnFindings fails the test, with a report, if something in the history is wrong so far.
func (h *history) failOnFindings(t *rapid.T) {
	if len(h.judge.found) == 0 {
		return
	}
	t.Log("the history:\n" + h.report.render(h.store.History, h.judge.found))
	t.Fatal(h.judge.found[0].text)
}
