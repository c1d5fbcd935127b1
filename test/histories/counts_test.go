// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package histories

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// counts are how much was drawn.
type counts struct {
	histories, steps, writes int
	requests, executions     map[string]int
	troubles, known          map[string]int
	states                   map[uint64]struct{}
}

func newCounts() *counts {
	return &counts{requests: map[string]int{}, executions: map[string]int{}, troubles: map[string]int{}, known: map[string]int{}, states: map[uint64]struct{}{}}
}

func (c *counts) String() string {
	return fmt.Sprintf("%d histories, %d steps, %d writes, %d distinct states\nexecutions: %s\nrequests: %s\ntroubles: %s\nknown: %s",
		c.histories, c.steps, c.writes, len(c.states), describeCounts(c.executions), describeCounts(c.requests), describeCounts(c.troubles), describeCounts(c.known))
}

// describeCounts lists numbers with their words.
func describeCounts(of map[string]int) string {
	var words []string
	for _, name := range slices.Sorted(maps.Keys(of)) {
		words = append(words, fmt.Sprintf("%d %s", of[name], name))
	}
	return strings.Join(words, ", ")
}

// addHistory counts the executions of a history by their states, and its requests by their verdicts.
func (c *counts) addHistory(j *judge) {
	for what, n := range j.known {
		c.known[what] += n
	}
	for _, execution := range j.executions {
		c.executions[string(execution.state)]++
	}
	for _, request := range j.requests {
		verdict := string(request.verdict)
		if verdict == "" {
			verdict = "deleted before it had a verdict"
		}
		c.requests[verdict]++
	}
}
