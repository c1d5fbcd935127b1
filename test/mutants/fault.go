// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"
)

// Fault is a mistake that a test has to find.
type Fault struct {
	// Name describes in a few words what is wrong.
	Name string
	// Breaks describes how the fault breaks which invariant, or which sentence of the contract or of a page in docs.
	Breaks string
	// Edits make the mistake. They are all found in the sources as they are, before any of them is made.
	Edits []Edit
}

// Edit replaces a piece of one declaration.
type Edit struct {
	// Package is a folder of the module, such as "controllers/stop".
	Package string
	// Func is the name of the declaration: a function, a method such as "Runner.start", or a variable, constant or type.
	Func string
	// Find is the source of what is replaced. It has to be found exactly once in the declaration.
	Find string
	// Replace is what takes its place; empty deletes it.
	Replace string
}

// allFaults returns every seeded fault.
func allFaults() []Fault {
	return slices.Concat(
		stopFaults, approveFaults, planFaults, outputFaults, workspaceFaults, actionFaults, controllerFaults, gateFaults, retryFaults, reportFaults, requesterFaults,
	)
}

// selectFaults returns the faults of the names in their order, or all faults without names. An unknown name is an error.
func selectFaults(names []string) ([]Fault, error) {
	faults := allFaults()
	if len(names) == 0 {
		return faults, nil
	}
	var selected []Fault
	for _, name := range names {
		i := slices.IndexFunc(faults, func(f Fault) bool { return f.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("there is no fault %q", name)
		}
		selected = append(selected, faults[i])
	}
	return selected, nil
}
