// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"
)

// The program prints the columns and the ways of the page that describes its tables.
func TestTablesHaveTheColumnsOfThePage(t *testing.T) {
	page, err := os.ReadFile("../../docs/ending-jobs-measured.md")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(page), "\n")

	var printed bytes.Buffer
	opts := options{single: 1, atOnce: 1, rounds: 1}
	var single []round
	var atOnce [][]round
	for range allWays() {
		began := time.Now()
		ended := round{counted: 1, jobs: []*trackedJob{{
			beganAt: began, podGoneAt: began.Add(1), reportedAt: began.Add(1), confirmedAt: began.Add(1),
		}}}
		single, atOnce = append(single, ended), append(atOnce, []round{ended})
	}
	printOneByOneTable(&printed, opts, single)
	printAtOnceTable(&printed, opts, atOnce)
	printExperimentsTable(&printed, nil)
	printUndoingsTable(&printed, nil)

	headers := 0
	previous := ""
	for line := range strings.Lines(printed.String()) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(line, "| --- ") {
			headers++
			if !containsInOrder(lines, previous, line) {
				t.Errorf("no table of the page has the header %q", previous)
			}
		}
		previous = line
	}
	if headers != 4 {
		t.Errorf("there are %d tables, not 4", headers)
	}
	for _, way := range allWays() {
		if !strings.Contains(string(page), "\n| "+way.name+" | ") {
			t.Errorf("the page has no row for %q", way.name)
		}
	}
}

// containsInOrder reports whether one line comes right after the other.
func containsInOrder(lines []string, first, second string) bool {
	for i := range len(lines) - 1 {
		if lines[i] == first && lines[i+1] == second {
			return true
		}
	}
	return false
}
