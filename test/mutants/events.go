// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// testEvent is a line that go test -json writes ("go doc test2json").
type testEvent struct {
	Action string
	Test   string
	Output string
	// FailedBuild names the package that did not compile.
	FailedBuild string
}

func parseEvents(output []byte) ([]testEvent, error) {
	var events []testEvent
	for line := range bytes.Lines(output) {
		var event testEvent
		if err := json.Unmarshal(line, &event); err != nil {
			return nil, fmt.Errorf("go test wrote %q: %w", line, err)
		}
		events = append(events, event)
	}
	return events, nil
}

// findFailedTest returns the first test that failed, the innermost one. When the process ended before any test failed, it is the
// test that ran last. It returns an empty string when the tests did not run.
func findFailedTest(events []testEvent) string {
	var running []string
	for _, event := range events {
		switch {
		case event.FailedBuild != "":
			return ""
		case event.Test == "":
			continue
		case event.Action == "run":
			running = append(running, event.Test)
		case event.Action == "fail":
			return event.Test
		case event.Action == "pass", event.Action == "skip":
			running = slices.DeleteFunc(running, func(test string) bool { return test == event.Test })
		}
	}
	if len(running) == 0 {
		return ""
	}
	return running[len(running)-1] + ", which does not end"
}

func joinOutput(events []testEvent) string {
	var text strings.Builder
	for _, event := range events {
		text.WriteString(event.Output)
	}
	return text.String()
}
