// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package model

// The answers to PutApprovalResult. "ApprovalAlreadyCompletedException: The approval action has already been approved or rejected."
// CodePipeline has a token that tells whether an approval waits; without one it is an answer of its own.
const (
	AlreadyCompleted  Answer = "ApprovalAlreadyCompletedException"
	StageNotFound     Answer = "StageNotFoundException"
	ActionNotFound    Answer = "ActionNotFoundException"
	ExecutionNotFound Answer = "PipelineExecutionNotFoundException"
	NotPending        Answer = "ApprovalNotPending"
	NotAllowed        Answer = "ApproverNotAllowed"
)

// Approval is the state of an action that waits for a person.
type Approval string

// The states of an approval. What was not decided ends by its time, by a limit, or because a stop abandons it.
const (
	NotStarted Approval = "NotStarted"
	Waiting    Approval = "Waiting"
	Approved   Approval = "Approved"
	Rejected   Approval = "Rejected"
	Undecided  Approval = "Ended without a decision"
)

// Result is what a person decides.
type Result struct {
	Approves bool
	// IsLate is true if it was made when the time of the approval was up.
	IsLate bool
	// MayBeStarter is true if it may be by who started the execution.
	MayBeStarter bool
}

// Put returns the answer to PutApprovalResult for an approval in this state, and its state after that.
func (a Approval) Put(r Result, forbidsStarter bool) (Answer, Approval) {
	switch {
	case a == Approved, a == Rejected:
		return AlreadyCompleted, a
	case a != Waiting, r.IsLate:
		return NotPending, a
	case r.Approves && forbidsStarter && r.MayBeStarter:
		return NotAllowed, a
	case r.Approves:
		return Accepted, Approved
	default:
		return Accepted, Rejected
	}
}

// FindOutcome returns how the action of an approval ends: it hangs as long as nobody decides.
func (a Approval) FindOutcome() Outcome {
	switch a {
	case Approved:
		return Succeeds
	case Rejected, Undecided:
		return Fails
	default:
		return Hangs
	}
}

// AnswerUnknownApproval returns the answer to PutApprovalResult for an execution that the pipeline does not have.
func AnswerUnknownApproval(pipelineFound bool) Answer {
	if pipelineFound {
		return ExecutionNotFound
	}
	return PipelineNotFound
}
