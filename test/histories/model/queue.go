// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package model

// Mode is how many executions a stage holds at a time.
type Mode string

// The modes, as CodePipeline's user guide has them.
const (
	Parallel  Mode = "PARALLEL"
	Queue     Mode = "QUEUED"
	Supersede Mode = "SUPERSEDED"
)

// IsSerial reports whether a stage holds one execution at a time.
func (m Mode) IsSerial() bool { return m == Queue || m == Supersede }

// Waiter is an execution that waits before a stage: since when, and when it was created, on any scale.
type Waiter struct{ Since, Created int64 }

// GoesBefore reports whether an execution enters a stage of a queue before another that waits there: first in, first out.
func (w Waiter) GoesBefore(other Waiter) bool {
	return w.Since < other.Since || w.Since == other.Since && w.Created < other.Created
}

// MaySupersede reports whether an execution overtakes one that waits: it is not older.
func (w Waiter) MaySupersede(waiting Waiter) bool { return w.Created >= waiting.Created }
