// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

// Package text makes texts fit for the API: within its bounds, and safe to print in a terminal.
package text

import (
	"strings"
	"unicode"
)

const (
	// MaxMessageLength bounds, in characters, every message that the operator writes into a status.
	MaxMessageLength = 1024
	// MaxReasonLength bounds, in characters, every reason of an action that the operator writes into a status.
	MaxReasonLength = 256
	// MaxNoteLength bounds, in bytes, the note of an event: the API server refuses a longer one.
	MaxNoteLength = 1024
)

const ellipsis = "…"

const (
	lineSeparator      = '\u2028'
	paragraphSeparator = '\u2029'
)

// BoundMessage makes a message Printable, and cuts it to MaxMessageLength, on a character.
func BoundMessage(message string) string {
	return Bound(message, MaxMessageLength)
}

// Printable returns s with a space for each control character, newlines included, and for each character that changes the
// direction of text or separates lines. Names of users and the words of webhooks can have them, and terminals obey them.
func Printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == lineSeparator || r == paragraphSeparator {
			return ' '
		}
		return r
	}, s)
}

// Bound makes s Printable, and cuts it to at most n characters, on a character. The last one then is an ellipsis. n is at
// least 1.
func Bound(s string, n int) string {
	s = Printable(s)
	if len(s) <= n {
		return s
	}
	runes := []rune(s)
	if len(runes) <= n {
		return s
	}
	return string(runes[:n-1]) + ellipsis
}

// BoundEnd cuts s to its last n characters at most, on a character. The first one then is an ellipsis. n is at least 1.
func BoundEnd(s string, n int) string {
	runes := []rune(s)
	if len(runes) <= n {
		return s
	}
	return ellipsis + string(runes[len(runes)-n+1:])
}

// BoundNote makes the note of an event Printable, and cuts it to MaxNoteLength, on a character.
func BoundNote(note string) string {
	note = Printable(note)
	if len(note) <= MaxNoteLength {
		return note
	}
	return strings.ToValidUTF8(note[:MaxNoteLength-len(ellipsis)], "") + ellipsis
}
