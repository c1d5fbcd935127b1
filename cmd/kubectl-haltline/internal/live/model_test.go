// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package live

import (
	"errors"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"

	"haltline.dev/haltline/cmd/kubectl-haltline/internal/golden"
	"haltline.dev/haltline/cmd/kubectl-haltline/internal/sample"
)

func modelOf(c sample.Case) model {
	return newModel(c.Execution, func() time.Time { return c.Now })
}

func update(m model, msgs ...tea.Msg) model {
	for _, msg := range msgs {
		next, _ := m.Update(msg)
		m = next.(model)
	}
	return m
}

// The picture of an execution in every state. Read the file: it is what people get to see.
func TestEveryStateHasAPicture(t *testing.T) {
	var all strings.Builder
	for _, c := range sample.Cases() {
		all.WriteString("## " + c.Name + "\n" + ansi.Strip(modelOf(c).View().Content) + "\n\n")
	}
	golden.Compare(t, "pictures", all.String())
}

// No picture is larger than the terminal: what is above its first line could not be drawn again.
func TestAPictureFitsTheTerminal(t *testing.T) {
	for _, size := range []tea.WindowSizeMsg{{Width: 80, Height: 24}, {Width: 40, Height: 12}, {Width: 20, Height: 9}} {
		for _, c := range sample.Cases() {
			lines := strings.Split(update(modelOf(c), size).View().Content, "\n")
			if len(lines) > size.Height {
				t.Errorf("%s: %d lines on a terminal of %d", c.Name, len(lines), size.Height)
			}
			for _, line := range lines {
				if got := lipgloss.Width(line); got > size.Width {
					t.Errorf("%s: %d columns on a terminal of %d: %q", c.Name, got, size.Width, line)
				}
			}
		}
	}
}

func TestTroubleIsShownUntilItIsOver(t *testing.T) {
	m := update(modelOf(sample.Cases()[0]), trouble{errors.New("connection\nrefused")})
	if got := ansi.Strip(m.View().Content); !strings.HasSuffix(got, "The connection broke, trying again: connection refused") {
		t.Errorf("the picture ends in %q", got)
	}
	if got := update(m, trouble{}).View().Content; strings.Contains(got, "broke") {
		t.Errorf("trouble that is over is shown: %q", got)
	}
}

func TestWhatEndsThePicture(t *testing.T) {
	c := sample.Cases()[0]
	for name, tt := range map[string]struct {
		msg            tea.Msg
		isDone, isLeft bool
	}{
		"the end of the execution": {done{}, true, false},
		"q":                        {tea.KeyPressMsg{Code: 'q', Text: "q"}, true, true},
		"an interrupt":             {tea.KeyPressMsg{Code: 'c', Mod: tea.ModCtrl}, true, true},
		"another key":              {tea.KeyPressMsg{Code: 'x', Text: "x"}, false, false},
		"a change":                 {changed{c.Execution}, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			next, cmd := modelOf(c).Update(tt.msg)
			m := next.(model)
			if m.isDone != tt.isDone || m.isLeft != tt.isLeft {
				t.Errorf("done is %v, left is %v", m.isDone, m.isLeft)
			}
			isQuit := false
			if cmd != nil {
				_, isQuit = cmd().(tea.QuitMsg)
			}
			if isQuit != tt.isDone {
				t.Errorf("it quits: %v, want %v", isQuit, tt.isDone)
			}
			if strings.Contains(m.View().Content, "q leaves") == tt.isDone {
				t.Errorf("the picture is %q", m.View().Content)
			}
		})
	}
}
