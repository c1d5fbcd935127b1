// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"charm.land/lipgloss/v2"

	"haltline.dev/haltline/cmd/kubectl-haltline/internal/view"
)

// StyleOf returns the style of a tone.
func StyleOf(tone view.Tone) lipgloss.Style {
	switch tone {
	case view.ToneGood:
		return Good
	case view.ToneBad:
		return Bad
	case view.ToneBusy:
		return Busy
	case view.ToneWarn:
		return Halted
	default:
		return Faint
	}
}

// Mark returns the symbol and the word of a mark, with the color of its tone.
func Mark(m view.Mark) string { return StyleOf(m.Tone).Render(m.String()) }

// MarkSymbol returns the symbol of a mark, with the color of its tone.
func MarkSymbol(m view.Mark) string { return StyleOf(m.Tone).Render(m.Symbol) }

// MarkWord returns the word of a mark, with the color of its tone.
func MarkWord(m view.Mark) string { return StyleOf(m.Tone).Render(m.Word) }
