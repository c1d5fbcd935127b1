// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package action

import "errors"

// pendingError is the error of an operation that something expected keeps from being done.
type pendingError struct {
	error
}

func (e pendingError) Unwrap() error { return e.error }

// Pending marks the error of an operation that something expected keeps from being done, such as a refusal that a status shows or
// pods that have to end. It is tried again later, and is nothing to report. It returns nil for nil.
func Pending(err error) error {
	if err == nil {
		return nil
	}
	return pendingError{err}
}

// PendingIfAnswer marks an error as Pending if the API server answered with it.
func PendingIfAnswer(err error) error {
	if IsAnswer(err) {
		return Pending(err)
	}
	return err
}

// IsPending reports whether an error was marked by Pending.
func IsPending(err error) bool {
	var pending pendingError
	return errors.As(err, &pending)
}
