// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"os"
	"strings"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/ansi"
	"golang.org/x/term"
)

// Table is what is printed in columns.
type Table struct {
	// Headers are the names of the columns.
	Headers []string
	// Rows have a cell for each column, with or without colors. An empty cell is printed as a dash.
	Rows [][]string
}

// columnGap is between two columns, as kubectl has it.
const columnGap = "   "

// Lines returns the lines of the table, without spaces at their ends. A line is cut at a width; it is whole if that is 0.
func (t Table) Lines(withHeaders bool, width int) []string {
	rows := t.cells(withHeaders)
	widths := make([]int, len(t.Headers))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], lipgloss.Width(cell))
		}
	}
	var lines []string
	for _, row := range rows {
		for i := range row[:len(row)-1] {
			row[i] = Pad(row[i], widths[i])
		}
		lines = append(lines, CutLine(strings.Join(row, columnGap), width))
	}
	return lines
}

// cells returns a copy of what is printed.
func (t Table) cells(withHeaders bool) [][]string {
	var rows [][]string
	if withHeaders {
		rows = append(rows, append([]string(nil), t.Headers...))
	}
	for _, row := range t.Rows {
		cells := append([]string(nil), row...)
		for i := range cells {
			if cells[i] == "" {
				cells[i] = "-"
			}
		}
		rows = append(rows, cells)
	}
	return rows
}

// Pad adds spaces to a text up to a width, whatever colors it has.
func Pad(text string, width int) string {
	return text + strings.Repeat(" ", max(width-lipgloss.Width(text), 0))
}

// CutLine cuts a line at a width, with an ellipsis, and the spaces at its end; it is whole if the width is 0.
func CutLine(line string, width int) string {
	if width > 0 {
		line = ansi.Truncate(line, width, "…")
	}
	return strings.TrimRight(line, " ")
}

// CutLines cuts lines as CutLine does, and ends each.
func CutLines(lines []string, width int) string {
	var b strings.Builder
	for _, line := range lines {
		b.WriteString(CutLine(line, width) + "\n")
	}
	return b.String()
}

// Width returns how many columns the terminal has that is printed to, or 0 if it is none.
func (f *Factory) Width() int {
	file := f.OutFile()
	if file == nil || !isTerminal(file) {
		return 0
	}
	width, _, err := term.GetSize(int(file.Fd()))
	if err != nil {
		return 0
	}
	return width
}

// OutFile returns the file that is printed to, or nil if it is none.
func (f *Factory) OutFile() *os.File {
	out := f.Out
	if w, ok := out.(*colorprofile.Writer); ok {
		out = w.Forward
	}
	file, _ := out.(*os.File)
	return file
}
