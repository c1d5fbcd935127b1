// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package explorer

import (
	"fmt"
	"slices"
	"strings"

	"haltline.dev/haltline/test/invariants"
	"haltline.dev/haltline/test/simcluster"
)

// Name names the run as -replay takes it.
func (s *Sim) Name() string {
	parts := []string{s.Scenario.Name}
	for _, injection := range s.Injections {
		parts = append(parts, injection.String())
	}
	return strings.Join(parts, ",")
}

// Trace describes the run up to the last violation, for a person to read.
func (s *Sim) Trace(found []Violation) string {
	b := &strings.Builder{}
	fmt.Fprintf(b, "%s\n", s.Name())
	for _, v := range found {
		fmt.Fprintf(b, "  VIOLATED %s\n", v)
	}
	calls := slices.Clone(s.Op.Calls)
	for _, o := range s.Others {
		calls = append(calls, o.Calls...)
	}
	slices.SortStableFunc(calls, func(a, b *simcluster.Call) int { return a.Before - b.Before })
	next, end := 0, s.findEnd(found)
	for i := 0; i <= end; i++ {
		var lines []string
		for ; next < len(calls) && calls[next].Before <= i; next++ {
			if line := describeCall(calls[next]); line != "" {
				lines = append(lines, line)
			}
		}
		writeFew(b, lines)
		s.writeMarks(b, i, found)
		if i < len(s.Store.History) {
			fmt.Fprintln(b, DescribeChange(&s.Store.History[i]))
		}
	}
	if end < len(s.Store.History) {
		fmt.Fprintf(b, "... %d more changes\n", len(s.Store.History)-end-1)
	} else {
		fmt.Fprintf(b, "What is left:\n%s", s.describeRemains())
	}
	fmt.Fprintf(b, "Replay: go test ./test/explorer -run TestReplay -v -replay='%s'\n", s.Name())
	return b.String()
}

// findEnd returns the index at which a trace ends: that of the last violation, or the end if there is none.
func (s *Sim) findEnd(found []Violation) int {
	if len(found) == 0 {
		return len(s.Store.History)
	}
	end := 0
	for _, v := range found {
		end = max(end, v.At)
	}
	return end
}

// writeFew writes the first and the last of the lines for the calls between two changes. An operator that repeats its calls repeats
// the lines.
func writeFew(b *strings.Builder, lines []string) {
	const edge = 6
	for n, line := range lines {
		switch {
		case n < edge || n >= len(lines)-edge:
			fmt.Fprintln(b, line)
		case n == edge:
			fmt.Fprintf(b, "  ... %d more calls that changed nothing\n", len(lines)-2*edge)
		}
	}
}

// writeMarks writes what happened right before a change: an injection, the restart, a violation.
func (s *Sim) writeMarks(b *strings.Builder, i int, found []Violation) {
	for n, at := range s.injectedAt {
		if at == i && n < len(s.Injections) {
			fmt.Fprintf(b, ">>>>>> injected about here: %s\n", s.Injections[n])
		}
	}
	if i == s.Settled && i > 0 {
		fmt.Fprintln(b, "------ at rest; the operator is restarted")
	}
	for _, v := range found {
		if v.At == i {
			fmt.Fprintf(b, "!!!!!! %s: %s (the next change)\n", v.Invariant, v.Text)
		}
	}
}

// describeCall returns a line for a live call, or nothing for one that a cache answered.
func describeCall(c *simcluster.Call) string {
	if c.Cached {
		return ""
	}
	result := "ok"
	if c.Err != nil {
		result = c.Err.Error()
	}
	return fmt.Sprintf("  %s call %d (%s %d) %s: %s", c.By, c.Number, c.Reconciliation.Controller, c.Reconciliation.Number, c, result)
}

// DescribeChange returns a line for a change.
func DescribeChange(c *simcluster.Change) string {
	i := c.Seq - 1
	switch {
	case c.New == nil:
		return fmt.Sprintf("%6d %-16s removes %s %s", i, c.By, c.Kind, c.Key.Name)
	case c.Old == nil:
		return fmt.Sprintf("%6d %-16s creates %s %s %s", i, c.By, c.Kind, c.Key.Name, invariants.Describe(c.New))
	default:
		return fmt.Sprintf("%6d %-16s writes  %s %s %s", i, c.By, c.Kind, c.Key.Name, invariants.Describe(c.New))
	}
}

// describeRemains returns a line for each object that is there at the end.
func (s *Sim) describeRemains() string {
	b := &strings.Builder{}
	for _, k := range simcluster.Kinds {
		for _, o := range s.Store.All(k) {
			fmt.Fprintf(b, "  %s %s %s\n", k, o.GetName(), invariants.Describe(o))
		}
	}
	return b.String()
}
