// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package chaos

import (
	"fmt"
	"testing"

	"k8s.io/apimachinery/pkg/types"
)

// findings are what a check found.
type findings struct {
	// violations of an invariant, each with the execution that it is about.
	violations []violation
	// checked is how many cases were looked at; unproven are those of them in which the API server was killed in the middle
	// of the write that would prove it.
	checked, unproven int
}

type violation struct {
	execution string
	text      string
}

func (f *findings) violate(execution, format string, args ...any) {
	f.violations = append(f.violations, violation{execution, fmt.Sprintf(format, args...)})
}

// check looks through a whole history for violations of an invariant.
type check struct {
	name string
	run  func(*history, *findings)
}

var checks = []check{
	{"I1 one verdict, and it never changes", oneVerdict},
	{"I1 every verdict follows from what was", justifiedVerdicts},
	{"I2 at most a wait and then an abandon", acceptedStops},
	{"I3 nothing is created after Accepted", nothingStarts},
	{"I4 one Job for an action", oneJob},
	{"I5 final states are final", finalIsFinal},
	{"I5 Stopped when the work has ended", stoppedMeansStopped},
	{"I6 at rest nothing is left behind", nothingLeft},
	{"I7 what is another's is left alone", othersUntouched},
	{"I9 writes and sizes are bounded", bounded},
	{"I10 writes are guarded, and nothing is deleted", guardedWrites},
}

// checkAll checks a history, and prints that of each execution with a violation.
func checkAll(t *testing.T, h *history) {
	t.Helper()
	shown := map[string]bool{}
	for _, c := range checks {
		f := &findings{}
		c.run(h, f)
		t.Logf("%-48s checked %4d, violations %d%s", c.name, f.checked, len(f.violations), unproven(f))
		for _, v := range f.violations {
			t.Errorf("%s: %s", c.name, v.text)
			if len(shown) < 5 && !shown[v.execution] {
				shown[v.execution] = true
				t.Logf("the history of execution %s:\n%s", v.execution, h.print(v.execution))
			}
		}
	}
}

func unproven(f *findings) string {
	if f.unproven == 0 {
		return ""
	}
	return fmt.Sprintf(", unproven %d", f.unproven)
}

// missing is what to make of evidence that the history does not have: a violation, unless the API server was killed in
// the middle of a write that might have been it.
func (f *findings) missing(h *history, l *life, execution, format string, args ...any) {
	if l != nil && !h.isWhole(l) {
		f.unproven++
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
