// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package model

import "testing"

func TestOutputsAreReadAsThePageSays(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		sentence, written, value string
		problem                  Answer
	}{
		{"writes a line NAME=value for each output", "TAG=v1.2", "v1.2", ""},
		{"The first = ends the name. A value may have more of them,", "TAG=a=b", "a=b", ""},
		{"and may be empty.", "TAG=", "", ""},
		{"Lines whose name is not declared are left out.", "OTHER=1\nTAG=2\nLAST=3", "2", ""},
		{"If a name is there twice, the later line counts.", "TAG=1\nTAG=2", "2", ""},
		{"The line has no =", "TAG", "", OutputInvalid},
		{"No line begins with the name and =.", "TAGS=1", "", OutputMissing},
		{"No line begins with the name and =.", "nothing", "", OutputMissing},
	} {
		if value, problem := ReadOutput("TAG", test.written); value != test.value || problem != test.problem {
			t.Errorf("%q: %q is read as %q, %q", test.sentence, test.written, value, problem)
		}
	}
}
