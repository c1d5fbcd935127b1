// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package chaos

import (
	"slices"
	"testing"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/invariants"
)

// A run in which nothing broke, or nothing was stopped, shows nothing. So it fails.

// demandFaults fails the test if a fault that the phase demands did not happen.
func (p *phase) demandFaults(t *testing.T) {
	t.Helper()
	happened := p.faults.all()
	for _, fault := range listMissing(p.demands, func(fault string) int { return happened[fault] }) {
		t.Errorf("%s: this did not happen: %s", p.name, fault)
	}
}

// demandRows fails the test if the whole run did not meet what it is for, or a check had nothing to look at.
func demandRows(t *testing.T, r *report) {
	t.Helper()
	for section, rows := range demandedRows() {
		for _, missing := range listMissing(rows, func(row string) int { return r.total(section, row) }) {
			t.Errorf("in the whole run there was not one of this: %s: %s", section, missing)
		}
	}
}

// demandedRows are the rows of each section that must not be empty at the end.
func demandedRows() map[string][]string {
	demanded := map[string][]string{
		sectionLoad: {"executions", "stop requests", "foreign Jobs", "approval results", "transitions enabled"},
		sectionStates: {
			"Stopped", "Succeeded", "Failed", "Superseded", stoppedByWait, stoppedByAbandon, stoppedByEscalation, stoppedByBoth, stoppedAtWork,
			waitedForTurn, waitedForTransition, stoppedBeforeStage, stoppedAtApproval, exceededTime, approvalsDecided, approvalsTimedOut,
		},
		sectionVerdicts: {
			v1alpha1.ReasonAccepted, v1alpha1.ReasonDuplicatedStopRequest, v1alpha1.ReasonNotStoppable, v1alpha1.ReasonPipelineNotFound,
		},
		sectionResults: {
			v1alpha1.ReasonAccepted, v1alpha1.ReasonApprovalAlreadyCompleted, v1alpha1.ReasonApprovalNotPending, v1alpha1.ReasonApproverNotAllowed,
			v1alpha1.ReasonPipelineNotFound, v1alpha1.ReasonPipelineExecutionNotFound, v1alpha1.ReasonStageNotFound, v1alpha1.ReasonActionNotFound,
		},
		sectionWork: {rowJobs, rowPlaceholders, rowFoundByFences, rowOrphans, rowPods},
	}
	for _, c := range invariants.Checks {
		// Nothing in a run is finished for so long, or so much of it, that the operator deletes it.
		if c.Name != invariants.CheckFinishedDeleted {
			demanded[sectionChecks] = append(demanded[sectionChecks], c.Name)
		}
	}
	for _, c := range phaseConfigs() {
		demanded[sectionFaults] = append(demanded[sectionFaults], c.network.disturbanceNames()...)
	}
	return demanded
}

// listMissing returns what is demanded and was not counted once.
func listMissing(demanded []string, count func(string) int) []string {
	return slices.DeleteFunc(slices.Clone(demanded), func(name string) bool { return count(name) > 0 })
}

// A phase fails without any one of the faults that it demands, and each demands one at least.
func TestDemands(t *testing.T) {
	for _, c := range phaseConfigs() {
		demanded := c.demandedFaults()
		if len(demanded) == 0 {
			t.Errorf("%s demands no fault", c.name)
		}
		for _, absent := range demanded {
			missing := listMissing(demanded, func(fault string) int {
				if fault == absent {
					return 0
				}
				return 1
			})
			if !slices.Equal(missing, []string{absent}) {
				t.Errorf("%s without %q misses %q", c.name, absent, missing)
			}
		}
	}
}
