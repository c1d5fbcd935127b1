// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package text

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestPrintable(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"nothing", "", ""},
		{"plain text", `user bob lacks the verb "stop"`, `user bob lacks the verb "stop"`},
		{"letters of other scripts", "停 é ע ب 🛑", "停 é ע ب 🛑"},
		{"an emoji of several characters", "👩\u200d🚒", "👩\u200d🚒"},
		{"a color", "\x1b[31mred\x1b[0m", " [31mred [0m"},
		{"the title of a terminal", "\x1b]0;owned\a", " ]0;owned "},
		{"lines", "one\ntwo\r\nthree", "one two  three"},
		{"a tab, a backspace and a delete", "a\tb\bc\x7fd", "a b c d"},
		{"the zero character", "a\x00b", "a b"},
		{"an escape sequence of one character", "a\u009b31mb", "a 31mb"},
		{"a next line", "a\u0085b", "a b"},
		{"separators of lines and paragraphs", "a\u2028b\u2029c", "a b c"},
		{"another direction", "a\u202eb\u202cc\u2066d\u2069e\u200ff\u061cg", "a b c d e f g"},
		{"bytes that are no text", "a\xffb", "a\uFFFDb"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for function, got := range map[string]string{
				"Printable": Printable(tt.text), "BoundMessage": BoundMessage(tt.text), "BoundNote": BoundNote(tt.text), "Bound": Bound(tt.text, 100),
			} {
				if got != tt.want {
					t.Errorf("%s(%q) is %q, want %q", function, tt.text, got, tt.want)
				}
			}
		})
	}
}

// Whatever a user or a webhook writes, a terminal that prints it does nothing but print, and the bounds hold.
func FuzzBound(f *testing.F) {
	for _, seed := range []string{"", "plain", "\x1b[2J", "a\nb", "\u202e\u009b\xff", strings.Repeat("\u0085", 2000), strings.Repeat("🛑\n", 600)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		message, note := BoundMessage(s), BoundNote(s)
		for _, got := range []string{message, note} {
			if !utf8.ValidString(got) || strings.ContainsFunc(got, func(r rune) bool {
				return unicode.In(r, unicode.Cc, unicode.Zl, unicode.Zp, unicode.Bidi_Control)
			}) {
				t.Errorf("%q becomes %q", s, got)
			}
		}
		if n := utf8.RuneCountInString(message); n > MaxMessageLength || n > utf8.RuneCountInString(s) {
			t.Errorf("a message of %d characters", n)
		}
		if len(note) > MaxNoteLength {
			t.Errorf("a note of %d bytes", len(note))
		}
		if BoundMessage(message) != message || BoundNote(note) != note {
			t.Error("what is bounded is changed by bounding it again")
		}
	})
}
