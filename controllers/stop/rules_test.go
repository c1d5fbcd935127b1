// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package stop

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"haltline.dev/haltline/api/v1alpha1"
)

// What the rules can say of a request.
const (
	take  = "is accepted next" // the execution has yet to take it, and will
	fence = "is taken, not published"
	yes   = "Accepted"
	dup   = v1alpha1.ReasonDuplicatedStopRequest
	no    = v1alpha1.ReasonNotStoppable
)

// said puts what Decide and Accept say together into one of the words above.
func said(e *v1alpha1.PipelineExecution, r *v1alpha1.StopRequest) string {
	v := Decide(e, r)
	before := len(names(e.Status.Stop))
	takes := len(names(Accept(&e.Status, []v1alpha1.StopRequest{*r}, at(9)))) > before
	switch {
	case v.Decided && takes:
		return "decided and yet accepted next"
	case v.Decided && v.Accepted != (v.Reason == v1alpha1.ReasonAccepted):
		return "accepted with the reason of a rejection, or the reverse"
	case v.Decided:
		return v.Reason
	case takes:
		return take
	default:
		return fence
	}
}

// columns are the states of the execution, in the order of the columns of TestRules.
var columns = [6]v1alpha1.ExecutionState{
	"", v1alpha1.ExecutionInProgress, v1alpha1.ExecutionStopping,
	v1alpha1.ExecutionStopped, v1alpha1.ExecutionSucceeded, v1alpha1.ExecutionFailed,
}

// TestRules is the whole table of the rules 4 to 8: each state of an execution, each stop that can be in force, each
// request, recorded by the execution or not.
func TestRules(t *testing.T) {
	none := []v1alpha1.AcceptedStopRequest{}
	waits := []v1alpha1.AcceptedStopRequest{accepted("w", wait)}
	escalated := []v1alpha1.AcceptedStopRequest{accepted("w", wait), accepted("a", abandon)}
	abandons := []v1alpha1.AcceptedStopRequest{accepted("a", abandon)}

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
		{"no stop, wait", none, request("new", wait, 1), [6]string{take, take, take, no, no, no}},
		{"no stop, abandon", none, request("new", abandon, 1), [6]string{take, take, take, no, no, no}},

		// Rule 7: "If you already chose to stop and wait, you cannot make that request again. You can choose to stop and
		// abandon now".
		{"wait, another wait", waits, request("new", wait, 1), [6]string{dup, dup, dup, no, no, no}},
		{"wait, an abandon", waits, request("new", abandon, 1), [6]string{take, take, take, no, no, no}},
		// Rule 4 comes first: "whatever happened since". Undecided until the state shows the stop.
		{"wait, the very wait", waits, request("w", wait, 1), [6]string{fence, fence, yes, yes, yes, yes}},
		{"wait, its uid on an abandon", waits, request("w", abandon, 1), [6]string{fence, fence, yes, yes, yes, yes}},

		// Rule 8: "If you already chose to stop and abandon, you cannot make that request again."
		{"escalated, a wait", escalated, request("new", wait, 1), [6]string{dup, dup, dup, no, no, no}},
		{"escalated, an abandon", escalated, request("new", abandon, 1), [6]string{dup, dup, dup, no, no, no}},
		{"escalated, the very wait", escalated, request("w", wait, 1), [6]string{fence, fence, yes, yes, yes, yes}},
		{"escalated, the very abandon", escalated, request("a", abandon, 1), [6]string{fence, fence, yes, yes, yes, yes}},

		{"abandon, a wait", abandons, request("new", wait, 1), [6]string{dup, dup, dup, no, no, no}},
		{"abandon, another abandon", abandons, request("new", abandon, 1), [6]string{dup, dup, dup, no, no, no}},
		{"abandon, the very abandon", abandons, request("a", abandon, 1), [6]string{fence, fence, yes, yes, yes, yes}},
		{"abandon, its uid on a wait", abandons, request("a", wait, 1), [6]string{fence, fence, yes, yes, yes, yes}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got [6]string
			for i, state := range columns {
				got[i] = said(execution(state, inForceOf(tt.inForce...)), &tt.request)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("columns are the states %q (-want +got):\n%s", columns, diff)
			}
		})
	}
}

// An execution that is being deleted can go on for long, where a finalizer of another keeps it: it can be stopped like any
// other.
func TestRulesOfAnExecutionThatIsBeingDeleted(t *testing.T) {
	for _, state := range columns {
		for _, inForce := range []*v1alpha1.StopStatus{nil, inForceOf(accepted("w", wait)), inForceOf(accepted("a", abandon))} {
			for _, r := range []v1alpha1.StopRequest{request("w", wait, 1), request("new", wait, 1), request("new", abandon, 1)} {
				e := execution(state, inForce)
				want := Decide(e, &r)
				deleted := at(5)
				e.DeletionTimestamp = &deleted
				if diff := cmp.Diff(want, Decide(e, &r)); diff != "" {
					t.Errorf("%s, stop %+v, request %q (-as any other +being deleted):\n%s", state, inForce, r.Name, diff)
				}
			}
		}
	}
}

// A request is recognized by its UID alone: a later one of the same name is another request.
func TestRecordedIsByUID(t *testing.T) {
	e := execution(v1alpha1.ExecutionStopping, inForceOf(accepted("w", wait)))
	again := request("w", wait, 1)
	again.UID = "uid-of-a-later-request"
	if got := Decide(e, &again); got.Reason != dup {
		t.Errorf("a re-created StopRequest got %+v, want %s", got, dup)
	}
}

// The table has no row for what a schema keeps out; it must not panic either.
func TestStopWithoutRequests(t *testing.T) {
	for _, mode := range []v1alpha1.StopMode{wait, abandon, ""} {
		e := execution(v1alpha1.ExecutionStopping, &v1alpha1.StopStatus{Mode: mode})
		r := request("new", wait, 1)
		if got := said(e, &r); got != dup {
			t.Errorf("a wait under a stop in mode %q without requests: %s, want %s", mode, got, dup)
		}
	}
}

// What a verdict says to a person: whom it is about, and what can be done.
func TestVerdictMessages(t *testing.T) {
	tests := []struct {
		name    string
		state   v1alpha1.ExecutionState
		inForce *v1alpha1.StopStatus
		request v1alpha1.StopRequest
		want    []string
	}{
		{"not taken yet", v1alpha1.ExecutionInProgress, nil, request("new", wait, 1), []string{"has not taken the request yet"}},
		{"fencing", v1alpha1.ExecutionInProgress, inForceOf(accepted("w", wait)), request("w", wait, 1), []string{"makes sure that nothing more starts"}},
		{"accepted wait", v1alpha1.ExecutionStopping, inForceOf(accepted("w", wait)), request("w", wait, 1), []string{theExecution, "finish", "nothing further starts"}},
		{"accepted abandon", v1alpha1.ExecutionStopping, inForceOf(accepted("a", abandon)), request("a", abandon, 1), []string{theExecution, "abandoned"}},
		{"not stoppable", v1alpha1.ExecutionFailed, nil, request("new", wait, 1), []string{"Unable to stop the pipeline execution", theExecution, "Failed"}},
		{
			"duplicated wait", v1alpha1.ExecutionStopping, inForceOf(accepted("first", wait)), request("new", wait, 1),
			[]string{"already in a Stopping state", `"first"`, "stop and wait", "abandon: true", "failed tasks or out of sequence tasks"},
		},
		{
			"duplicated abandon names the one that abandoned", v1alpha1.ExecutionStopping,
			inForceOf(accepted("first", wait), accepted("second", abandon)), request("new", abandon, 1),
			[]string{"already in a Stopping state", `"second"`, "stop and abandon"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := Decide(execution(tt.state, tt.inForce), &tt.request).Message
			for _, want := range tt.want {
				if !strings.Contains(got, want) {
					t.Errorf("the message %q does not have %q", got, want)
				}
			}
		})
	}
}

// Rule 3: "The pipeline was specified in an invalid format or cannot be found", or the execution is not there.
func TestNotFound(t *testing.T) {
	tests := []struct {
		name          string
		pipelineFound bool
		reason        string
		says          []string
	}{
		{"no such Pipeline", false, v1alpha1.ReasonPipelineNotFound, []string{"spec.pipelineName: ", thePipeline, `"team"`}},
		{"no such execution", true, v1alpha1.ReasonNotStoppable, []string{"spec.pipelineExecutionId: ", theExecution, `"team"`, "kubectl get pipelineexecutions"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := request("new", wait, 1)
			got := NotFound(&r, tt.pipelineFound)
			if !got.Decided || got.Accepted || got.Reason != tt.reason {
				t.Errorf("got %+v, want a rejection with %s", got, tt.reason)
			}
			if !strings.HasPrefix(got.Message, tt.says[0]) {
				t.Errorf("the message %q does not begin with the field %q", got.Message, tt.says[0])
			}
			for _, want := range tt.says {
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
		{"another id", func(r *v1alpha1.StopRequest) { r.Spec.PipelineExecutionID = strings.Replace(theExecution, "0", "1", 1) }, false},
		{"another pipeline", func(r *v1alpha1.StopRequest) { r.Spec.PipelineName = "deploy@test" }, false},
		{"a name that differs in case", func(r *v1alpha1.StopRequest) { r.Spec.PipelineName = "Deploy@prod" }, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := request("r", wait, 1)
			tt.change(&r)
			if got := ConcernsExecution(&r, execution(v1alpha1.ExecutionInProgress, nil)); got != tt.want {
				t.Errorf("Concerns is %v, want %v", got, tt.want)
			}
		})
	}
}
