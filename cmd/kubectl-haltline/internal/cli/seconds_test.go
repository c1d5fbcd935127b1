// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import "testing"

func TestSeconds(t *testing.T) {
	tests := map[string]struct {
		want  int64
		valid bool
	}{
		"0":     {0, true},
		"90":    {90, true},
		"90s":   {90, true},
		"10m":   {600, true},
		"1h30m": {5400, true},
		"1.5m":  {90, true},
		"1.5s":  {},
		"500ms": {},
		"-1":    {},
		"-1s":   {},
		"soon":  {},
		"":      {},
	}
	for text, test := range tests {
		t.Run(text, func(t *testing.T) {
			var s Seconds
			err := s.Set(text)
			if (err == nil) != test.valid {
				t.Fatalf("error: %v", err)
			}
			if test.valid && *s.Value != test.want {
				t.Errorf("got %d, want %d", *s.Value, test.want)
			}
			if !test.valid && s.Value != nil {
				t.Errorf("it was set to %d all the same", *s.Value)
			}
		})
	}
}
