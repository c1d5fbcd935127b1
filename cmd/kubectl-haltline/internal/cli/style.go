// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"charm.land/lipgloss/v2"

	"haltline.dev/haltline/api/v1alpha1"
)

// The styles of what is printed. A color never says anything that a word beside it does not.
var (
	// Good is for what went well.
	Good = lipgloss.NewStyle().Foreground(lipgloss.Green)
	// Bad is for what went wrong or was refused.
	Bad = lipgloss.NewStyle().Foreground(lipgloss.Red)
	// Busy is for what goes on.
	Busy = lipgloss.NewStyle().Foreground(lipgloss.Blue)
	// Halted is for what is being stopped, was stopped, or is held.
	Halted = lipgloss.NewStyle().Foreground(lipgloss.Yellow)
	// Faint is for what matters less.
	Faint = lipgloss.NewStyle().Faint(true)
)

// StateName returns the name of a state. An execution that the operator has not looked at has none: it is Pending.
func StateName(state v1alpha1.ExecutionState) string {
	if state == "" {
		return "Pending"
	}
	return string(state)
}

// State returns the name of a state in its color.
func State(state v1alpha1.ExecutionState) string {
	switch state {
	case v1alpha1.ExecutionSucceeded:
		return Good.Render(string(state))
	case v1alpha1.ExecutionFailed:
		return Bad.Render(string(state))
	case v1alpha1.ExecutionInProgress:
		return Busy.Render(string(state))
	case v1alpha1.ExecutionStopping, v1alpha1.ExecutionStopped:
		return Halted.Render(string(state))
	case v1alpha1.ExecutionSuperseded:
		return Faint.Render(string(state))
	default:
		return Faint.Render(StateName(state))
	}
}
