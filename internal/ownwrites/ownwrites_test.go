// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package ownwrites

import (
	"strconv"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

func TestIsAhead(t *testing.T) {
	began := time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		name  string
		notes []int64
		shown int64
		after time.Duration
		want  bool
	}{
		{"nothing was written", nil, 0, 0, false},
		{"the cache does not show the object", []int64{1}, 0, 0, true},
		{"the cache shows what was before", []int64{3}, 2, time.Second, true},
		{"the cache shows what was written", []int64{3}, 3, 0, false},
		{"somebody else has written since", []int64{3}, 4, 0, false},
		{"the cache shows the first of two writes", []int64{3, 4}, 3, 0, true},
		{"what the cache shows is no lag any more", []int64{3}, 2, maxLag, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := &Writes{}
			for _, version := range tt.notes {
				w.Note("a", version, began)
			}
			now := began.Add(tt.after)
			for range 2 { // To ask changes nothing.
				if got := w.IsAhead("a", tt.shown, now); got != tt.want {
					t.Errorf("IsAhead is %v", got)
				}
			}
			if w.IsAhead("b", 0, now) {
				t.Error("another object was written")
			}
		})
	}
}

// What is not needed any more is forgotten, also if nobody asks for it.
func TestWritesAreForgotten(t *testing.T) {
	now := time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)
	w := &Writes{}
	w.Note("shown", 1, now)
	w.Note("late", 1, now)
	w.IsAhead("shown", 1, now)
	w.IsAhead("late", 0, now.Add(maxLag))
	w.Note("gone", 1, now)
	w.Forget("gone")
	if len(w.written) > 0 {
		t.Errorf("%d writes are remembered", len(w.written))
	}
	for i := range 100 * minFull {
		w.Note(types.UID(strconv.Itoa(i)), 1, now.Add(time.Duration(i)*maxLag/minFull))
	}
	if len(w.written) > 5*minFull {
		t.Errorf("%d writes are remembered, of which %d are younger than %s", len(w.written), minFull, maxLag)
	}
}
