// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package stop

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/verdict"
	"haltline.dev/haltline/internal/text"
)

func findCondition(s *v1alpha1.StopRequestStatus, conditionType string) *metav1.Condition {
	return meta.FindStatusCondition(s.Conditions, conditionType)
}

// summarizeConditions returns each condition as "Status/Reason".
func summarizeConditions(s *v1alpha1.StopRequestStatus) map[string]string {
	m := map[string]string{}
	for _, c := range s.Conditions {
		m[c.Type] = string(c.Status) + "/" + c.Reason
	}
	return m
}

// writeStatuses returns the request after statuses for each of the executions in turn were written to it.
func writeStatuses(sr v1alpha1.StopRequest, executions ...*v1alpha1.PipelineExecution) *v1alpha1.StopRequest {
	for i, execution := range executions {
		answer := verdict.Verdict{}
		if execution != nil {
			answer = Decide(execution, &sr)
		}
		sr.Status = NextStatus(&sr, execution, answer, at(10+i))
	}
	return &sr
}

// deleteExecution has the execution be deleted, with work that has to end or that was left running.
func deleteExecution(sr *v1alpha1.StopRequest, ending, leftRunning []string) *v1alpha1.StopRequest {
	sr.Status = NextStatusOfDeleted(sr, ending, leftRunning, at(20))
	return sr
}

// The request of an execution that is gone names what remains, and does not point to an object that is gone.
func TestStatusOfDeletedNamesWhatRemains(t *testing.T) {
	stopping := makeExecution(v1alpha1.ExecutionStopping, makeStop(makeAccepted("w", wait)))
	many := []string{`Job "a"`, `Job "b"`, `pod "c"`, `pod "d"`, `pod "e"`}
	tests := map[string]struct {
		ending, leftRunning []string
		parts               []string
	}{
		"ending":       {many[:1], nil, []string{"has to end", `Job "a"`}},
		"many":         {many, nil, []string{`Job "a", Job "b", pod "c" and 2 more`}},
		"left running": {nil, many, []string{"left running", `Job "a", Job "b", pod "c" and 2 more`, "Delete"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			sr := deleteExecution(writeStatuses(makeRequest("w", wait, 1), stopping), tt.ending, tt.leftRunning)
			message := findCondition(&sr.Status, v1alpha1.ConditionReady).Message
			for _, part := range append(tt.parts, "was deleted") {
				if !strings.Contains(message, part) {
					t.Errorf("%q lacks %q", message, part)
				}
			}
			if strings.Contains(message, "waitingFor") {
				t.Errorf("%q points to an object that is gone", message)
			}
		})
	}
}

// TestStatus is the table of what the conditions of a request show, and of how kstatus reads them.
func TestStatus(t *testing.T) {
	w := makeStop(makeAccepted("w", wait))
	fencing, stopping, stopped := makeExecution(v1alpha1.ExecutionInProgress, w), makeExecution(v1alpha1.ExecutionStopping, w), makeExecution(v1alpha1.ExecutionStopped, w)
	tests := []struct {
		name  string
		sr    *v1alpha1.StopRequest
		want  map[string]string
		state v1alpha1.ExecutionState
		id    string
	}{
		{
			"undecided: taken, not published", writeStatuses(makeRequest("w", wait, 1), fencing),
			map[string]string{"Ready": "False/Fencing", "Reconciling": "True/Fencing"},
			v1alpha1.ExecutionInProgress, "",
		},
		{
			// "While completing or abandoning in-progress actions, the pipeline execution is in a Stopping state."
			"accepted, execution Stopping", writeStatuses(makeRequest("w", wait, 1), fencing, stopping),
			map[string]string{"Accepted": "True/Accepted", "Ready": "False/Stopping", "Reconciling": "True/Stopping"},
			v1alpha1.ExecutionStopping, executionID,
		},
		{
			// "After all in-progress actions are completed or abandoned, the pipeline execution is in a Stopped state."
			"accepted, execution Stopped", writeStatuses(makeRequest("w", wait, 1), fencing, stopping, stopped),
			map[string]string{"Accepted": "True/Accepted", "Stopped": "True/Stopped", "Ready": "True/Stopped", "Finished": "True/Stopped"},
			v1alpha1.ExecutionStopped, executionID,
		},
		{
			"accepted and Stopped in one", writeStatuses(makeRequest("w", wait, 1), stopped),
			map[string]string{"Accepted": "True/Accepted", "Stopped": "True/Stopped", "Ready": "True/Stopped", "Finished": "True/Stopped"},
			v1alpha1.ExecutionStopped, executionID,
		},
		{
			"rejected", writeStatuses(makeRequest("new", wait, 1), stopping),
			map[string]string{"Accepted": "False/" + dup, "Stalled": "True/" + dup, "Ready": "False/" + dup, "Finished": "True/" + dup},
			v1alpha1.ExecutionStopping, "",
		},
		{
			"rejected after it was pending", writeStatuses(makeRequest("new", wait, 1), makeExecution(v1alpha1.ExecutionInProgress, nil), stopping),
			map[string]string{"Accepted": "False/" + dup, "Stalled": "True/" + dup, "Ready": "False/" + dup, "Finished": "True/" + dup},
			v1alpha1.ExecutionStopping, "",
		},
		{
			"execution deleted while it stopped, and work has to end", deleteExecution(writeStatuses(makeRequest("w", wait, 1), stopping), []string{"pod \"p\""}, nil),
			map[string]string{"Accepted": "True/Accepted", "Reconciling": "True/ExecutionDeleted", "Ready": "False/ExecutionDeleted"},
			v1alpha1.ExecutionStopping, executionID,
		},
		{
			"execution deleted while it stopped, and work was left", deleteExecution(writeStatuses(makeRequest("w", wait, 1), stopping), nil, []string{"Job \"j\""}),
			map[string]string{
				"Accepted": "True/Accepted", "Ready": "False/WorkLeftRunning", "Stalled": "True/WorkLeftRunning", "Finished": "True/WorkLeftRunning",
			},
			"", executionID,
		},
		{
			"execution deleted while it stopped, and some has to end and some was left",
			deleteExecution(writeStatuses(makeRequest("w", wait, 1), stopping), []string{"pod \"p\""}, []string{"Job \"j\""}),
			map[string]string{"Accepted": "True/Accepted", "Reconciling": "True/ExecutionDeleted", "Ready": "False/ExecutionDeleted"},
			v1alpha1.ExecutionStopping, executionID,
		},
		{
			"execution deleted while it stopped", deleteExecution(writeStatuses(makeRequest("w", wait, 1), stopping), nil, nil),
			map[string]string{"Accepted": "True/Accepted", "Stopped": "True/ExecutionDeleted", "Ready": "True/ExecutionDeleted", "Finished": "True/ExecutionDeleted"},
			v1alpha1.ExecutionStopped, executionID,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := &tt.sr.Status
			if diff := cmp.Diff(tt.want, summarizeConditions(got)); diff != "" {
				t.Errorf("conditions (-want +got):\n%s", diff)
			}
			if got.State != tt.state {
				t.Errorf("state is %q, want %q", got.State, tt.state)
			}
			// "The unique system-generated ID of the pipeline execution that was stopped."
			if got.PipelineExecutionID != tt.id {
				t.Errorf("pipelineExecutionId is %q, want %q", got.PipelineExecutionID, tt.id)
			}
			if got.ObservedGeneration != 1 {
				t.Errorf("observedGeneration is %d, want 1", got.ObservedGeneration)
			}
			for _, c := range got.Conditions {
				if c.ObservedGeneration != 1 || c.Message == "" || c.LastTransitionTime.IsZero() {
					t.Errorf("condition %+v lacks its generation, message or time", c)
				}
			}
		})
	}
}

// A request whose execution was not found is rejected too; there is no state to show.
func TestStatusNotFound(t *testing.T) {
	sr := makeRequest("new", abandon, 1)
	got := NextStatus(&sr, nil, DecideNotFound(&sr, false), at(10))
	const reason = v1alpha1.ReasonPipelineNotFound
	want := map[string]string{"Accepted": "False/" + reason, "Stalled": "True/" + reason, "Ready": "False/" + reason, "Finished": "True/" + reason}
	if diff := cmp.Diff(want, summarizeConditions(&got)); diff != "" {
		t.Errorf("conditions (-want +got):\n%s", diff)
	}
	if got.State != "" || got.Mode != abandon {
		t.Errorf("state is %q and mode %q, want none and %s", got.State, got.Mode, abandon)
	}
}

// isFull reports whether a message is as long as it may be, in characters or in bytes of JSON. A few bytes may be free, if the next character has more.
func isFull(message string) bool {
	size := text.SizeInJSON(message)
	return utf8.RuneCountInString(message) == text.MaxMessageLength || size > text.MaxMessageSize-len("停…") && size <= text.MaxMessageSize
}

// The API server refuses a message that is too long. A pipelineName may have been stored under another schema.
func TestStatusMessagesAreBounded(t *testing.T) {
	for _, long := range []string{strings.Repeat("x", 3000), strings.Repeat("停", 3000)} {
		sr := makeRequest("new", wait, 1)
		sr.Spec.PipelineName = long
		got := NextStatus(&sr, nil, DecideNotFound(&sr, false), at(10))
		for _, c := range got.Conditions {
			if n := utf8.RuneCountInString(c.Message); n > text.MaxMessageLength || !isFull(c.Message) || !utf8.ValidString(c.Message) || !strings.HasSuffix(c.Message, "…") {
				t.Errorf("%s: a message of %d characters: %.100q", c.Type, n, c.Message)
			}
		}
		again := sr
		again.Status = got
		if diff := cmp.Diff(got, NextStatus(&again, nil, DecideNotFound(&sr, false), at(20))); diff != "" {
			t.Errorf("written again (-before +after):\n%s", diff)
		}
	}
}

// A verdict is given once: neither another one nor a later state of the execution changes it.
func TestStatusKeepsItsVerdict(t *testing.T) {
	w := makeStop(makeAccepted("w", wait))
	stopping, stopped := makeExecution(v1alpha1.ExecutionStopping, w), makeExecution(v1alpha1.ExecutionStopped, w)
	yesVerdict := verdict.Verdict{Decided: true, Accepted: true, Reason: v1alpha1.ReasonAccepted, Message: "another"}
	noVerdict := verdict.Verdict{Decided: true, Reason: v1alpha1.ReasonNotStoppable, Message: "another"}
	tests := []struct {
		name      string
		sr        *v1alpha1.StopRequest
		execution *v1alpha1.PipelineExecution
		answer    verdict.Verdict
		whole     bool // all of the status stays, and not only the verdict
	}{
		{"rejected, then accepted", writeStatuses(makeRequest("new", wait, 1), stopping), stopped, yesVerdict, true},
		{"rejected, then rejected otherwise", writeStatuses(makeRequest("new", wait, 1), stopping), stopped, noVerdict, true},
		{"rejected, then undecided", writeStatuses(makeRequest("new", wait, 1), stopping), nil, verdict.Verdict{}, true},
		{"accepted, then rejected", writeStatuses(makeRequest("w", wait, 1), stopping), stopped, noVerdict, false},
		{"accepted, then undecided", writeStatuses(makeRequest("w", wait, 1), stopping), stopping, verdict.Verdict{}, false},
		{"accepted and Stopped, then rejected", writeStatuses(makeRequest("w", wait, 1), stopped), stopped, noVerdict, true},
		{"accepted and Stopped, then deleted", writeStatuses(makeRequest("w", wait, 1), stopped), nil, noVerdict, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := NextStatus(tt.sr, tt.execution, tt.answer, at(99))
			before, after := findCondition(&tt.sr.Status, v1alpha1.ConditionAccepted), findCondition(&got, v1alpha1.ConditionAccepted)
			if diff := cmp.Diff(before, after); diff != "" {
				t.Errorf("the verdict changed (-before +after):\n%s", diff)
			}
			if diff := cmp.Diff(tt.sr.Status, got); tt.whole && diff != "" {
				t.Errorf("the status changed (-before +after):\n%s", diff)
			}
			if !tt.whole && meta.IsStatusConditionTrue(got.Conditions, v1alpha1.ConditionStalled) {
				t.Errorf("an accepted request is stalled: %+v", got.Conditions)
			}
		})
	}
}

// The cache shares what it hands out, so the request may not be written to.
func TestStatusChangesNothing(t *testing.T) {
	execution := makeExecution(v1alpha1.ExecutionStopping, makeStop(makeAccepted("w", wait)))
	sr := writeStatuses(makeRequest("w", wait, 1), execution)
	before := sr.DeepCopy()
	execution.Status.State = v1alpha1.ExecutionStopped
	NextStatus(sr, execution, Decide(execution, sr), at(20))
	if diff := cmp.Diff(before, sr); diff != "" {
		t.Errorf("the request was changed (-before +after):\n%s", diff)
	}
}

// If nothing happened, the status is the same, whatever the time: otherwise the writes would not stop.
func TestStatusSettles(t *testing.T) {
	w := makeStop(makeAccepted("w", wait))
	for _, state := range stateColumns {
		for _, name := range []string{"w", "new"} {
			execution := makeExecution(state, w)
			sr := writeStatuses(makeRequest(name, wait, 1), execution)
			got := NextStatus(sr, execution, Decide(execution, sr), at(50))
			if diff := cmp.Diff(sr.Status, got); diff != "" {
				t.Errorf("state %q, request %s (-first +second):\n%s", state, name, diff)
			}
		}
	}
}

func TestFinished(t *testing.T) {
	w := makeStop(makeAccepted("w", wait))
	fencing, stopping, stopped := makeExecution("", w), makeExecution(v1alpha1.ExecutionStopping, w), makeExecution(v1alpha1.ExecutionStopped, w)
	tests := []struct {
		name string
		sr   *v1alpha1.StopRequest
		want bool
	}{
		{"new", writeStatuses(makeRequest("w", wait, 1)), false},
		{"undecided", writeStatuses(makeRequest("w", wait, 1), fencing), false},
		{"accepted, Stopping", writeStatuses(makeRequest("w", wait, 1), stopping), false},
		{"accepted, Stopped", writeStatuses(makeRequest("w", wait, 1), stopped), true},
		{"rejected", writeStatuses(makeRequest("new", wait, 1), stopping), true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := verdict.IsFinished(tt.sr.Status.Conditions); got != tt.want {
				t.Errorf("IsFinished is %v, want %v", got, tt.want)
			}
		})
	}
}

// A rejected request that an earlier version of the operator answered has no Finished. It gets one, and keeps its verdict.
func TestStatusRestoresFinished(t *testing.T) {
	stopping := makeExecution(v1alpha1.ExecutionStopping, makeStop(makeAccepted("w", wait)))
	stopped := makeExecution(v1alpha1.ExecutionStopped, makeStop(makeAccepted("w", wait)))
	rejected := writeStatuses(makeRequest("new", wait, 1), stopping)
	want := rejected.Status.DeepCopy()
	otherAnswers := map[string]verdict.Verdict{
		"the same answer": Decide(stopping, rejected),
		"another one":     Decide(stopped, rejected),
		"none":            {},
		"an acceptance":   {Decided: true, Accepted: true, Reason: v1alpha1.ReasonAccepted, Message: "another"},
	}
	for name, answer := range otherAnswers {
		t.Run(name, func(t *testing.T) {
			sr := rejected.DeepCopy()
			meta.RemoveStatusCondition(&sr.Status.Conditions, v1alpha1.ConditionFinished)
			if verdict.IsFinished(sr.Status.Conditions) {
				t.Fatalf("it is finished without the condition: %+v", sr.Status)
			}
			got := NextStatus(sr, stopping, answer, at(50))
			if diff := cmp.Diff(summarizeConditions(want), summarizeConditions(&got)); diff != "" || !verdict.IsFinished(got.Conditions) {
				t.Errorf("conditions (-want +got):\n%s", diff)
			}
			for _, name := range []string{v1alpha1.ConditionAccepted, v1alpha1.ConditionReady, v1alpha1.ConditionStalled} {
				if diff := cmp.Diff(findCondition(want, name), findCondition(&got, name)); diff != "" {
					t.Errorf("%s (-want +got):\n%s", name, diff)
				}
			}
			if c := findCondition(&got, v1alpha1.ConditionFinished); c.Message != findCondition(want, v1alpha1.ConditionFinished).Message {
				t.Errorf("the message of Finished is %q", c.Message)
			}
		})
	}
}

// The API server refuses a condition without a reason. An accepted request may be compared with an older copy of its
// execution, after the operator started anew.
func TestStatusConditionsHaveReasons(t *testing.T) {
	accepted := writeStatuses(makeRequest("w", wait, 1), makeExecution(v1alpha1.ExecutionStopping, makeStop(makeAccepted("w", wait))))
	for _, state := range stateColumns {
		got := NextStatus(accepted, makeExecution(state, nil), verdict.Verdict{}, at(20))
		for _, c := range got.Conditions {
			if c.Reason == "" {
				t.Errorf("execution in state %q: condition %s has no reason", state, c.Type)
			}
		}
	}
}
