// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package text

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestBound(t *testing.T) {
	tests := []struct {
		name, text string
		bound      int
		want       string
	}{
		{"nothing", "", 5, ""},
		{"shorter", "abcd", 5, "abcd"},
		{"as long", "abcde", 5, "abcde"},
		{"longer", "abcdef", 5, "abcd…"},
		{"as long in characters of several bytes", "停停停", 3, "停停停"},
		{"longer in characters of several bytes", "停停停停", 3, "停停…"},
		{"an emoji is one character", "🛑🛑🛑", 2, "🛑…"},
		{"the least bound", "ab", 1, "…"},
		{"one character fits the least bound", "é", 1, "é"},
		{"bytes that are no text become characters of one", "\xff\xff\xff", 2, "\uFFFD…"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := Bound(tt.text, tt.bound); got != tt.want {
				t.Errorf("Bound(%q, %d) is %q, want %q", tt.text, tt.bound, got, tt.want)
			}
		})
	}
}

// The schema bounds a message in characters, whatever bytes they have.
func TestBoundMessage(t *testing.T) {
	for _, character := range []string{"x", "."} {
		for length, isCut := range map[int]bool{1: false, 1023: false, 1024: false, 1025: true, 5000: true} {
			t.Run(fmt.Sprintf("%d of %s", length, character), func(t *testing.T) {
				full := strings.Repeat(character, length)
				got := BoundMessage(full)
				if !isCut {
					if got != full {
						t.Errorf("it was cut to %d characters", utf8.RuneCountInString(got))
					}
					return
				}
				if want := strings.Repeat(character, MaxMessageLength-1) + "…"; got != want {
					t.Errorf("got %d characters, valid: %v, that end in %q", utf8.RuneCountInString(got), utf8.ValidString(got), got[len(got)-4:])
				}
			})
		}
	}
}

// A status has up to a hundred messages and has to fit into etcd, so they are bounded in bytes of JSON as well.
func TestMessagesAndReasonsAreBoundedInJSON(t *testing.T) {
	for name, bound := range map[string]struct {
		cut  func(string) string
		size int
	}{"message": {BoundMessage, MaxMessageSize}, "reason": {BoundReason, MaxReasonSize}} {
		for _, character := range []string{"<", "&", "停", "🛑", `"`, "é"} {
			for length := range 1100 {
				full := strings.Repeat(character, length)
				got, size := bound.cut(full), SizeInJSON(full)
				switch beginning, isCut := strings.CutSuffix(got, "…"); {
				case isCut && (!strings.HasPrefix(full, beginning) || !utf8.ValidString(got)):
					t.Fatalf("%s of %d %s is %q", name, length, character, got)
				case SizeInJSON(got) > bound.size:
					t.Fatalf("%s of %d %s has %d bytes in JSON", name, length, character, SizeInJSON(got))
				case isCut && SizeInJSON(got) < bound.size-longestEscape-len("…") && utf8.RuneCountInString(got) < MaxReasonLength:
					t.Fatalf("%s of %d %s was cut to %d bytes in JSON", name, length, character, SizeInJSON(got))
				case isCut && size <= bound.size && length <= MaxReasonLength, !isCut && got != full:
					t.Fatalf("%s of %d %s, which fits, is %q", name, length, character, got)
				}
			}
		}
	}
}

// The API server bounds a note in bytes, though it reports characters ("can have at most 1024 characters",
// legacyValidateEvent in k8s.io/kubernetes/pkg/apis/core/validation/events.go). A character is never cut.
func TestBoundNote(t *testing.T) {
	for name, full := range map[string]string{
		"letters":              strings.Repeat("x", 5000),
		"just too long":        strings.Repeat("x", 1025),
		"two bytes each":       strings.Repeat("é", 700),
		"three bytes each":     strings.Repeat("停", 2000),
		"four bytes each":      strings.Repeat("🛑", 2000),
		"an offset of a byte":  "x" + strings.Repeat("🛑", 2000),
		"an offset of two":     "xx" + strings.Repeat("🛑", 2000),
		"an offset of three":   "xxx" + strings.Repeat("🛑", 2000),
		"a character at bound": strings.Repeat("x", 1020) + "停停停",
	} {
		t.Run(name, func(t *testing.T) {
			got := BoundNote(full)
			beginning, isCut := strings.CutSuffix(got, "…")
			if !isCut || !strings.HasPrefix(full, beginning) {
				t.Errorf("%q is not a beginning of the text with an ellipsis", got)
			}
			if len(got) > MaxNoteLength || !utf8.ValidString(got) {
				t.Errorf("%d bytes, valid: %v", len(got), utf8.ValidString(got))
			}
			// Nothing that would have fitted is left out.
			if next, size := utf8.DecodeRuneInString(full[len(beginning):]); len(got)+size <= MaxNoteLength {
				t.Errorf("%d bytes, and %q of %d would have fitted", len(got), next, size)
			}
		})
	}
	for _, short := range []string{"", "short", strings.Repeat("x", 1024), strings.Repeat("é", 512)} {
		if got := BoundNote(short); got != short {
			t.Errorf("a note of %d bytes was cut to %d", len(short), len(got))
		}
	}
}
