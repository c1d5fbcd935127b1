// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package model

// The reasons for which a retry is refused, beside those of an approval. The first two are those of RetryStageExecution.
const (
	StageNotRetryable Answer = "StageNotRetryableException"
	NotLatest         Answer = "NotLatestPipelineExecutionException"
	RevisionLost      Answer = "RevisionLost"
)

// Retry is what decides whether a retry may run.
type Retry struct {
	// IsThere is true if the execution that is retried is there, is not being deleted, and is of the pipeline that the retry names.
	IsThere bool
	// State of that execution.
	State State
	// HasStages is true if that execution has stages at all: it has none before it has pinned them.
	HasStages bool
	// HasStage is true if that execution has the stage, and EndedInStage if it ended in it.
	HasStage, EndedInStage bool
	// NothingFailed is true if every action of the stage succeeded.
	NothingFailed bool
	// AllActions is true if all actions of the stage run again.
	AllActions bool
	// IsNamed is true if that execution names this retry already, and IsRetried if it names another one that counts.
	IsNamed, IsRetried bool
	// Mode of the pipeline.
	Mode Mode
	// HadStageLast is true if nobody had the stage after that execution, as far as is known. OthersWait is true if anybody waits before it.
	HadStageLast, OthersWait bool
	// HasRevision is true if what that execution ran is still pinned.
	HasRevision bool
}

// Refusals returns every reason for which the retry is refused. It may run if there is none.
func (r Retry) Refusals() []Answer {
	if !r.IsThere {
		return []Answer{ExecutionNotFound}
	}
	var reasons []Answer
	add := func(holds bool, reason Answer) {
		if holds {
			reasons = append(reasons, reason)
		}
	}
	add(!r.HasStage, StageNotFound)
	add(!r.isRetryable(), StageNotRetryable)
	// It was the latest when it was named, and stays that.
	add(!r.IsNamed && !r.isLatest(), NotLatest)
	add(!r.HasRevision, RevisionLost)
	return reasons
}

func (r Retry) isRetryable() bool {
	switch {
	case r.State != Failed && r.State != Stopped:
		return false
	case r.HasStage && !r.EndedInStage, !r.HasStages:
		return false
	default:
		return r.AllActions || !r.NothingFailed
	}
}

func (r Retry) isLatest() bool {
	switch {
	case r.IsRetried:
		return false
	case r.Mode == Supersede && r.OthersWait:
		return false
	default:
		return !r.Mode.IsSerial() || r.HadStageLast
	}
}

// CountsAsRetry reports whether an execution that another names as its retry keeps that one from being retried again: unless it ended
// before it took over anything. If it is gone, nobody knows what it did.
func CountsAsRetry(state State, tookOver, isGone bool) bool {
	return isGone || tookOver || !state.IsFinal()
}

// FindTakenOver returns the actions that a retry of a stage takes over, given which have succeeded in the execution that is retried.
func (p Pipeline) FindTakenOver(stage string, allActions bool, succeeded func(Key) bool) []Key {
	var taken []Key
	retried := p.findStage(stage)
	for _, a := range p {
		switch {
		case a.StageIndex > retried, a.StageIndex == retried && allActions:
		case succeeded(a.Key):
			taken = append(taken, a.Key)
		}
	}
	return taken
}

// findStage returns the index of a stage, or -1.
func (p Pipeline) findStage(name string) int {
	for _, a := range p {
		if a.Stage == name {
			return a.StageIndex
		}
	}
	return -1
}

// IsBeforeStage reports whether a stage comes before another one.
func (p Pipeline) IsBeforeStage(stage, other string) bool {
	return p.findStage(stage) < p.findStage(other)
}
