// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package chaos

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

// Sections of the table that a run prints at its end.
const (
	sectionLoad     = "asked"
	sectionStates   = "executions"
	sectionVerdicts = "verdicts"
	sectionWork     = "work"
	sectionFaults   = "faults"
	sectionLog      = "audit log"
	sectionChecks   = "checked"
	sectionResult   = "result"
)

var sections = []string{
	sectionLoad, sectionStates, sectionVerdicts, sectionWork, sectionFaults, sectionLog, sectionChecks, sectionResult,
}

// Rows of the result.
const (
	rowViolations = "violations"
	rowUnjudged   = "executions that could not be judged"
	rowSeconds    = "seconds"
)

// ledger is what a run counted, for each phase.
type ledger struct {
	mu     sync.Mutex
	phases []string
	// rows of each section, in the order in which they came.
	rows  map[string][]string
	cells map[cell]int
}

type cell struct{ phase, section, row string }

// results are those of the whole run.
var results ledger

func (l *ledger) add(phase, section, row string, n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cells == nil {
		l.rows, l.cells = map[string][]string{}, map[cell]int{}
	}
	if !slices.Contains(l.phases, phase) {
		l.phases = append(l.phases, phase)
	}
	if !slices.Contains(l.rows[section], row) {
		l.rows[section] = append(l.rows[section], row)
	}
	l.cells[cell{phase, section, row}] += n
}

func (l *ledger) addAll(phase, section string, counted map[string]int) {
	for _, row := range slices.Sorted(maps.Keys(counted)) {
		l.add(phase, section, row, counted[row])
	}
}

// total is the sum of a row.
func (l *ledger) total(section, row string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for _, p := range l.phases {
		n += l.cells[cell{p, section, row}]
	}
	return n
}

func (l *ledger) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-50s", "")
	for _, p := range append(slices.Clone(l.phases), "all phases") {
		fmt.Fprintf(&b, "%11s", p)
	}
	for _, s := range sections {
		fmt.Fprintf(&b, "\n%s\n", s)
		for _, row := range l.rows[s] {
			fmt.Fprintf(&b, "  %-48s", row)
			for _, p := range l.phases {
				fmt.Fprintf(&b, "%11s", l.printed(cell{p, s, row}))
			}
			fmt.Fprintf(&b, "%11d\n", l.total(s, row))
		}
	}
	return b.String()
}

func (l *ledger) printed(c cell) string {
	if n, counted := l.cells[c]; counted {
		return fmt.Sprint(n)
	}
	return ""
}
