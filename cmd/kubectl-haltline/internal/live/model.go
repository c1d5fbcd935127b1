// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

// Package live shows on a terminal how far an execution is, until it has ended or somebody leaves.
package live

import (
	"fmt"
	"strings"
	"time"

	"charm.land/bubbles/v2/progress"
	"charm.land/bubbles/v2/spinner"
	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/cmd/kubectl-haltline/internal/cli"
	"haltline.dev/haltline/cmd/kubectl-haltline/internal/tree"
	"haltline.dev/haltline/cmd/kubectl-haltline/internal/view"
	"haltline.dev/haltline/internal/text"
)

// barWidth is how many columns the progress of a stage has.
const barWidth = 16

// model is what the terminal shows.
type model struct {
	execution *v1alpha1.PipelineExecution
	now       func() time.Time
	// trouble is why the connection is broken; nil if it is not.
	trouble error
	// isDone is whether nothing more changes: the last picture stays on the terminal.
	isDone bool
	// isLeft is whether somebody left before that.
	isLeft bool

	width, height int
	spinner       spinner.Model
	bar           progress.Model
}

// The messages to the model, besides those of Bubble Tea.
type (
	// changed is how the execution is now.
	changed struct{ execution *v1alpha1.PipelineExecution }
	// trouble is that the connection broke, or with nil that it is there again.
	trouble struct{ err error }
	// done is that nothing more changes, or that nothing more can be seen.
	done struct{}
)

func newModel(execution *v1alpha1.PipelineExecution, now func() time.Time) model {
	return model{
		execution: execution, now: now,
		spinner: spinner.New(spinner.WithSpinner(spinner.MiniDot), spinner.WithStyle(cli.Busy)),
		bar: progress.New(progress.WithWidth(barWidth), progress.WithoutPercentage(), progress.WithFillCharacters('█', '░'),
			progress.WithColors(lipgloss.Blue)),
	}
}

// Init starts the spinner, with which the times are counted as well.
func (m model) Init() tea.Cmd { return m.spinner.Tick }

// Update takes in what happened.
func (m model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case changed:
		m.execution = msg.execution
	case trouble:
		m.trouble = msg.err
	case done:
		m.isDone = true
		return m, tea.Quit
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
	case tea.KeyPressMsg:
		if key := msg.String(); key == "q" || key == "ctrl+c" || key == "esc" {
			m.isDone, m.isLeft = true, true
			return m, tea.Quit
		}
	default:
		var cmd tea.Cmd
		m.spinner, cmd = m.spinner.Update(msg)
		return m, cmd
	}
	return m, nil
}

// View draws the execution.
func (m model) View() tea.View {
	t := tree.Build(m.execution, m.now(), false)
	lines := m.headLines(t)
	if len(t.Stages) > 0 {
		lines = append(lines, "")
	}
	for _, r := range fit(t, m.roomFor(len(lines))) {
		lines = append(lines, m.rowLine(r, widths(t)))
	}
	// When the view is closed, the line of the cursor is erased, which is the last one: it is empty then.
	lines = append(lines, "")
	if !m.isDone {
		lines = append(lines, m.footLine())
	}
	return tea.NewView(strings.TrimSuffix(cli.CutLines(lines, m.width), "\n"))
}

// footLines is how many lines are below the stages: an empty one, and the one about keys.
const footLines = 2

// roomFor returns how many lines there are for stages and actions below a number of others.
func (m model) roomFor(others int) int {
	if m.height == 0 {
		return maxRows
	}
	return m.height - others - footLines
}

// maxRows is more than any execution has stages and actions.
const maxRows = 1000

func (m model) headLines(t tree.Tree) []string {
	lines := []string{lipgloss.NewStyle().Bold(true).Render(t.Name) + "  " + cli.Mark(t.Mark)}
	for _, note := range t.Notes {
		lines = append(lines, "  "+note)
	}
	return lines
}

func (m model) footLine() string {
	if m.trouble != nil {
		return cli.Bad.Render(text.Printable(fmt.Sprintf("The connection broke, trying again: %v", m.trouble)))
	}
	return cli.Faint.Render("q leaves; the execution goes on")
}

// columns are how wide the columns of the view are.
type columns struct{ stage, stageWord, action, word, took int }

func widths(t tree.Tree) columns {
	var c columns
	for _, s := range t.Stages {
		c.stage, c.stageWord = max(c.stage, len(s.Name)), max(c.stageWord, len(s.Mark.Word))
		for _, a := range s.Actions {
			c.action, c.word, c.took = max(c.action, len(a.Name)), max(c.word, len(a.Mark.Word)), max(c.took, len(a.Took))
		}
	}
	return c
}

func (m model) rowLine(r row, c columns) string {
	switch {
	case r.stage != nil:
		ended, all := r.stage.Ended()
		return fmt.Sprintf("%s %s  %s  %s %d/%d  %s", m.symbol(r.stage.Mark), cli.Pad(r.stage.Name, c.stage), cli.Pad(cli.MarkWord(r.stage.Mark), c.stageWord),
			m.bar.ViewAs(share(ended, all)), ended, all, r.stage.Note)
	case r.action != nil:
		return fmt.Sprintf("    %s %s  %s  %s  %s", m.symbol(r.action.Mark), cli.Pad(r.action.Name, c.action),
			cli.Pad(cli.MarkWord(r.action.Mark), c.word), cli.Pad(r.action.Took, c.took), r.action.Note)
	default:
		return "    " + cli.Faint.Render("… "+r.omitted)
	}
}

// share returns which part has ended, from 0 to 1.
func share(ended, all int) float64 {
	if all == 0 {
		return 0
	}
	return float64(ended) / float64(all)
}

// symbol returns the symbol of a mark, or the spinner for what goes on.
func (m model) symbol(mark view.Mark) string {
	if mark.Tone == view.ToneBusy && !m.isDone {
		return m.spinner.View()
	}
	return cli.MarkSymbol(mark)
}
