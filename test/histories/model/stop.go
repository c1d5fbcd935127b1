// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package model

// State of an execution. The contract knows one state Stopping; which answer it gives depends on what was chosen.
type State string

// The states.
const (
	InProgress        State = "InProgress"
	StoppingByWait    State = "Stopping, by wait"
	StoppingByAbandon State = "Stopping, by abandon"
	Stopped           State = "Stopped"
	Succeeded         State = "Succeeded"
	Failed            State = "Failed"
	Superseded        State = "Superseded"
)

// Answer to StopPipelineExecution.
type Answer string

// The answers: HTTP 200, and the errors of the contract. A ValidationException is the API server's to give.
const (
	Accepted         Answer = "Accepted"
	Duplicated       Answer = "DuplicatedStopRequestException"
	NotStoppable     Answer = "PipelineExecutionNotStoppableException"
	PipelineNotFound Answer = "PipelineNotFoundException"
)

// Stop returns the answer to StopPipelineExecution for an execution in this state, and its state after that.
func (s State) Stop(abandon bool) (Answer, State) {
	switch {
	case s.IsFinal():
		return NotStoppable, s
	case s == StoppingByAbandon, s == StoppingByWait && !abandon:
		return Duplicated, s
	case abandon:
		return Accepted, StoppingByAbandon
	default:
		return Accepted, StoppingByWait
	}
}

// AnswerUnknown returns the answer to StopPipelineExecution for an execution that the pipeline does not have. The contract has
// no error of its own for it: if the pipeline is there, the execution is one that cannot be stopped.
func AnswerUnknown(pipelineFound bool) Answer {
	if pipelineFound {
		return NotStoppable
	}
	return PipelineNotFound
}

// IsStopping reports whether the execution was asked to stop and has not.
func (s State) IsStopping() bool { return s == StoppingByWait || s == StoppingByAbandon }

// IsFinal reports whether the execution is no longer in progress.
func (s State) IsFinal() bool {
	return s == Stopped || s == Succeeded || s == Failed || s == Superseded
}

// MayBecome reports whether the work of an execution can take it from one state to another, without a request: what was
// asked to stop is Stopped in the end, and what was not is never.
func (s State) MayBecome(next State) bool {
	switch s {
	case next:
		return true
	case InProgress:
		return next == Succeeded || next == Failed || next == Superseded
	default:
		return s.IsStopping() && next == Stopped
	}
}
