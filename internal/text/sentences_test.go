// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package text

import "testing"

func TestJoinSentences(t *testing.T) {
	for _, tt := range []struct{ first, second, want string }{
		{"", "", ""},
		{"One", "", "One"},
		{"", "Two.", "Two."},
		{"One", "Two.", "One. Two."},
		{"One.", "Two.", "One. Two."},
		{"Why? ", " Because", "Why? Because"},
		{"停", "Two", "停. Two"},
	} {
		if got := JoinSentences(tt.first, tt.second); got != tt.want {
			t.Errorf("%q and %q give %q, want %q", tt.first, tt.second, got, tt.want)
		}
	}
}
