// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package chaos

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"haltline.dev/haltline/test/invariants"
	"haltline.dev/haltline/test/simcluster"
)

// printedLine is a line of a printed history. What failed has no position.
type printedLine struct {
	position uint64
	at       time.Time
	text     string
}

// format returns everything that happened about an execution: what was stored in the order of the API server, and what failed
// in between by its time.
func (h *history) format(execution types.UID) string {
	var lines []printedLine
	for _, kind := range simcluster.Kinds {
		for _, l := range h.Lives(kind) {
			if invariants.ExecutionOf(l.First().New) == execution {
				lines = append(lines, describeLife(l)...)
			}
		}
	}
	for _, e := range append(slices.Clone(h.entries), h.unanswered...) {
		if storedObject(e) == nil && e.ObjectRef.Resource != "events" && h.findExecution(e) == execution {
			lines = append(lines, printedLine{0, e.StageTimestamp, "-         " + describeRequest(e)})
		}
	}
	var b strings.Builder
	for _, l := range mergeLines(lines) {
		fmt.Fprintf(&b, "  %s %s\n", l.at.UTC().Format("15:04:05.000"), l.text)
	}
	return b.String()
}

func describeLife(l *invariants.Life) []printedLine {
	var lines []printedLine
	for _, c := range l.Versions {
		text := fmt.Sprintf("%-9d %s: %s %s %s: %s", c.Position, c.By, c.Verb, c.Kind, c.Key.Name, invariants.Describe(c.New))
		lines = append(lines, printedLine{c.Position, c.Time, text})
	}
	if c := l.Removal; c != nil {
		lines = append(lines, printedLine{c.Position, time.Time{}, fmt.Sprintf("%-9d %s %s is gone", c.Position, c.Kind, c.Key.Name)})
	}
	return lines
}

// mergeLines sorts what was stored by its position, and puts what failed in between by its time.
func mergeLines(lines []printedLine) []printedLine {
	slices.SortStableFunc(lines, func(a, b printedLine) int {
		return cmp.Or(cmp.Compare(a.position, b.position), a.at.Compare(b.at))
	})
	stored := slices.IndexFunc(lines, func(l printedLine) bool { return l.position != 0 })
	if stored < 0 {
		return lines
	}
	failed, merged := lines[:stored], []printedLine{}
	for _, l := range lines[stored:] {
		for len(failed) > 0 && failed[0].at.Before(l.at) {
			merged, failed = append(merged, failed[0]), failed[1:]
		}
		merged = append(merged, l)
	}
	return append(merged, failed...)
}

// describeRequest returns a line for a request.
func describeRequest(e *entry) string {
	outcome := fmt.Sprintf("→ %d", e.ResponseStatus.Code)
	if e.Stage == "RequestReceived" {
		outcome = "→ the API server was killed"
	}
	if e.isDryRun() {
		outcome += " (dry run)"
	}
	return fmt.Sprintf("%s: %s %s %s/%s %s", e.agent(), e.Verb, e.resource(), e.ObjectRef.Namespace, e.ObjectRef.Name, outcome)
}
