// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"haltline.dev/haltline/api/v1alpha1"
)

// A failure is shown when it happens, and not when the last of the siblings has ended.
func TestAFailureIsShownWhileSiblingsRun(t *testing.T) {
	definition := makeDefinition(makeStage("s", makeAction("a", 1), makeAction("b", 1), makeAction("c", 2)))
	intent := step{want: "InProgress | s InProgress: a=unconfirmed b=unconfirmed c=NotStarted"}
	aFails := step{observed: phases{"s/a": PhaseFailed, "s/b": PhaseRunning}, want: "InProgress | s InProgress: a=Failed b=InProgress c=NotStarted"}
	tests := []struct {
		name  string
		steps []step
		want  map[string]string
		parts []string
	}{
		{
			"a sibling runs", []step{intent, aFails},
			map[string]string{"Ready": "False/Failing", "Reconciling": "True/Failing"},
			[]string{`Action "a" of stage "s" failed: BackoffLimitExceeded: Job has reached the specified backoff limit`, "when what runs has finished: s/b."},
		},
		{
			"a sibling cannot be started", []step{
				intent,
				{observed: phases{"s/a": PhaseFailed, "s/b": PhaseBlocked}, want: "InProgress | s InProgress: a=Failed b=unconfirmed c=NotStarted"},
			},
			map[string]string{"Ready": "False/Failing", "Reconciling": "True/Failing"},
			[]string{`Action "a" of stage "s" failed`, "s/b"},
		},
		{
			"the sibling has ended", []step{intent, aFails, {
				observed: phases{"s/b": PhaseSucceeded}, want: "Failed | s Failed: a=Failed b=Succeeded c=NotStarted",
			}},
			map[string]string{"Ready": "False/ActionFailed", "Succeeded": "False/ActionFailed", "Stalled": "True/ActionFailed", "Finished": "True/Failed"},
			[]string{`Action "a" of stage "s" failed`},
		},
		{
			"a stop waits for the sibling", []step{intent, aFails, {
				requests: waitRequests, want: "Stopping | s Stopping: a=Failed b=InProgress c=NotStarted",
			}},
			map[string]string{"Ready": "False/Stopping", "Reconciling": "True/Stopping", "Stopping": "True/Stopping"},
			[]string{"to finish: s/b."},
		},
		{
			"a stop that is not published", []step{
				intent,
				{observed: phases{"s/a": PhaseFailed}, requests: waitRequests, want: "InProgress | s InProgress: a=Failed b=unconfirmed c=NotStarted"},
			},
			map[string]string{"Ready": "False/Fencing", "Reconciling": "True/Fencing"},
			[]string{"A stop is being accepted"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			execution := runSteps(t, definition, tt.steps...)
			if diff := cmp.Diff(tt.want, summarizeConditions(&execution.Status)); diff != "" {
				t.Errorf("conditions (-want +got):\n%s", diff)
			}
			checkContains(t, sharedMessage(t, &execution.Status), tt.parts...)
		})
	}
}

// It is reported once, and again as the end. What keeps a sibling changes the message and reports only the sibling.
func TestAFailureIsReportedOnceWhileSiblingsRun(t *testing.T) {
	definition := makeDefinition(makeStage("s", makeAction("a", 1), makeAction("b", 1)))
	held := Input{Observed: map[ActionKey]Observation{
		{"s", "b"}: {Phase: PhaseRunning, UID: "job-of-s/b", Reason: "ImagePullBackOff", Message: "no such image"},
	}}
	checkTransitions(t, definition, makeExecution(),
		transitionStep{want: []string{"Started"}},
		transitionStep{in: observe(phases{"s/a": PhaseRunning, "s/b": PhaseRunning}), want: []string{"ActionStarted", "ActionStarted"}},
		transitionStep{
			in: observe(phases{"s/a": PhaseFailed, "s/b": PhaseRunning}), want: []string{"ActionFailed", "Failing"},
			messages: []string{"the execution fails when what runs has finished: s/b."},
		},
		transitionStep{in: held, want: []string{"ActionWaiting"}},
		transitionStep{in: observe(phases{"s/b": PhaseSucceeded}), want: []string{"ActionSucceeded", "Failed"}},
	)
}

// Whatever runs, there is room for what failed.
func TestAFailingExecutionNamesWhatFailedBesideFiftyActions(t *testing.T) {
	var all []v1alpha1.Action
	observed, want := phases{"s/a0": PhaseFailed}, []string{"InProgress | s InProgress:", "InProgress | s InProgress:"}
	for i := range 50 {
		all = append(all, makeAction(fmt.Sprintf("a%d", i), 1))
		want[0] += fmt.Sprintf(" a%d=unconfirmed", i)
		if i == 0 {
			want[1] += " a0=Failed"
			continue
		}
		want[1] += fmt.Sprintf(" a%d=InProgress", i)
		observed[fmt.Sprintf("s/a%d", i)] = PhaseRunning
	}
	execution := runSteps(t, makeDefinition(makeStage("s", all...)), step{want: want[0]}, step{observed: observed, want: want[1]})
	message := sharedMessage(t, &execution.Status)
	checkContains(t, message, `Action "a0" of stage "s" failed`, "s/a1, s/a2, s/a3 and 46 more.")
	if strings.Contains(message, "s/a4") {
		t.Errorf("it names too many actions: %s", message)
	}
}
