// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package model

import (
	"slices"
	"testing"
)

func TestARetryIsRefusedAsThePageSays(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		sentence string
		change   func(*Retry)
		want     []Answer
	}{
		{"A stage that failed or was stopped can be run again", func(*Retry) {}, nil},
		{"A stage that failed or was stopped can be run again", func(r *Retry) { r.State = Stopped }, nil},
		{"No execution in the namespace has the id, it is being deleted, or it is of another pipeline.",
			func(r *Retry) { *r = Retry{} }, []Answer{ExecutionNotFound}},
		{"The execution has no such stage.", func(r *Retry) { r.HasStage, r.EndedInStage = false, false }, []Answer{StageNotFound}},
		{"one that never had stages has no such stage, and did not end in it",
			func(r *Retry) { r.HasStages, r.HasStage, r.EndedInStage = false, false, false }, []Answer{StageNotFound, StageNotRetryable}},
		{"The execution has not ended", func(r *Retry) { r.State = InProgress }, []Answer{StageNotRetryable}},
		{"The execution has not ended", func(r *Retry) { r.State = StoppingByAbandon }, []Answer{StageNotRetryable}},
		{"is neither Failed nor Stopped", func(r *Retry) { r.State = Succeeded }, []Answer{StageNotRetryable}},
		{"is neither Failed nor Stopped", func(r *Retry) { r.State = Superseded }, []Answer{StageNotRetryable}},
		{"The stage is not the one that it ended in.", func(r *Retry) { r.EndedInStage = false }, []Answer{StageNotRetryable}},
		{"every action of the stage succeeded, as after a stop that waited: FAILED_ACTIONS has nothing to run then",
			func(r *Retry) { r.State, r.NothingFailed = Stopped, true }, []Answer{StageNotRetryable}},
		{"and ALL_ACTIONS has", func(r *Retry) { r.State, r.NothingFailed, r.AllActions = Stopped, true, true }, nil},
		{"An execution is retried once.", func(r *Retry) { r.IsRetried = true }, []Answer{NotLatest}},
		{"After a crash between the two, the claim names the retry, which goes on.",
			func(r *Retry) { r.IsNamed, r.Mode, r.HadStageLast = true, Queue, false }, nil},
		{"In a pipeline that is PARALLEL nothing else matters.", func(r *Retry) { r.HadStageLast, r.OthersWait = false, true }, nil},
		{"the execution must also be the last that had the stage", func(r *Retry) { r.Mode, r.HadStageLast = Queue, false }, []Answer{NotLatest}},
		{"the execution must also be the last that had the stage", func(r *Retry) { r.Mode, r.HadStageLast = Supersede, false }, []Answer{NotLatest}},
		{"In a pipeline that is SUPERSEDED nobody else may wait before the stage either.",
			func(r *Retry) { r.Mode, r.OthersWait = Supersede, true }, []Answer{NotLatest}},
		{"in one that is QUEUED they may", func(r *Retry) { r.Mode, r.OthersWait = Queue, true }, nil},
		{"The ControllerRevision that pinned what the execution ran is gone.", func(r *Retry) { r.HasRevision = false }, []Answer{RevisionLost}},
		{"several reasons", func(r *Retry) { r.State, r.HasStage, r.EndedInStage = InProgress, false, false }, []Answer{StageNotFound, StageNotRetryable}},
	} {
		r := Retry{IsThere: true, State: Failed, HasStages: true, HasStage: true, EndedInStage: true, Mode: Parallel, HadStageLast: true, HasRevision: true}
		test.change(&r)
		if got := r.Refusals(); !slices.Equal(got, test.want) {
			t.Errorf("%q: %+v is refused with %q, not %q", test.sentence, r, got, test.want)
		}
	}
}

func TestARetryCountsAsThePageSays(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		sentence         string
		state            State
		tookOver, isGone bool
		want             bool
	}{
		{"it has not ended", InProgress, false, false, true},
		{"it is being stopped", StoppingByWait, false, false, true},
		{"This holds if the retry failed or was stopped, also before it ran anything", Stopped, true, false, true},
		{"and if it was deleted: nobody knows then what it did", Stopped, false, true, true},
		{"Only a retry that ended before it took over anything, such as one that was refused", Failed, false, false, false},
		{"or stopped at once, does not count", Stopped, false, false, false},
	} {
		if got := CountsAsRetry(test.state, test.tookOver, test.isGone); got != test.want {
			t.Errorf("%q: %s, took over %t, gone %t: counts %t", test.sentence, test.state, test.tookOver, test.isGone, got)
		}
	}
}

func TestARetryTakesOverWhatThePageSays(t *testing.T) {
	t.Parallel()
	build, copied, rolledOut, mail := Key{"Build", "compile"}, Key{"Deploy", "copy"}, Key{"Deploy", "roll-out"}, Key{"Announce", "mail"}
	p := Pipeline{{build, 0, 1, Succeeds}, {copied, 1, 1, Succeeds}, {rolledOut, 1, 2, Fails}, {mail, 2, 1, Succeeds}}
	for _, test := range []struct {
		sentence   string
		stage      string
		allActions bool
		succeeded  []Key
		want       []Key
	}{
		{"The actions of the stage that have not succeeded run again", "Deploy", false, []Key{build, copied}, []Key{build, copied}},
		{"All actions of the stage run again", "Deploy", true, []Key{build, copied}, []Key{build}},
		{"The stages after it run as well", "Deploy", true, []Key{build, mail}, []Key{build}},
		{"the first stage has nothing before it", "Build", false, nil, nil},
	} {
		got := p.FindTakenOver(test.stage, test.allActions, func(k Key) bool { return slices.Contains(test.succeeded, k) })
		if !slices.Equal(got, test.want) {
			t.Errorf("%q: takes over %v, not %v", test.sentence, got, test.want)
		}
	}
	if !p.IsBeforeStage("Build", "Deploy") || p.IsBeforeStage("Deploy", "Deploy") || p.IsBeforeStage("Announce", "Deploy") {
		t.Error("the stages have another order")
	}
}
