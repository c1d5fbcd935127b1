// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

// Package text cuts texts to the bounds of the API.
package text

import "strings"

const (
	// MaxMessageLength bounds, in characters, every message that the operator writes into a status.
	MaxMessageLength = 1024
	// MaxReasonLength bounds, in characters, every reason of an action that the operator writes into a status.
	MaxReasonLength = 256
	// MaxNoteLength bounds, in bytes, the note of an event: the API server refuses a longer one.
	MaxNoteLength = 1024
)

const ellipsis = "…"

// BoundMessage cuts a message to MaxMessageLength, on a character.
func BoundMessage(message string) string {
	return Bound(message, MaxMessageLength)
}

// Bound cuts s to at most n characters, on a character. The last one then is an ellipsis. n is at least 1.
func Bound(s string, n int) string {
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

// BoundNote cuts the note of an event to MaxNoteLength, on a character.
func BoundNote(note string) string {
	if len(note) <= MaxNoteLength {
		return note
	}
	return strings.ToValidUTF8(note[:MaxNoteLength-len(ellipsis)], "") + ellipsis
}
