// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

// Package intern lets equal strings that are kept for long share their memory.
package intern

import "sync"

// What a Table remembers at most, since users choose the strings: how many, and of how many bytes. Names of Kubernetes are not longer.
const (
	maxStrings = 10_000
	maxLength  = 253
)

// Table remembers strings. The zero value is an empty one. It is safe for concurrent use.
type Table struct {
	lock    sync.Mutex
	strings map[string]string
}

// Intern returns a string that equals s, and is the same one for each call with an equal s, unless that is longer than maxLength. A table that is full forgets all and
// begins again: strings that were returned before stay as they are.
func (t *Table) Intern(s string) string {
	if len(s) > maxLength {
		return s
	}
	t.lock.Lock()
	defer t.lock.Unlock()
	if known, ok := t.strings[s]; ok {
		return known
	}
	if t.strings == nil || len(t.strings) >= maxStrings {
		t.strings = map[string]string{}
	}
	t.strings[s] = s
	return s
}
