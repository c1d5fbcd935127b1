// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package model

import "testing"

func TestPutAnswersAsTheContractSays(t *testing.T) {
	t.Parallel()
	yes, no := Result{Approves: true}, Result{}
	for _, test := range []struct {
		sentence string
		state    Approval
		result   Result
		forbids  bool
		answer   Answer
		next     Approval
	}{
		{"Approved lets the execution go on", Waiting, yes, false, Accepted, Approved},
		{"Rejected fails it", Waiting, no, false, Accepted, Rejected},
		{"The approval action has already been approved or rejected.", Approved, no, false, AlreadyCompleted, Approved},
		{"The approval action has already been approved or rejected.", Rejected, yes, false, AlreadyCompleted, Rejected},
		{"what has not started does not wait", NotStarted, yes, false, NotPending, NotStarted},
		{"what ended otherwise does not wait any more", Undecided, yes, false, NotPending, Undecided},
		{"its time was up", Waiting, Result{Approves: true, IsLate: true}, false, NotPending, Waiting},
		{"who started it may not approve it", Waiting, Result{Approves: true, MayBeStarter: true}, true, NotAllowed, Waiting},
		{"who started it may reject it", Waiting, Result{MayBeStarter: true}, true, Accepted, Rejected},
		{"who started it may approve it unless that is forbidden", Waiting, Result{Approves: true, MayBeStarter: true}, false, Accepted, Approved},
	} {
		answer, next := test.state.Put(test.result, test.forbids)
		if answer != test.answer || next != test.next {
			t.Errorf("%q: %+v in state %q is answered %q and leads to %q, not %q and %q",
				test.sentence, test.result, test.state, answer, next, test.answer, test.next)
		}
	}
	if AnswerUnknownApproval(true) != ExecutionNotFound || AnswerUnknownApproval(false) != PipelineNotFound {
		t.Error("what is not there is answered otherwise")
	}
}

func TestApprovalsEndAsTheyWereDecided(t *testing.T) {
	t.Parallel()
	for state, want := range map[Approval]Outcome{NotStarted: Hangs, Waiting: Hangs, Approved: Succeeds, Rejected: Fails, Undecided: Fails} {
		if got := state.FindOutcome(); got != want {
			t.Errorf("%s: %s", state, got)
		}
	}
}
