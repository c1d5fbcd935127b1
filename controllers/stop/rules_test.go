// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package stop

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"haltline.dev/haltline/api/v1alpha1"
)

// What the rules can decide about a request.
const (
	take  = "is accepted next" // the execution has yet to take it, and will
	fence = "is taken, not published"
	yes   = "Accepted"
	dup   = v1alpha1.ReasonDuplicatedStopRequest
	no    = v1alpha1.ReasonNotStoppable
)

// describeRuling puts what Decide and Accept return together into one of the words above.
func describeRuling(execution *v1alpha1.PipelineExecution, sr *v1alpha1.StopRequest) string {
	answer := Decide(execution, sr)
	before := len(acceptedNames(execution.Status.Stop))
	takes := len(acceptedNames(Accept(&execution.Status, []v1alpha1.StopRequest{*sr}, at(9)))) > before
	switch {
	case answer.Decided && takes:
		return "decided and yet accepted next"
	case answer.Decided && answer.Accepted != (answer.Reason == v1alpha1.ReasonAccepted):
		return "accepted with the reason of a rejection, or the reverse"
	case answer.Decided:
		return answer.Reason
	case takes:
		return take
	default:
		return fence
	}
}

// stateColumns are the states of the execution, in the order of the columns of TestRules.
var stateColumns = [6]v1alpha1.ExecutionState{
	"", v1alpha1.ExecutionInProgress, v1alpha1.ExecutionStopping,
	v1alpha1.ExecutionStopped, v1alpha1.ExecutionSucceeded, v1alpha1.ExecutionFailed,
}

// TestRules is the whole table of the rules 4 to 8: each state of an execution, each stop that can be in force, each
// request, recorded by the execution or not.
func TestRules(t *testing.T) {
	none := []v1alpha1.AcceptedStopRequest{}
	waits := []v1alpha1.AcceptedStopRequest{makeAccepted("w", wait)}
	escalated := []v1alpha1.AcceptedStopRequest{makeAccepted("w", wait), makeAccepted("a", abandon)}
	abandons := []v1alpha1.AcceptedStopRequest{makeAccepted("a", abandon)}

	tests := []struct {
		name    string
		inForce []v1alpha1.AcceptedStopRequest
		request v1alpha1.StopRequest
		// "" , InProgress, Stopping, Stopped, Succeeded, Failed
		want [6]string
	}{
		// Rule 6: "You choose to either stop the pipeline execution by completing in-progress actions without starting
		// subsequent actions, or by abandoning in-progress actions." Rule 5 after the end: "The execution might already be
		// in a Stopped state, or it might no longer be in progress."
		{"no stop, wait", none, makeRequest("new", wait, 1), [6]string{take, take, take, no, no, no}},
		{"no stop, abandon", none, makeRequest("new", abandon, 1), [6]string{take, take, take, no, no, no}},

		// Rule 7: "If you already chose to stop and wait, you cannot make that request again. You can choose to stop and
		// abandon now".
		{"wait, another wait", waits, makeRequest("new", wait, 1), [6]string{dup, dup, dup, no, no, no}},
		{"wait, an abandon", waits, makeRequest("new", abandon, 1), [6]string{take, take, take, no, no, no}},
		// Rule 4 comes first: "whatever happened since". Undecided until the state shows the stop.
		{"wait, the very wait", waits, makeRequest("w", wait, 1), [6]string{fence, fence, yes, yes, yes, yes}},
		{"wait, its uid on an abandon", waits, makeRequest("w", abandon, 1), [6]string{fence, fence, yes, yes, yes, yes}},

		// Rule 8: "If you already chose to stop and abandon, you cannot make that request again."
		{"escalated, a wait", escalated, makeRequest("new", wait, 1), [6]string{dup, dup, dup, no, no, no}},
		{"escalated, an abandon", escalated, makeRequest("new", abandon, 1), [6]string{dup, dup, dup, no, no, no}},
		{"escalated, the very wait", escalated, makeRequest("w", wait, 1), [6]string{fence, fence, yes, yes, yes, yes}},
		{"escalated, the very abandon", escalated, makeRequest("a", abandon, 1), [6]string{fence, fence, yes, yes, yes, yes}},

		{"abandon, a wait", abandons, makeRequest("new", wait, 1), [6]string{dup, dup, dup, no, no, no}},
		{"abandon, another abandon", abandons, makeRequest("new", abandon, 1), [6]string{dup, dup, dup, no, no, no}},
		{"abandon, the very abandon", abandons, makeRequest("a", abandon, 1), [6]string{fence, fence, yes, yes, yes, yes}},
		{"abandon, its uid on a wait", abandons, makeRequest("a", wait, 1), [6]string{fence, fence, yes, yes, yes, yes}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got [6]string
			for i, state := range stateColumns {
				got[i] = describeRuling(makeExecution(state, makeStop(tt.inForce...)), &tt.request)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("columns are the states %q (-want +got):\n%s", stateColumns, diff)
			}
		})
	}
}

// An execution that is being deleted can go on for long if a finalizer of somebody else keeps it. It can be stopped like any
// other.
func TestRulesOfAnExecutionThatIsBeingDeleted(t *testing.T) {
	for _, state := range stateColumns {
		for _, inForce := range []*v1alpha1.StopStatus{nil, makeStop(makeAccepted("w", wait)), makeStop(makeAccepted("a", abandon))} {
			for _, sr := range []v1alpha1.StopRequest{makeRequest("w", wait, 1), makeRequest("new", wait, 1), makeRequest("new", abandon, 1)} {
				execution := makeExecution(state, inForce)
				want := Decide(execution, &sr)
				deleted := at(5)
				execution.DeletionTimestamp = &deleted
				if diff := cmp.Diff(want, Decide(execution, &sr)); diff != "" {
					t.Errorf("%s, stop %+v, request %q (-as any other +being deleted):\n%s", state, inForce, sr.Name, diff)
				}
			}
		}
	}
}

// A request is recognized by its UID alone: a later one of the same name is another request.
func TestRecordedIsByUID(t *testing.T) {
	execution := makeExecution(v1alpha1.ExecutionStopping, makeStop(makeAccepted("w", wait)))
	again := makeRequest("w", wait, 1)
	again.UID = "uid-of-a-later-request"
	if got := Decide(execution, &again); got.Reason != dup {
		t.Errorf("a re-created StopRequest got %+v, want %s", got, dup)
	}
}

// The table has no row for what a schema keeps out; it must not panic either.
func TestStopWithoutRequests(t *testing.T) {
	for _, mode := range []v1alpha1.StopMode{wait, abandon, ""} {
		execution := makeExecution(v1alpha1.ExecutionStopping, &v1alpha1.StopStatus{Mode: mode})
		sr := makeRequest("new", wait, 1)
		if got := describeRuling(execution, &sr); got != dup {
			t.Errorf("a wait under a stop in mode %q without requests: %s, want %s", mode, got, dup)
		}
	}
}

// The message of a verdict names what it is about, and what can be done.
func TestVerdictMessages(t *testing.T) {
	tests := []struct {
		name    string
		state   v1alpha1.ExecutionState
		inForce *v1alpha1.StopStatus
		request v1alpha1.StopRequest
		want    []string
	}{
		{"not taken yet", v1alpha1.ExecutionInProgress, nil, makeRequest("new", wait, 1), []string{"has not taken the request yet"}},
		{"fencing", v1alpha1.ExecutionInProgress, makeStop(makeAccepted("w", wait)), makeRequest("w", wait, 1), []string{"makes sure that nothing more starts"}},
		{"accepted wait", v1alpha1.ExecutionStopping, makeStop(makeAccepted("w", wait)), makeRequest("w", wait, 1), []string{executionID, "finish", "nothing further starts"}},
		{"accepted abandon", v1alpha1.ExecutionStopping, makeStop(makeAccepted("a", abandon)), makeRequest("a", abandon, 1), []string{executionID, "abandoned"}},
		{"not stoppable", v1alpha1.ExecutionFailed, nil, makeRequest("new", wait, 1), []string{"Unable to stop the pipeline execution", executionID, "Failed"}},
		{
			"duplicated wait", v1alpha1.ExecutionStopping, makeStop(makeAccepted("first", wait)), makeRequest("new", wait, 1),
			[]string{"already in a Stopping state", `"first"`, "stop and wait", "abandon: true", "failed tasks or out of sequence tasks"},
		},
		{
			"duplicated abandon names the one that abandoned", v1alpha1.ExecutionStopping,
			makeStop(makeAccepted("first", wait), makeAccepted("second", abandon)), makeRequest("new", abandon, 1),
			[]string{"already in a Stopping state", `"second"`, "stop and abandon"},
		},
		{
			"a duplicate of a request that was deleted and made again under its name", v1alpha1.ExecutionStopping,
			makeStop(makeAccepted("first", wait)), withUID(makeRequest("first", wait, 1), "made-again"),
			[]string{`an earlier StopRequest "first", which was deleted since, chose to stop and wait`},
		},
		{
			"a duplicate that would escalate a stop that never does", v1alpha1.ExecutionStopping, makeStop(makeAccepted("first", wait)),
			withEscalation(makeRequest("new", wait, 1), 60),
			[]string{"spec.escalateAfterSeconds: 60 has no effect", "never escalates by itself", "create a StopRequest with abandon: true"},
		},
		{
			"a duplicate that would escalate at another time", v1alpha1.ExecutionStopping, makeStop(escalatingAt(makeAccepted("first", wait), "2026-03-01T13:00:00Z")),
			withEscalation(makeRequest("new", wait, 1), 60),
			[]string{"spec.escalateAfterSeconds: 60 has no effect", "escalates at 2026-03-01T13:00:00Z", "abandon: true"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := Decide(makeExecution(tt.state, tt.inForce), &tt.request).Message
			for _, want := range tt.want {
				if !strings.Contains(got, want) {
					t.Errorf("the message %q does not have %q", got, want)
				}
			}
		})
	}
}

// A duplicate that asks for no escalation does not read of one.
func TestAPlainDuplicateDoesNotReadOfEscalation(t *testing.T) {
	sr := makeRequest("new", wait, 1)
	for _, first := range []v1alpha1.AcceptedStopRequest{makeAccepted("first", wait), escalatingAt(makeAccepted("first", wait), "2026-03-01T13:00:00Z")} {
		if got := Decide(makeExecution(v1alpha1.ExecutionStopping, makeStop(first)), &sr).Message; strings.Contains(got, "escalat") {
			t.Errorf("got %q", got)
		}
	}
}

func withEscalation(sr v1alpha1.StopRequest, seconds int64) v1alpha1.StopRequest {
	sr.Spec.EscalateAfterSeconds = &seconds
	return sr
}

// escalatingAt returns an accepted request that escalates at a time.
func escalatingAt(accepted v1alpha1.AcceptedStopRequest, at string) v1alpha1.AcceptedStopRequest {
	parsed, err := time.Parse(time.RFC3339, at)
	if err != nil {
		panic(err)
	}
	accepted.EscalationTime = &metav1.Time{Time: parsed}
	return accepted
}

// Rule 3: "The pipeline was specified in an invalid format or cannot be found", or the execution is not there.
func TestNotFound(t *testing.T) {
	tests := []struct {
		name          string
		pipelineFound bool
		reason        string
		parts         []string
	}{
		{"no such Pipeline", false, v1alpha1.ReasonPipelineNotFound, []string{"spec.pipelineName: ", pipelineName, `"team"`}},
		{"no such execution", true, v1alpha1.ReasonNotStoppable, []string{"spec.pipelineExecutionId: ", executionID, `"team"`, "kubectl get pipelineexecutions"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			sr := makeRequest("new", wait, 1)
			got := DecideNotFound(&sr, tt.pipelineFound)
			if !got.Decided || got.Accepted || got.Reason != tt.reason {
				t.Errorf("got %+v, want a rejection with %s", got, tt.reason)
			}
			if !strings.HasPrefix(got.Message, tt.parts[0]) {
				t.Errorf("the message %q does not begin with the field %q", got.Message, tt.parts[0])
			}
			for _, want := range tt.parts {
				if !strings.Contains(got.Message, want) {
					t.Errorf("the message %q does not have %q", got.Message, want)
				}
			}
		})
	}
}

// Rule 2: the execution "exists and belongs to pipelineName".
func TestConcerns(t *testing.T) {
	tests := []struct {
		name   string
		change func(*v1alpha1.StopRequest)
		want   bool
	}{
		{"its id and its pipeline", func(*v1alpha1.StopRequest) {}, true},
		{"another id", func(sr *v1alpha1.StopRequest) {
			sr.Spec.PipelineExecutionID = strings.Replace(executionID, "0", "1", 1)
		}, false},
		{"another pipeline", func(sr *v1alpha1.StopRequest) { sr.Spec.PipelineName = "deploy@test" }, false},
		{"a name that differs in case", func(sr *v1alpha1.StopRequest) { sr.Spec.PipelineName = "Deploy@prod" }, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			sr := makeRequest("r", wait, 1)
			tt.change(&sr)
			if got := ConcernsExecution(&sr, makeExecution(v1alpha1.ExecutionInProgress, nil)); got != tt.want {
				t.Errorf("ConcernsExecution is %v, want %v", got, tt.want)
			}
		})
	}
}
