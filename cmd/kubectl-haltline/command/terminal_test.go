// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package command

import (
	"bytes"
	"io"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/charmbracelet/x/vt"
	"github.com/creack/pty"
	"github.com/google/go-cmp/cmp"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/cmd/kubectl-haltline/internal/cli"
	"haltline.dev/haltline/cmd/kubectl-haltline/internal/golden"
)

// terminal is a pseudo-terminal with somebody before it.
type terminal struct {
	t *testing.T
	// lock guards the screen, which is drawn and looked at by turns.
	lock   sync.Mutex
	screen *vt.Emulator
	// keyboard is the end of the person, and device the end of the program.
	keyboard, device *os.File
	drawn            chan struct{}
}

// The size of the terminal.
const (
	columnsOfTerminal = 60
	linesOfTerminal   = 14
)

func openTerminal(t *testing.T) *terminal {
	t.Helper()
	keyboard, device, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	if err := pty.Setsize(keyboard, &pty.Winsize{Cols: columnsOfTerminal, Rows: linesOfTerminal}); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TERM", "xterm-256color")
	t.Setenv("NO_COLOR", "")
	term := &terminal{t: t, screen: vt.NewEmulator(columnsOfTerminal, linesOfTerminal), keyboard: keyboard, device: device, drawn: make(chan struct{})}
	go func() {
		defer close(term.drawn)
		_, _ = io.Copy(term, keyboard)
	}()
	// The terminal answers what the program asks it.
	go func() { _, _ = io.Copy(keyboard, term.screen) }()
	return term
}

// Write draws what the program prints.
func (term *terminal) Write(printed []byte) (int, error) {
	term.lock.Lock()
	defer term.lock.Unlock()
	return term.screen.Write(printed)
}

// run runs a command on the terminal. The channel gets its exit code.
func (term *terminal) run(cluster client.WithWatch, args ...string) <-chan int {
	f := cli.New(term.device, term.device, &bytes.Buffer{}, "test")
	f.Clock = clocktesting.NewFakeClock(now)
	f.NewClient = func() (client.WithWatch, error) { return cluster, nil }
	*f.Flags.Namespace = namespace
	return term.runWith(f, args)
}

func (term *terminal) runWith(f *cli.Factory, args []string) <-chan int {
	code := make(chan int, 1)
	go func() { code <- Run(f, args) }()
	return code
}

// waitFor waits until the screen shows a text, and returns what it shows.
func (term *terminal) waitFor(text string) string {
	term.t.Helper()
	for range 1000 {
		if shown := term.shown(); strings.Contains(shown, text) {
			return shown
		}
		time.Sleep(10 * time.Millisecond)
	}
	term.t.Fatalf("%q does not come; the terminal shows:\n%s", text, term.shown())
	return ""
}

func (term *terminal) shown() string {
	term.lock.Lock()
	defer term.lock.Unlock()
	var lines []string
	for line := range strings.Lines(term.screen.String()) {
		lines = append(lines, strings.TrimRight(line, " \r\n"))
	}
	return strings.TrimRight(strings.Join(lines, "\n"), "\n") + "\n"
}

// close returns what the terminal shows in the end.
func (term *terminal) close() string {
	term.device.Close()
	<-term.drawn
	shown := term.shown()
	term.keyboard.Close()
	return shown
}

// On a terminal, watch draws the stages, follows changes, and leaves the last picture behind.
func TestWatchOnATerminal(t *testing.T) {
	e, _ := failedExecution()
	e.Status.State, e.Status.CurrentStage = v1alpha1.ExecutionInProgress, "Build"
	e.Status.Stages[0].State, e.Status.CompletionTime = v1alpha1.StageInProgress, nil
	first := &e.Status.Stages[0].Actions[0]
	first.State, first.StartTime, first.CompletionTime = v1alpha1.ActionInProgress, before(90*time.Second), nil
	h := newHarness(t, e)
	term := openTerminal(t)
	code := term.run(h.cluster, "watch", "web-4")
	drawn := term.waitFor("q leaves")
	for _, want := range []string{"web-4  ● InProgress", "compile  InProgress  90s", "1/3", "package  NotStarted"} {
		if !strings.Contains(drawn, want) {
			t.Errorf("the terminal does not show %q:\n%s", want, drawn)
		}
	}
	changeExecution(t, h.cluster, e, func(status *v1alpha1.PipelineExecutionStatus) {
		status.Stages[0].Actions[0].State, status.Stages[0].Actions[0].CompletionTime = v1alpha1.ActionFailed, before(0)
	})
	term.waitFor("2/3")
	changeExecution(t, h.cluster, e, func(status *v1alpha1.PipelineExecutionStatus) {
		status.State, status.Stages[0].State, status.CompletionTime = v1alpha1.ExecutionFailed, v1alpha1.StageFailed, before(0)
	})
	if got := <-code; got != cli.CodeEndedOtherwise {
		t.Errorf("the exit code is %d", got)
	}
	golden.Compare(t, "watch-terminal", term.close())
}

// Whoever types q leaves, and the execution goes on.
func TestLeavingATerminal(t *testing.T) {
	h := newHarness(t, someExecutions()...)
	term := openTerminal(t)
	code := term.run(h.cluster, "watch", "web-3")
	term.waitFor("q leaves")
	if _, err := term.keyboard.WriteString("q"); err != nil {
		t.Fatal(err)
	}
	if got := <-code; got != cli.CodeInterrupted {
		t.Errorf("the exit code is %d", got)
	}
	if shown := term.close(); strings.Contains(shown, "q leaves") || !strings.Contains(shown, "web-3  ● InProgress") {
		t.Errorf("the terminal shows:\n%s", shown)
	}
}

// spinner is what turns in the picture.
var spinner = regexp.MustCompile("[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏]")

// The picture in docs/plugin.md is the one that watch draws.
func TestThePageOnWatching(t *testing.T) {
	example := sectionOf(t, "Watch")[0]
	term := openTerminal(t)
	f := newPageFactory(t, watched(), term.device, &bytes.Buffer{})
	f.In, f.Terminal = term.device, true
	code := term.runWith(f, strings.Fields(strings.TrimPrefix(example.Command, "kubectl haltline ")))
	drawn := spinner.ReplaceAllString(term.waitFor("q leaves"), "⠹")
	if diff := cmp.Diff(example.Output, strings.TrimSpace(drawn)); diff != "" {
		t.Errorf("(- is the page)\n%s\n%s", diff, drawn)
	}
	if _, err := term.keyboard.WriteString("q"); err != nil {
		t.Fatal(err)
	}
	<-code
	term.close()
}

// A table and a tree are cut at the width of the terminal.
func TestOutputFitsTheTerminal(t *testing.T) {
	h := newHarness(t, someExecutions()...)
	term := openTerminal(t)
	for _, args := range [][]string{{"get"}, {"history"}, {"tree", "web-2"}} {
		if code := <-term.run(h.cluster, args...); code != cli.CodeDone {
			t.Errorf("the exit code of %v is %d", args, code)
		}
	}
	golden.Compare(t, "terminal", term.close())
}

func changeExecution(t *testing.T, c client.Client, e *v1alpha1.PipelineExecution, change func(*v1alpha1.PipelineExecutionStatus)) {
	t.Helper()
	live := &v1alpha1.PipelineExecution{}
	if err := c.Get(t.Context(), client.ObjectKeyFromObject(e), live); err != nil {
		t.Fatal(err)
	}
	change(&live.Status)
	if err := c.Update(t.Context(), live); err != nil {
		t.Fatal(err)
	}
}
