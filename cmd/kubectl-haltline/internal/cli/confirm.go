// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bufio"
	"context"
	"fmt"
	"strings"
)

// Confirm asks a question on the error stream, and reports whether the answer is y or yes. If nobody is there to answer, it returns a usage error
// that names the flag which answers it. If the context ends meanwhile, the error has CodeInterrupted.
func (f *Factory) Confirm(ctx context.Context, question, flag string) (bool, error) {
	if !f.Terminal {
		return false, UsageErrorf("nothing was done, because there is no terminal to ask on: %s\nLook with --dry-run=client, then repeat with %s", question, flag)
	}
	fmt.Fprintf(f.ErrOut, "%s [y/N] ", question)
	answer := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(f.In).ReadString('\n')
		answer <- line
	}()
	select {
	case <-ctx.Done():
		fmt.Fprintln(f.ErrOut)
		return false, Exitf(CodeInterrupted, "interrupted; nothing was done")
	case line := <-answer:
		line = strings.ToLower(strings.TrimSpace(line))
		return line == "y" || line == "yes", nil
	}
}
