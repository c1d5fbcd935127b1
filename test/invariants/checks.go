// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package invariants

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/types"
)

// Check looks through a history for violations of an invariant.
type Check struct {
	// Name begins with the invariant.
	Name string
	// AtAnyTime is true if the check holds for a history that has not come to its end, or whose namespace is being deleted.
	AtAnyTime bool
	// NeedsRest is true if the check needs History.Rest.
	NeedsRest bool

	run func(*History, *Result)
}

// Invariant is the short name of the invariant: I1 to I11.
func (c *Check) Invariant() string {
	invariant, _, _ := strings.Cut(c.Name, " ")
	return invariant
}

// Checks are all checks, in the order of the invariants.
var Checks = []Check{
	{Name: "I1 one verdict, and it never changes", AtAnyTime: true, run: checkOneVerdict},
	{Name: "I1 every verdict is true", run: checkTrueVerdicts},
	{Name: "I1 one verdict on an approval result, and it never changes", AtAnyTime: true, run: checkOneVerdictOnResult},
	{Name: "I1 an approval is decided once, by a result that it may take", AtAnyTime: true, run: checkDecisions},
	{Name: "I1 every verdict on an approval result is true", run: checkTrueVerdictsOnResults},
	{Name: "I1 a stop request is finished when it is rejected or Stopped", AtAnyTime: true, run: checkFinishedRequests},
	{Name: "I2 at most a wait and then an abandon", AtAnyTime: true, run: checkAcceptedStops},
	{Name: "I3 nothing starts after Accepted", AtAnyTime: true, run: checkStarts},
	{Name: "I4 one workload for an action", AtAnyTime: true, run: checkOneWorkload},
	{Name: "I4 a workload has the name of its attempt", AtAnyTime: true, run: checkWorkloadNames},
	{Name: "I5 final states are final", AtAnyTime: true, run: checkFinalStates},
	{Name: "I5 an execution is finished when its state is final", AtAnyTime: true, run: checkFinishedExecutions},
	{Name: "I5 Stopped means stopped", run: checkStopped},
	{Name: "I5 a request reads Stopped when its execution has stopped", run: checkStoppedRequests},
	{Name: "I5 a stop that waits lets actions finish", AtAnyTime: true, run: checkWaits},
	{Name: "I6 work is left only on purpose, and marked", run: checkOrphans},
	{Name: "I6 nothing is left behind", run: checkRemains},
	{Name: "I7 what is not ours is left alone", run: checkWriters},
	{Name: "I7 no spec is changed", AtAnyTime: true, run: checkSpecs},
	{Name: "I8 everything converges", NeedsRest: true, run: checkConvergence},
	{Name: "I8 writes stop", NeedsRest: true, run: checkQuiet},
	{Name: "I9 everything is bounded", AtAnyTime: true, run: checkBounds},
	{Name: "I10 every write that decides is guarded", AtAnyTime: true, run: checkGuards},
	{Name: CheckFinishedDeleted, AtAnyTime: true, run: checkFinishedDeleted},
	{Name: "I10 no revision is deleted that an execution uses", run: checkRevisions},
	{Name: "I11 one execution is in a stage", run: checkStages},
}

// Result is what a check found.
type Result struct {
	Check      *Check
	Violations []Violation
	// Checked counts the cases that were looked at.
	Checked int
	// Unproven are executions that nobody can judge: the API server was killed during the write that would prove something.
	Unproven []types.UID
}

// Violation is a breach of an invariant.
type Violation struct {
	// Position is that of the change that broke it; behind the last change if it is about the end.
	Position uint64
	// Execution is the one that it is about, if any.
	Execution types.UID
	Text      string
}

// Run runs checks on an indexed history. A check that needs a part that the history does not have is left out.
func Run(h *History, checks []Check) []Result {
	var results []Result
	for i := range checks {
		if checks[i].NeedsRest && h.Rest == nil {
			continue
		}
		r := Result{Check: &checks[i]}
		checks[i].run(h, &r)
		results = append(results, r)
	}
	return results
}

func (r *Result) violate(position uint64, execution types.UID, format string, args ...any) {
	r.Violations = append(r.Violations, Violation{position, execution, fmt.Sprintf(format, args...)})
}

func (r *Result) addUnproven(execution types.UID) { r.Unproven = append(r.Unproven, execution) }

// violateUnlessLost adds a violation that follows from what is missing in the life of an object. If a write of that object is
// lost, it adds the execution as unproven.
func (r *Result) violateUnlessLost(h *History, l *Life, position uint64, execution types.UID, format string, args ...any) {
	if l != nil && !h.isWhole(l) {
		r.addUnproven(execution)
		return
	}
	r.violate(position, execution, format, args...)
}
