// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import "strings"

// MaxMessageLength bounds, in characters, every message that the operator writes into a status.
const MaxMessageLength = 1024

// BoundMessage cuts a message to MaxMessageLength, on a character.
func BoundMessage(message string) string {
	return Bound(message, MaxMessageLength)
}

// Bound cuts s to at most n characters, on a character. The last one says that there was more. n is at least 1.
func Bound(s string, n int) string {
	if len(s) <= n {
		return s
	}
	runes := []rune(s)
	if len(runes) <= n {
		return s
	}
	return string(runes[:n-1]) + "…"
}

// MaxNoteLength bounds, in bytes, the note of an event.
const MaxNoteLength = 1024

// BoundNote cuts the note of an event to MaxNoteLength, on a character.
func BoundNote(note string) string {
	if len(note) <= MaxNoteLength {
		return note
	}
	const more = "…"
	return strings.ToValidUTF8(note[:MaxNoteLength-len(more)], "") + more
}
