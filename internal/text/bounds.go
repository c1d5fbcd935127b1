// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

// Package text makes texts fit for the API: within its bounds, and safe to print in a terminal.
package text

import (
	"encoding/json"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// MaxMessageLength bounds, in characters, every message that the operator writes into a status.
	MaxMessageLength = 1024
	// MaxMessageSize bounds it, in bytes of JSON, as well. Only a message that is mostly of long characters, or of those that JSON escapes,
	// is longer, and a status has up to a hundred of them.
	MaxMessageSize = 1536
	// MaxReasonLength bounds, in characters, every reason of an action that the operator writes into a status.
	MaxReasonLength = 256
	// MaxReasonSize bounds it, in bytes of JSON, as well.
	MaxReasonSize = 512
	// MaxSummarySize bounds, in bytes of JSON, the summary of a decision in the status of an execution, which has up to 50 of them: 512
	// characters of three bytes fit.
	MaxSummarySize = 1536
	// MaxNoteLength bounds, in bytes, the note of an event: the API server refuses a longer one.
	MaxNoteLength = 1024
)

const ellipsis = "…"

const (
	lineSeparator      = '\u2028'
	paragraphSeparator = '\u2029'
)

// BoundMessage makes a message Printable, and cuts it to MaxMessageLength and MaxMessageSize, on a character.
func BoundMessage(message string) string {
	return boundSize(Bound(message, MaxMessageLength), MaxMessageSize)
}

// BoundReason makes the reason of an action Printable, and cuts it to MaxReasonLength and MaxReasonSize, on a character.
func BoundReason(reason string) string {
	return boundSize(Bound(reason, MaxReasonLength), MaxReasonSize)
}

// BoundSummary cuts the summary of a decision to MaxSummarySize, on a character.
func BoundSummary(summary string) string { return boundSize(summary, MaxSummarySize) }

// boundSize cuts s, on a character, so that JSON writes it in at most n bytes. The last character then is an ellipsis.
func boundSize(s string, n int) string {
	if len(s)*longestEscape <= n {
		return s
	}
	size, fits := 0, 0
	for i, r := range s {
		size += SizeInJSON(string(r))
		if size > n {
			return s[:fits] + ellipsis
		}
		if next := i + utf8.RuneLen(r); size <= n-len(ellipsis) {
			fits = next
		}
	}
	return s
}

// longestEscape is how many bytes JSON writes at most for a byte: \u003c.
const longestEscape = 6

// SizeInJSON returns how many bytes JSON writes for s, without the quotes around it. Characters that HTML gives a meaning to are escaped, as
// Kubernetes does.
func SizeInJSON(s string) int {
	raw, err := json.Marshal(s)
	if err != nil {
		return longestEscape * len(s)
	}
	return len(raw) - len(`""`)
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
