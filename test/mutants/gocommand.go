// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// interruptDelay is how long a go command has to end after an interrupt.
const interruptDelay = 5 * time.Second

// runGo runs the go command in a folder and returns what it wrote to its standard output, also beside an error.
func runGo(ctx context.Context, folder string, arguments ...string) ([]byte, error) {
	var output, problems bytes.Buffer
	command := exec.CommandContext(ctx, "go", arguments...)
	command.Dir, command.Stdout, command.Stderr = folder, &output, &problems
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) }
	command.WaitDelay = interruptDelay
	if err := command.Run(); err != nil {
		return output.Bytes(), fmt.Errorf("go %s: %w\n%s", arguments[0], err, problems.Bytes())
	}
	return output.Bytes(), nil
}

// findModule returns the root folder of the module of the current folder.
func findModule(ctx context.Context) (string, error) {
	output, err := runGo(ctx, ".", "env", "GOMOD")
	if err != nil {
		return "", err
	}
	file := strings.TrimSpace(string(output))
	if filepath.Base(file) != "go.mod" {
		return "", errors.New("the current folder is in no module")
	}
	return filepath.Dir(file), nil
}
