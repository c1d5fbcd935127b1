// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/charmbracelet/x/vt"
	"github.com/creack/pty"
)

const (
	// rows are more than a session has, so that nothing scrolls away.
	rows = 100
	// patience is how long a command may take to show what it is to show.
	patience = 2 * time.Minute
)

// terminal is a screen on which commands are typed, one after the other.
type terminal struct {
	screen  *vt.SafeEmulator
	columns int
}

func newTerminal(columns int) *terminal {
	return &terminal{screen: vt.NewSafeEmulator(columns, rows), columns: columns}
}

// run types a command, and returns when it has ended.
func (t *terminal) run(command string) error {
	command, awaited, isEnded := strings.Cut(command, " ^C ")
	if _, err := t.screen.Write([]byte("\x1b[32m$\x1b[0m \x1b[1m" + command + "\x1b[0m\r\n")); err != nil {
		return err
	}
	shownBefore := strings.Count(t.screen.String(), awaited)
	cmd := exec.Command("bash", "-c", command)
	cmd.Env = append(os.Environ(), "TERM=xterm-256color", "COLORTERM=")
	keyboard, err := pty.StartWithSize(cmd, &pty.Winsize{Cols: uint16(t.columns), Rows: rows})
	if err != nil {
		return err
	}
	defer func() { _ = keyboard.Close() }()
	// The terminal answers what the program asks it.
	go func() { _, _ = io.Copy(keyboard, t.screen) }()
	drawn := make(chan struct{})
	go func() {
		defer close(drawn)
		_, _ = io.Copy(t.screen, keyboard) // Linux reports an error when the last program has left the terminal.
	}()
	if isEnded {
		if err := t.waitFor(awaited, shownBefore+1); err != nil {
			return err
		}
		if _, err := keyboard.Write([]byte{'\x03'}); err != nil {
			return err
		}
		<-drawn
		_ = cmd.Wait() // It was interrupted.
		_, err := t.screen.Write([]byte("\r\n"))
		return err
	}
	<-drawn
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("%s: %w; the terminal shows:\n%s", command, err, t.screen.String())
	}
	return nil
}

// waitFor waits until the terminal shows a text so many times.
func (t *terminal) waitFor(text string, times int) error {
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		if strings.Count(t.screen.String(), text) >= times {
			return nil
		}
	}
	return fmt.Errorf("%q does not come; the terminal shows:\n%s", text, t.screen.String())
}
