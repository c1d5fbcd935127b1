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
		return MarkExecutionState("")
	}
	return MarkExecutionState(execution.Status.State)
}

// MarkExecutionState returns how a state is shown, whichever execution the status is about. Without a state it is StatePending.
func MarkExecutionState(state v1alpha1.ExecutionState) Mark {
	if state == "" {
		return Mark{"○", StatePending, ToneFaint}
	}
	return markState(string(state), Mark{"●", "", ToneBusy})
}

// marks are those of the states that an execution, a stage and an action have in common, and of those that one of them has alone.
var marks = map[string]Mark{
	string(v1alpha1.ExecutionSucceeded):  {"✓", "", ToneGood},
	string(v1alpha1.ExecutionFailed):     {"✗", "", ToneBad},
	string(v1alpha1.ExecutionStopped):    {"■", "", ToneWarn},
	string(v1alpha1.ExecutionSuperseded): {"»", "", ToneFaint},
	string(v1alpha1.ExecutionStopping):   {"◧", "", ToneWarn},
	string(v1alpha1.ExecutionInProgress): {"●", "", ToneBusy},
	string(v1alpha1.ActionAbandoned):     {"⊘", "", ToneWarn},
}

// markState returns the mark of a state by its name, or another one, if the state has none.
func markState(word string, otherwise Mark) Mark {
	mark, ok := marks[word]
	if !ok {
		mark = otherwise
	}
	mark.Word = word
	return mark
}

// MarkStage returns how the state of a stage is shown.
func MarkStage(state v1alpha1.StageState) Mark {
	return markState(string(state), Mark{"○", "", ToneFaint})
}

// MarkAction returns how the state of an action is shown.
func MarkAction(a *v1alpha1.ActionStatus) Mark {
	if a.State == v1alpha1.ActionInProgress && (a.Approval != nil || a.Reason != "" || a.Message != "") {
		return Mark{"◆", string(a.State), ToneWarn}
	}
	return markState(string(a.State), Mark{"○", "", ToneFaint})
}
