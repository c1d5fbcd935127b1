// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package intern

import (
	"fmt"
	"strings"
	"testing"
	"unsafe"
)

func TestEqualStringsShareTheirMemory(t *testing.T) {
	table := &Table{}
	first, second := table.Intern(strings.Clone("web")), table.Intern(strings.Clone("web"))
	if first != "web" || second != "web" {
		t.Errorf("%q and %q are returned", first, second)
	}
	if unsafe.StringData(first) != unsafe.StringData(second) {
		t.Error("two copies are kept")
	}
	if other := table.Intern("api"); other != "api" {
		t.Errorf("%q is returned for another string", other)
	}
}

func TestATableIsBounded(t *testing.T) {
	table := &Table{}
	for i := range 3 * maxStrings {
		if s := fmt.Sprint(i); table.Intern(s) != s {
			t.Fatalf("another string is returned for %s", s)
		}
		if len(table.strings) > maxStrings {
			t.Fatalf("it keeps %d strings", len(table.strings))
		}
	}
}

func TestALongStringIsNotRemembered(t *testing.T) {
	table := &Table{}
	for length, want := range map[int]int{maxLength: 1, maxLength + 1: 1} {
		s := strings.Repeat("a", length)
		if table.Intern(s) != s {
			t.Errorf("another string is returned for one of %d bytes", length)
		}
		if len(table.strings) > want {
			t.Errorf("%d strings are remembered", len(table.strings))
		}
	}
	if _, remembered := table.strings[strings.Repeat("a", maxLength)]; !remembered {
		t.Error("a name of the greatest length is not remembered")
	}
}
