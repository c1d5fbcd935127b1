// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package model

import "testing"

const (
	wait    = false
	abandon = true
)

func TestStopAnswersAsTheContractSays(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		sentence string
		state    State
		abandon  bool
		answer   Answer
		next     State
	}{
		{"Stops the specified pipeline execution. You choose to either stop the pipeline execution by completing in-progress " +
			"actions without starting subsequent actions,", InProgress, wait, Accepted, StoppingByWait},
		{"or by abandoning in-progress actions.", InProgress, abandon, Accepted, StoppingByAbandon},
		{"The pipeline execution is already in a Stopping state. If you already chose to stop and wait, you cannot make that " +
			"request again.", StoppingByWait, wait, Duplicated, StoppingByWait},
		{"You can choose to stop and abandon now, but be aware that this option can lead to failed tasks or out of sequence " +
			"tasks.", StoppingByWait, abandon, Accepted, StoppingByAbandon},
		{"If you already chose to stop and abandon, you cannot make that request again.",
			StoppingByAbandon, abandon, Duplicated, StoppingByAbandon},
		{"The pipeline execution is already in a Stopping state.", StoppingByAbandon, wait, Duplicated, StoppingByAbandon},
		{"Unable to stop the pipeline execution. The execution might already be in a Stopped state,",
			Stopped, wait, NotStoppable, Stopped},
		{"Unable to stop the pipeline execution. The execution might already be in a Stopped state,",
			Stopped, abandon, NotStoppable, Stopped},
		{"or it might no longer be in progress.", Succeeded, wait, NotStoppable, Succeeded},
		{"or it might no longer be in progress.", Failed, abandon, NotStoppable, Failed},
	} {
		answer, next := test.state.Stop(test.abandon)
		if answer != test.answer || next != test.next {
			t.Errorf("%q: abandon %t in state %q is answered %q and leads to %q, not %q and %q",
				test.sentence, test.abandon, test.state, answer, next, test.answer, test.next)
		}
	}
}

func TestUnknownAnswersAsTheContractSays(t *testing.T) {
	t.Parallel()
	if got := AnswerUnknown(false); got != PipelineNotFound {
		t.Errorf("%q: answered %q", "The pipeline was specified in an invalid format or cannot be found.", got)
	}
	if got := AnswerUnknown(true); got != NotStoppable {
		t.Errorf("%q: answered %q", "Unable to stop the pipeline execution.", got)
	}
}

func TestMayBecomeIsAsTheContractSays(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		sentence string
		from     State
		to       []State
	}{
		{"it might no longer be in progress", InProgress, []State{InProgress, Succeeded, Failed, Superseded}},
		{"While completing or abandoning in-progress actions, the pipeline execution is in a Stopping state. After all " +
			"in-progress actions are completed or abandoned, the pipeline execution is in a Stopped state.",
			StoppingByWait, []State{StoppingByWait, Stopped}},
		{"After all in-progress actions are completed or abandoned, the pipeline execution is in a Stopped state.",
			StoppingByAbandon, []State{StoppingByAbandon, Stopped}},
		{"already be in a Stopped state", Stopped, []State{Stopped}},
		{"no longer be in progress", Succeeded, []State{Succeeded}},
		{"no longer be in progress", Failed, []State{Failed}},
		{"no longer be in progress", Superseded, []State{Superseded}},
	} {
		may := map[State]bool{}
		for _, s := range test.to {
			may[s] = true
		}
		for _, s := range []State{InProgress, StoppingByWait, StoppingByAbandon, Stopped, Succeeded, Failed, Superseded} {
			if got := test.from.MayBecome(s); got != may[s] {
				t.Errorf("%q: from %q to %q: %t", test.sentence, test.from, s, got)
			}
		}
	}
}
