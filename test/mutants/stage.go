// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"
	"strings"
)

// stage is a group of tests that may find a fault.
type stage struct {
	name string
	// list returns the arguments of the go test commands of the stage, given the tested packages in their order.
	list func(packages []string) [][]string
}

// allStages returns the stages, the fastest first.
func allStages() []stage {
	return []stage{
		{"fast", listFastTests},
		{"sample", func([]string) [][]string { return [][]string{explore("-sample", "20")} }},
		{"histories", func([]string) [][]string {
			return [][]string{{"-timeout", "20m", "-run", "TestHistories", "./test/histories"}}
		}},
		{"explorer", func([]string) [][]string { return [][]string{explore("-most", "0")} }},
	}
}

// listFastTests returns a command for each package: the tests beside the code. A fault may make a test hang.
func listFastTests(packages []string) [][]string {
	var commands [][]string
	for _, p := range packages {
		commands = append(commands, []string{"-timeout", "3m", "-run", "^Test", p})
	}
	return commands
}

// explore returns the arguments of a go test command that runs the explorer.
func explore(arguments ...string) []string {
	return append([]string{"-timeout", "20m", "-run", "TestScenarios|TestSingles|TestStopsAreAcceptedFirst|TestRequests", "./test/explorer"}, arguments...)
}

func stageNames() []string {
	var names []string
	for _, s := range allStages() {
		names = append(names, s.name)
	}
	return names
}

// selectStages returns the stage of the name, or all without a name.
func selectStages(only string) ([]stage, error) {
	stages := allStages()
	if only == "" {
		return stages, nil
	}
	i := slices.IndexFunc(stages, func(s stage) bool { return s.name == only })
	if i < 0 {
		return nil, fmt.Errorf("there is no stage %q, only %s", only, strings.Join(stageNames(), ", "))
	}
	return stages[i : i+1], nil
}
