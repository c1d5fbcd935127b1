// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

// Package verdict holds what the answer to every kind of request looks like: a verdict that is given once, and the
// conditions that show it. The rules that lead to a verdict are in a package for each kind of request.
package verdict

import (
	"fmt"

	"haltline.dev/haltline/api/v1alpha1"
)

// Verdict is the answer to a request. It is final once Decided is true.
type Verdict struct {
	// Decided is false while the request has not been taken, or has not taken effect.
	Decided bool
	// Accepted is the answer, if Decided.
	Accepted bool
	// Reason is ReasonAccepted or the name of an exception of the contract, if Decided.
	Reason string
	// Message explains the verdict, and what can be done.
	Message string
}

// NewPending returns a verdict that is not decided yet.
func NewPending(message string) Verdict {
	return Verdict{Message: message}
}

// NewAcceptance returns a verdict that accepts the request.
func NewAcceptance(format string, args ...any) Verdict {
	return Verdict{Decided: true, Accepted: true, Reason: v1alpha1.ReasonAccepted, Message: fmt.Sprintf(format, args...)}
}

// NewRejection returns a verdict that rejects the request. The reason is the name of an exception of the contract.
func NewRejection(reason, format string, args ...any) Verdict {
	return Verdict{Decided: true, Reason: reason, Message: fmt.Sprintf(format, args...)}
}

// IsRejection reports whether the request is rejected.
func (v Verdict) IsRejection() bool {
	return v.Decided && !v.Accepted
}
