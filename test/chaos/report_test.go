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
	sectionResults  = "verdicts on approvals"
	sectionWork     = "work"
	sectionFaults   = "faults"
	sectionLog      = "audit log"
	sectionChecks   = "checked"
	sectionResult   = "result"
)

var sections = []string{
	sectionLoad, sectionStates, sectionVerdicts, sectionResults, sectionWork, sectionFaults, sectionLog, sectionChecks, sectionResult,
}

// Rows of the result.
const (
	rowViolations = "violations"
	rowUnproven   = "executions that could not be judged"
	rowSeconds    = "seconds"
)

// report is what a run counted, for each phase.
type report struct {
	mu     sync.Mutex
	phases []string
	// rows of each section, in the order in which they came.
	rows  map[string][]string
	cells map[cell]int
}

type cell struct{ phase, section, row string }

// runReport is that of the whole run.
var runReport report

// add adds a number to a cell.
func (r *report) add(phase, section, row string, n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cells == nil {
		r.rows, r.cells = map[string][]string{}, map[cell]int{}
	}
	if !slices.Contains(r.phases, phase) {
		r.phases = append(r.phases, phase)
	}
	if !slices.Contains(r.rows[section], row) {
		r.rows[section] = append(r.rows[section], row)
	}
	r.cells[cell{phase, section, row}] += n
}

func (r *report) addAll(phase, section string, counted map[string]int) {
	for _, row := range slices.Sorted(maps.Keys(counted)) {
		r.add(phase, section, row, counted[row])
	}
}

// total is the sum of a row.
func (r *report) total(section, row string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for _, p := range r.phases {
		n += r.cells[cell{p, section, row}]
	}
	return n
}

// String returns the table.
func (r *report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-70s", "")
	for _, p := range append(slices.Clone(r.phases), "all phases") {
		fmt.Fprintf(&b, "%11s", p)
	}
	for _, s := range sections {
		fmt.Fprintf(&b, "\n%s\n", s)
		for _, row := range r.rows[s] {
			fmt.Fprintf(&b, "  %-68s", row)
			for _, p := range r.phases {
				fmt.Fprintf(&b, "%11s", r.format(cell{p, s, row}))
			}
			fmt.Fprintf(&b, "%11d\n", r.total(s, row))
		}
	}
	return b.String()
}

func (r *report) format(c cell) string {
	if n, counted := r.cells[c]; counted {
		return fmt.Sprint(n)
	}
	return ""
}
