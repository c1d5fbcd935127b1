// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package chaos

import (
	"fmt"
	"slices"
	"testing"

	"k8s.io/apimachinery/pkg/types"
)

// findings are what a check found.
type findings struct {
	// violations of an invariant, each with the execution that it is about.
	violations []violation
	// checked is how many cases were looked at.
	checked int
	// unjudged are executions about which nobody can tell: the API server was killed in the middle of the write that would
	// prove it.
	unjudged []string
}

type violation struct {
	execution string
	text      string
}

func (f *findings) violate(execution, format string, args ...any) {
	f.violations = append(f.violations, violation{execution, fmt.Sprintf(format, args...)})
}

func (f *findings) unproven(execution string) { f.unjudged = append(f.unjudged, execution) }

// check looks through a whole history for violations of an invariant.
type check struct {
	name string
	run  func(*history, *findings)
	// always says that it holds at any time; else it asks for a history that has come to its end.
	always bool
}

var checks = []check{
	{"I1 one verdict, and it never changes", oneVerdict, false},
	{"I1 every verdict follows from what was", justifiedVerdicts, false},
	{"I2 at most a wait and then an abandon", acceptedStops, true},
	{"I3 nothing is created after Accepted", nothingStarts, true},
	{"I4 one Job for an action", oneJob, true},
	{"I5 final states are final", finalIsFinal, false},
	{"I5 Stopped when the work has ended", stoppedMeansStopped, false},
	{"I6 at rest nothing is left behind", nothingLeft, false},
	{"I7 what is another's is left alone", othersUntouched, false},
	{"I9 writes and sizes are bounded", bounded, true},
	{"I10 writes are guarded, and nothing is deleted", guardedWrites, true},
}

// checksOfDeleted are those that hold of a namespace that was deleted while executions ran and stopped.
func checksOfDeleted() []check {
	return slices.DeleteFunc(slices.Clone(checks), func(c check) bool { return !c.always })
}

// checkAll checks a history, and prints that of each execution with a violation.
func (p *phase) checkAll(t *testing.T, h *history, all []check) {
	t.Helper()
	shown, unjudged := map[string]bool{}, map[string]bool{}
	for _, c := range all {
		f := &findings{}
		c.run(h, f)
		results.add(p.name, sectionChecks, c.name, f.checked)
		results.add(p.name, sectionResult, rowViolations, len(f.violations))
		for _, v := range f.violations {
			t.Errorf("%s: %s", c.name, v.text)
			if len(shown) < 5 && !shown[v.execution] {
				shown[v.execution] = true
				t.Logf("the history of execution %s:\n%s", v.execution, h.print(v.execution))
			}
		}
		for _, id := range f.unjudged {
			unjudged[id] = true
		}
	}
	results.add(p.name, sectionResult, rowUnjudged, len(unjudged))
	if err := tooManyUnjudged(len(unjudged), len(executions(h))); err != nil {
		t.Error(err)
	}
}

// maxUnjudged is how many of a hundred executions may be without a judgement.
const maxUnjudged = 5

func tooManyUnjudged(unjudged, executions int) error {
	if unjudged*100 > maxUnjudged*executions {
		return fmt.Errorf("%d of %d executions could not be judged; that is more than %d %%", unjudged, executions, maxUnjudged)
	}
	return nil
}

// missing is what to make of evidence that the history does not have: a violation, unless the API server was killed in
// the middle of a write that might have been it.
func (f *findings) missing(h *history, l *life, execution, format string, args ...any) {
	if l != nil && !h.isWhole(l) {
		f.unproven(execution)
		return
	}
	f.violate(execution, format, args...)
}

// jobsOf returns the Jobs of an execution, and podsOf the pods of a Job.
func (h *history) jobsOf(execution string) []*life {
	var found []*life
	for _, l := range jobs(h) {
		if executionOf(l.first().object) == execution {
			found = append(found, l)
		}
	}
	return found
}

func (h *history) podsOf(job types.UID) []*life {
	var found []*life
	for _, l := range pods(h) {
		if l.first().object.GetLabels()["batch.kubernetes.io/controller-uid"] == string(job) {
			found = append(found, l)
		}
	}
	return found
}
