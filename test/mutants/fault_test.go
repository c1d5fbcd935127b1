// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"
)

func TestEveryFaultApplies(t *testing.T) {
	names := map[string]bool{}
	for _, fault := range allFaults() {
		if names[fault.Name] {
			t.Errorf("there are two faults %q", fault.Name)
		}
		names[fault.Name] = true
		if fault.Breaks == "" {
			t.Errorf("%s does not describe what it breaks", fault.Name)
		}
		if _, err := mutateSources("../..", fault); err != nil {
			t.Errorf("%s: %v", fault.Name, err)
		}
	}
}

func TestSelectFaults(t *testing.T) {
	faults, err := selectFaults([]string{"wait-abandons", "abandon-waits"})
	if err != nil || len(faults) != 2 || faults[0].Name != "wait-abandons" || faults[1].Name != "abandon-waits" {
		t.Errorf("got %v, %v", faults, err)
	}
	if _, err := selectFaults([]string{"no-such-fault"}); err == nil {
		t.Error("an unknown name is no error")
	}
}
