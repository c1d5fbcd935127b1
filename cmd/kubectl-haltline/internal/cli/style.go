// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import "charm.land/lipgloss/v2"

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
