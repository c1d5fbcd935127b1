// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package chaos

import (
	"slices"
	"testing"

	"haltline.dev/haltline/api/v1alpha1"
)

// A run in which nothing broke, or nothing was stopped, shows nothing. So it fails.

// demandFaults fails the test where a fault that the phase is about did not happen.
func (p *phase) demandFaults(t *testing.T) {
	t.Helper()
	happened := p.faults.all()
	for _, what := range lacking(p.wants, func(what string) int { return happened[what] }) {
		t.Errorf("%s: this did not happen: %s", p.name, what)
	}
}

// demandAll fails the test where the whole run did not meet what it is for, or a check saw nothing of it.
func demandAll(t *testing.T, l *ledger) {
	t.Helper()
	for section, rows := range wantedOfAll() {
		for _, what := range lacking(rows, func(row string) int { return l.total(section, row) }) {
			t.Errorf("in the whole run there was not one of this: %s: %s", section, what)
		}
	}
}

// wantedOfAll are the rows of each section that must not be empty at the end.
func wantedOfAll() map[string][]string {
	wanted := map[string][]string{
		sectionLoad:   {"executions", "stop requests", "foreign Jobs"},
		sectionStates: {"Stopped", "Succeeded", stoppedByWait, stoppedByAbandon, stoppedByEscalation, stoppedByBoth, stoppedAtWork},
		sectionVerdicts: {
			v1alpha1.ReasonAccepted, v1alpha1.ReasonDuplicatedStopRequest, v1alpha1.ReasonNotStoppable, v1alpha1.ReasonPipelineNotFound,
		},
		sectionWork: {rowJobs, rowFences, rowFound, rowOrphans, rowPods},
	}
	for _, c := range checks {
		wanted[sectionChecks] = append(wanted[sectionChecks], c.name)
	}
	for _, c := range phases() {
		wanted[sectionFaults] = append(wanted[sectionFaults], c.wire.fates()...)
	}
	return wanted
}

// lacking returns what is wanted and was not counted once.
func lacking(wanted []string, count func(string) int) []string {
	return slices.DeleteFunc(slices.Clone(wanted), func(what string) bool { return count(what) > 0 })
}

// A phase fails without any one of the faults that it is about, and each is about one at least.
func TestVacuity(t *testing.T) {
	for _, c := range phases() {
		wanted := c.wanted()
		if len(wanted) == 0 {
			t.Errorf("%s wants no fault", c.name)
		}
		for _, missing := range wanted {
			found := lacking(wanted, func(what string) int {
				if what == missing {
					return 0
				}
				return 1
			})
			if !slices.Equal(found, []string{missing}) {
				t.Errorf("%s without %q lacks %q", c.name, missing, found)
			}
		}
	}
}
