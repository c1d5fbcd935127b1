// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package model

// Outcome is how an action ends if nobody ends it.
type Outcome string

// The outcomes. What hangs never ends by itself.
const (
	Succeeds Outcome = "Succeeds"
	Fails    Outcome = "Fails"
	Hangs    Outcome = "Hangs"
)

// Key names an action of a pipeline.
type Key struct{ Stage, Action string }

// Action of a pipeline. StageIndex counts the stages from 0, RunOrder is as in the pipeline.
type Action struct {
	Key
	StageIndex, RunOrder int
	Outcome              Outcome
}

// Pipeline is its actions.
type Pipeline []Action

// isBefore reports whether an action has to succeed before another may start.
func (a Action) isBefore(b Action) bool {
	return a.StageIndex < b.StageIndex || a.StageIndex == b.StageIndex && a.RunOrder < b.RunOrder
}

// FindEnd returns the state in which an execution ends if nobody stops it, or InProgress if it never ends.
func (p Pipeline) FindEnd() State {
	end := Succeeded
	for _, a := range p {
		switch {
		case !p.isReached(a):
		case a.Outcome == Hangs:
			return InProgress
		case a.Outcome == Fails:
			end = Failed
		}
	}
	return end
}

// isReached reports whether an action is started at all.
func (p Pipeline) isReached(a Action) bool {
	for _, b := range p {
		if b.isBefore(a) && b.Outcome != Succeeds {
			return false
		}
	}
	return true
}

// MayStart reports whether an action may start, given how others have ended.
func (p Pipeline) MayStart(k Key, ended func(Key) (Outcome, bool)) bool {
	i := p.findIndex(k)
	if i < 0 {
		return false
	}
	for _, b := range p {
		if !b.isBefore(p[i]) {
			continue
		}
		if outcome, has := ended(b.Key); !has || outcome != Succeeds {
			return false
		}
	}
	return true
}

// FindBefore returns the actions that have to succeed before another one may start.
func (p Pipeline) FindBefore(k Key) []Key {
	var before []Key
	i := p.findIndex(k)
	for _, b := range p {
		if i >= 0 && b.isBefore(p[i]) {
			before = append(before, b.Key)
		}
	}
	return before
}

// FindOutcome returns how an action ends.
func (p Pipeline) FindOutcome(k Key) Outcome {
	if i := p.findIndex(k); i >= 0 {
		return p[i].Outcome
	}
	return ""
}

// WithOutcome returns the pipeline with another outcome of an action.
func (p Pipeline) WithOutcome(k Key, outcome Outcome) Pipeline {
	changed := append(Pipeline{}, p...)
	if i := p.findIndex(k); i >= 0 {
		changed[i].Outcome = outcome
	}
	return changed
}

func (p Pipeline) findIndex(k Key) int {
	for i, a := range p {
		if a.Key == k {
			return i
		}
	}
	return -1
}
