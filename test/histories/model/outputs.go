// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package model

import "strings"

// The reasons for which an action fails although what it ran succeeded.
const (
	OutputMissing Answer = "OutputMissing"
	OutputInvalid Answer = "OutputInvalid"
)

// ReadOutput returns the value of an output that a container wrote, or why there is none. Of several lines that have the name, the last counts.
func ReadOutput(name, written string) (value string, problem Answer) {
	problem = OutputMissing
	for line := range strings.SplitSeq(written, "\n") {
		switch before, after, hasValue := strings.Cut(line, "="); {
		case before != name:
		case hasValue:
			value, problem = after, ""
		default:
			value, problem = "", OutputInvalid
		}
	}
	return value, problem
}
