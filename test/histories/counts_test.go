// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package histories

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/histories/model"
)

// counts are how much was drawn.
type counts struct {
	histories, steps, writes int
	requests, executions     map[string]int
	results, waits, retries  map[string]int
	troubles, known          map[string]int
	states                   map[uint64]struct{}
}

func newCounts() *counts {
	return &counts{requests: map[string]int{}, executions: map[string]int{}, results: map[string]int{}, waits: map[string]int{}, retries: map[string]int{}, troubles: map[string]int{}, known: map[string]int{}, states: map[uint64]struct{}{}}
}

func (c *counts) String() string {
	return fmt.Sprintf("%d histories, %d steps, %d writes, %d distinct states\nexecutions: %s\nrequests: %s\napproval results: %s\nwaits: %s\nretries: %s\ntroubles: %s\nknown: %s",
		c.histories, c.steps, c.writes, len(c.states), describeCounts(c.executions), describeCounts(c.requests),
		describeCounts(c.results), describeCounts(c.waits), describeCounts(c.retries), describeCounts(c.troubles), describeCounts(c.known))
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
		c.addWaits(execution)
		c.addRetry(execution)
	}
	for _, result := range j.results {
		verdict := string(result.verdict)
		if verdict == "" {
			verdict = "deleted before it had a verdict"
		}
		c.results[verdict]++
	}
	for _, request := range j.requests {
		verdict := string(request.verdict)
		if verdict == "" {
			verdict = "deleted before it had a verdict"
		}
		c.requests[verdict]++
	}
}

// addRetry counts what became of a retry.
func (c *counts) addRetry(execution *executionRecord) {
	switch retry := &execution.retry; {
	case !execution.isRetry():
	case execution.hasTakenOver():
		c.retries["took over, and "+string(execution.state)]++
	case retry.refusal != "":
		c.retries[string(retry.refusal)]++
	default:
		c.retries["took over nothing, and "+string(execution.state)]++
	}
}

// addWaits counts what an execution waited for.
func (c *counts) addWaits(execution *executionRecord) {
	for _, a := range execution.approvals {
		c.waits["approvals: "+string(a.state)]++
	}
	if execution.waitsSince > 0 {
		c.waits["waited before a stage"]++
	}
	if execution.waitsSince > 0 && execution.state == model.Stopped && execution.Status.StartTime == nil {
		c.waits["stopped before they entered a stage"]++
	}
	if execution.Status.TimedOutTime != nil {
		c.waits["exceeded timeoutSeconds"]++
	}
	if execution.claimedAt > 0 {
		c.waits["had a workspace"]++
	}
	for k := range execution.definition.actions {
		switch a := findAction(&execution.Status, k); {
		case execution.withoutClaim[k], a.State == v1alpha1.ActionFailed && execution.definition.findOutputProblem(k) != "":
			c.waits["actions: "+a.Reason]++
		case len(a.Outputs) > 0:
			c.waits["actions that put something out"]++
		}
	}
	if len(execution.timedOut) > 0 {
		c.waits["with actions that exceeded a limit"]++
	}
}
