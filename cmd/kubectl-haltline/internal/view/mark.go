// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package view

import (
	"haltline.dev/haltline/api/v1alpha1"
)

// Tone is how well something goes. A color shows it, and never alone.
type Tone int

// The tones.
const (
	// ToneFaint is what has not begun, or what nobody needs to look at.
	ToneFaint Tone = iota
	// ToneBusy is what goes on.
	ToneBusy
	// ToneGood is what ended well.
	ToneGood
	// ToneWarn is what waits for somebody, or was stopped.
	ToneWarn
	// ToneBad is what failed.
	ToneBad
)

// Mark is how a state is shown: a symbol of one column, a word, and a tone.
type Mark struct {
	Symbol, Word string
	Tone         Tone
}

// String returns the symbol and the word.
func (m Mark) String() string { return m.Symbol + " " + m.Word }

// StatePending is the word for an execution that no operator has looked at. It is no state of the API.
const StatePending = "Pending"

// MarkExecution returns how the state of an execution is shown.
func MarkExecution(execution *v1alpha1.PipelineExecution) Mark {
	if !IsSeen(execution) {
		return Mark{"○", StatePending, ToneFaint}
	}
	state := execution.Status.State
	word := string(state)
	switch state {
	case v1alpha1.ExecutionSucceeded:
		return Mark{"✓", word, ToneGood}
	case v1alpha1.ExecutionFailed:
		return Mark{"✗", word, ToneBad}
	case v1alpha1.ExecutionStopped:
		return Mark{"■", word, ToneWarn}
	case v1alpha1.ExecutionSuperseded:
		return Mark{"»", word, ToneFaint}
	case v1alpha1.ExecutionStopping:
		return Mark{"◧", word, ToneWarn}
	default:
		return Mark{"●", word, ToneBusy}
	}
}

// MarkStage returns how the state of a stage is shown.
func MarkStage(state v1alpha1.StageState) Mark {
	word := string(state)
	switch state {
	case v1alpha1.StageSucceeded:
		return Mark{"✓", word, ToneGood}
	case v1alpha1.StageFailed:
		return Mark{"✗", word, ToneBad}
	case v1alpha1.StageStopped:
		return Mark{"■", word, ToneWarn}
	case v1alpha1.StageStopping:
		return Mark{"◧", word, ToneWarn}
	case v1alpha1.StageInProgress:
		return Mark{"●", word, ToneBusy}
	default:
		return Mark{"○", word, ToneFaint}
	}
}

// MarkAction returns how the state of an action is shown.
func MarkAction(a *v1alpha1.ActionStatus) Mark {
	word := string(a.State)
	switch {
	case a.State == v1alpha1.ActionSucceeded:
		return Mark{"✓", word, ToneGood}
	case a.State == v1alpha1.ActionFailed:
		return Mark{"✗", word, ToneBad}
	case a.State == v1alpha1.ActionAbandoned:
		return Mark{"⊘", word, ToneWarn}
	case a.State != v1alpha1.ActionInProgress:
		return Mark{"○", word, ToneFaint}
	case a.Approval != nil, a.Reason != "", a.Message != "":
		return Mark{"◆", word, ToneWarn}
	default:
		return Mark{"●", word, ToneBusy}
	}
}
