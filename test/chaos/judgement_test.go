// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package chaos

import (
	"fmt"
	"slices"
	"testing"

	"k8s.io/apimachinery/pkg/types"

	"haltline.dev/haltline/test/invariants"
	"haltline.dev/haltline/test/simcluster"
)

// checksAtAnyTime are those that hold in a namespace that was deleted while executions ran and stopped.
func checksAtAnyTime() []invariants.Check {
	return slices.DeleteFunc(slices.Clone(invariants.Checks), func(c invariants.Check) bool { return !c.AtAnyTime })
}

// checkHistory checks a history, and prints that of each execution with a violation.
func (p *phase) checkHistory(t *testing.T, h *history, checks []invariants.Check) {
	t.Helper()
	printed, unproven := map[types.UID]bool{}, map[types.UID]bool{}
	for _, result := range invariants.Run(h.History, checks) {
		runReport.add(p.name, sectionChecks, result.Check.Name, result.Checked)
		runReport.add(p.name, sectionResult, rowViolations, len(result.Violations))
		for _, v := range result.Violations {
			t.Errorf("%s, at %d: %s", result.Check.Name, v.Position, v.Text)
			if len(printed) < 5 && !printed[v.Execution] {
				printed[v.Execution] = true
				t.Logf("the history of execution %s:\n%s", v.Execution, h.format(v.Execution))
			}
		}
		for _, id := range result.Unproven {
			unproven[id] = true
		}
	}
	runReport.add(p.name, sectionResult, rowUnproven, len(unproven))
	if err := checkUnproven(len(unproven), len(h.Lives(simcluster.Execution))); err != nil {
		t.Error(err)
	}
}

// maxUnproven is how many of a hundred executions may be without a judgement.
const maxUnproven = 5

// checkUnproven returns an error if too many executions are without a judgement.
func checkUnproven(unproven, executions int) error {
	if unproven*100 > maxUnproven*executions {
		return fmt.Errorf("%d of %d executions could not be judged; that is more than %d %%", unproven, executions, maxUnproven)
	}
	return nil
}

func TestUnproven(t *testing.T) {
	for _, tt := range []struct {
		unproven, executions int
		tooMany              bool
	}{{0, 0, false}, {0, 40, false}, {2, 40, false}, {3, 40, true}, {1, 12, true}} {
		if err := checkUnproven(tt.unproven, tt.executions); (err != nil) != tt.tooMany {
			t.Errorf("%d of %d: %v", tt.unproven, tt.executions, err)
		}
	}
}
