// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package explorer

import (
	"fmt"
	"slices"
	"strings"

	"haltline.dev/haltline/test/invariants"
)

// Violation is a breach of an invariant, and the place in the history at which it happened.
type Violation struct {
	Invariant string
	// Check is the name of the check that found it.
	Check string
	// At is the index of the change in the history; the length of the history if the breach is about the end.
	At   int
	Text string
}

func (v Violation) String() string {
	return fmt.Sprintf("%s after change %d: %s", v.Invariant, v.At, v.Text)
}

// Names of the checks of what only the explorer can see.
const (
	checkComesToRest   = "I8 the cluster comes to rest"
	checkNobodyWrites  = "I8 at rest nobody writes"
	checkWritesChange  = "I8 every write changes something"
	checkWritesBounded = "I9 the writes of a run are bounded"
)

// ownChecks are all of them.
var ownChecks = []string{checkComesToRest, checkNobodyWrites, checkWritesChange, checkWritesBounded}

// allChecks are those of invariants.Checks and those of what only some histories have.
func allChecks() []invariants.Check {
	return slices.Concat(invariants.Checks, invariants.RetryChecks, invariants.WorkspaceChecks)
}

// Check returns the violations of a run, in the order of their places: those of the invariants that any history has to keep, and
// those of what only the explorer can see.
func Check(s *Sim) []Violation {
	r := newRecord(s)
	for _, result := range invariants.Run(r.History, allChecks()) {
		for _, v := range result.Violations {
			r.violate(result.Check.Name, min(int(v.Position)-1, len(r.Changes)), "%s", v.Text)
		}
	}
	if s.Stuck {
		r.violate(checkComesToRest, len(r.Changes), "the cluster did not come to rest")
	} else {
		r.findWritesAtRest()
	}
	r.findIdleWrites()
	r.countWrites()
	slices.SortStableFunc(r.found, func(a, b Violation) int { return a.At - b.At })
	return r.found
}

func (r *record) violate(check string, at int, format string, args ...any) {
	invariant, _, _ := strings.Cut(check, " ")
	r.found = append(r.found, Violation{invariant, check, at, fmt.Sprintf(format, args...)})
}
