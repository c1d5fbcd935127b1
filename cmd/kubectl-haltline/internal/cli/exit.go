// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// The exit codes of the plugin. docs/plugin.md lists them.
const (
	// CodeDone: what was asked for was done, or what was waited for has happened.
	CodeDone = 0
	// CodeError: something else went wrong, such as no connection or no permission.
	CodeError = 1
	// CodeUsage: the command line is wrong, or something in it is missing.
	CodeUsage = 2
	// CodeDuplicate: somebody had asked for the same before.
	CodeDuplicate = 3
	// CodeRefused: the state of the execution does not allow it, such as a stop of one that has ended.
	CodeRefused = 4
	// CodeNotFound: there is no such pipeline, execution, stage or action.
	CodeNotFound = 5
	// CodeEndedOtherwise: the execution ended in another way than the command waits for.
	CodeEndedOtherwise = 6
	// CodeTimeout: the time to wait is over. What was asked for still holds.
	CodeTimeout = 7
	// CodePartly: some of several were done, and some not.
	CodePartly = 8
	// CodeInterrupted: an interrupt ended the waiting. What was asked for still holds.
	CodeInterrupted = 130
)

// ErrReported marks an error that the command has printed already, as its result.
var ErrReported = errors.New("reported")

// exitError is an error with the exit code that it has.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

// Exitf returns an error that ends the plugin with a code. The message is as that of fmt.Errorf.
func Exitf(code int, format string, args ...any) error {
	return &exitError{code, fmt.Errorf(format, args...)}
}

// Reported returns an error that ends the plugin with a code and prints nothing more, or nil if the code is CodeDone.
func Reported(code int) error {
	if code == CodeDone {
		return nil
	}
	return &exitError{code, ErrReported}
}

// UsageErrorf returns an error about the command line: it ends the plugin with CodeUsage.
func UsageErrorf(format string, args ...any) error {
	return Exitf(CodeUsage, format, args...)
}

// ExitCode returns the exit code of an error: CodeDone for nil, and CodeError for one that has no other. An interrupt, or the end of the time to
// wait, can come while the API server is asked as well.
func ExitCode(err error) int {
	var exit *exitError
	switch {
	case err == nil:
		return CodeDone
	case errors.As(err, &exit):
		return exit.code
	case errors.Is(err, context.Canceled):
		return CodeInterrupted
	case errors.Is(err, context.DeadlineExceeded):
		return CodeTimeout
	case apierrors.IsNotFound(err) && !isKindMissing(err):
		return CodeNotFound
	case apierrors.IsInvalid(err):
		return CodeUsage
	default:
		return CodeError
	}
}
