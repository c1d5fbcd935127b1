// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package model

// Outcome is how an action ends when it is let.
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

// before reports whether an action has to succeed until another may start.
func (a Action) before(b Action) bool {
	return a.StageIndex < b.StageIndex || a.StageIndex == b.StageIndex && a.RunOrder < b.RunOrder
}

// Ends returns the state in which an execution ends that nobody stops, or InProgress where it never does.
func (p Pipeline) Ends() State {
	end := Succeeded
	for _, a := range p {
		switch {
		case !p.reaches(a):
		case a.Outcome == Hangs:
			return InProgress
		case a.Outcome == Fails:
			end = Failed
		}
	}
	return end
}

// reaches reports whether an action is started some time.
func (p Pipeline) reaches(a Action) bool {
	for _, b := range p {
		if b.before(a) && b.Outcome != Succeeds {
			return false
		}
	}
	return true
}

// MayStart reports whether an action may start, given how others have ended.
func (p Pipeline) MayStart(k Key, ended func(Key) (Outcome, bool)) bool {
	i := p.index(k)
	if i < 0 {
		return false
	}
	for _, b := range p {
		if !b.before(p[i]) {
			continue
		}
		if outcome, has := ended(b.Key); !has || outcome != Succeeds {
			return false
		}
	}
	return true
}

// Of returns how an action ends.
func (p Pipeline) Of(k Key) Outcome {
	if i := p.index(k); i >= 0 {
		return p[i].Outcome
	}
	return ""
}

// With returns the pipeline with another outcome of an action.
func (p Pipeline) With(k Key, outcome Outcome) Pipeline {
	changed := append(Pipeline{}, p...)
	if i := p.index(k); i >= 0 {
		changed[i].Outcome = outcome
	}
	return changed
}

func (p Pipeline) index(k Key) int {
	for i, a := range p {
		if a.Key == k {
			return i
		}
	}
	return -1
}
