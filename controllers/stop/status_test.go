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
	"haltline.dev/haltline/internal/text"
)

func condition(s *v1alpha1.StopRequestStatus, conditionType string) *metav1.Condition {
	return meta.FindStatusCondition(s.Conditions, conditionType)
}

// summary is each condition as "Status/Reason".
func summary(s *v1alpha1.StopRequestStatus) map[string]string {
	m := map[string]string{}
	for _, c := range s.Conditions {
		m[c.Type] = string(c.Status) + "/" + c.Reason
	}
	return m
}

// written returns the request after statuses for each of the executions in turn were written to it.
func written(r v1alpha1.StopRequest, executions ...*v1alpha1.PipelineExecution) *v1alpha1.StopRequest {
	for i, e := range executions {
		v := Verdict{}
		if e != nil {
			v = Decide(e, &r)
		}
		r.Status = NextStatus(&r, e, v, at(10+i))
	}
	return &r
}

// TestStatus is the kstatus table of the design, row by row.
func TestStatus(t *testing.T) {
	w := inForceOf(accepted("w", wait))
	fencing, stopping, stopped := execution(v1alpha1.ExecutionInProgress, w), execution(v1alpha1.ExecutionStopping, w), execution(v1alpha1.ExecutionStopped, w)
	tests := []struct {
		name  string
		r     *v1alpha1.StopRequest
		want  map[string]string
		state v1alpha1.ExecutionState
		id    string
	}{
		{
			"undecided: taken, not published", written(request("w", wait, 1), fencing),
			map[string]string{"Ready": "False/Fencing", "Reconciling": "True/Fencing"},
			v1alpha1.ExecutionInProgress, "",
		},
		{
			// "While completing or abandoning in-progress actions, the pipeline execution is in a Stopping state."
			"accepted, execution Stopping", written(request("w", wait, 1), fencing, stopping),
			map[string]string{"Accepted": "True/Accepted", "Ready": "False/Stopping", "Reconciling": "True/Stopping"},
			v1alpha1.ExecutionStopping, theExecution,
		},
		{
			// "After all in-progress actions are completed or abandoned, the pipeline execution is in a Stopped state."
			"accepted, execution Stopped", written(request("w", wait, 1), fencing, stopping, stopped),
			map[string]string{"Accepted": "True/Accepted", "Stopped": "True/Stopped", "Ready": "True/Stopped"},
			v1alpha1.ExecutionStopped, theExecution,
		},
		{
			"accepted and Stopped in one", written(request("w", wait, 1), stopped),
			map[string]string{"Accepted": "True/Accepted", "Stopped": "True/Stopped", "Ready": "True/Stopped"},
			v1alpha1.ExecutionStopped, theExecution,
		},
		{
			"rejected", written(request("new", wait, 1), stopping),
			map[string]string{"Accepted": "False/" + dup, "Stalled": "True/" + dup, "Ready": "False/" + dup},
			v1alpha1.ExecutionStopping, "",
		},
		{
			"rejected after it was pending", written(request("new", wait, 1), execution(v1alpha1.ExecutionInProgress, nil), stopping),
			map[string]string{"Accepted": "False/" + dup, "Stalled": "True/" + dup, "Ready": "False/" + dup},
			v1alpha1.ExecutionStopping, "",
		},
		{
			"execution deleted while it stopped", written(request("w", wait, 1), stopping, nil),
			map[string]string{"Accepted": "True/Accepted", "Stopped": "True/ExecutionDeleted", "Ready": "True/ExecutionDeleted"},
			v1alpha1.ExecutionStopped, theExecution,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := &tt.r.Status
			if diff := cmp.Diff(tt.want, summary(got)); diff != "" {
				t.Errorf("conditions (-want +got):\n%s", diff)
			}
			if got.State != tt.state {
				t.Errorf("state is %q, want %q", got.State, tt.state)
			}
			// "pipelineExecutionId: The unique system-generated ID of the pipeline execution that was stopped."
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
	r := request("new", abandon, 1)
	got := NextStatus(&r, nil, NotFound(&r, false), at(10))
	const reason = v1alpha1.ReasonPipelineNotFound
	want := map[string]string{"Accepted": "False/" + reason, "Stalled": "True/" + reason, "Ready": "False/" + reason}
	if diff := cmp.Diff(want, summary(&got)); diff != "" {
		t.Errorf("conditions (-want +got):\n%s", diff)
	}
	if got.State != "" || got.Mode != abandon {
		t.Errorf("state is %q and mode %q, want none and %s", got.State, got.Mode, abandon)
	}
}

// A status whose message is longer than the schema lets through could not be written. A name can be of another schema.
func TestStatusMessagesAreBounded(t *testing.T) {
	for _, long := range []string{strings.Repeat("x", 3000), strings.Repeat("停", 3000)} {
		r := request("new", wait, 1)
		r.Spec.PipelineName = long
		got := NextStatus(&r, nil, NotFound(&r, false), at(10))
		for _, c := range got.Conditions {
			if n := utf8.RuneCountInString(c.Message); n != text.MaxMessageLength || !utf8.ValidString(c.Message) || !strings.HasSuffix(c.Message, "…") {
				t.Errorf("%s: a message of %d characters: %.100q", c.Type, n, c.Message)
			}
		}
		again := r
		again.Status = got
		if diff := cmp.Diff(got, NextStatus(&again, nil, NotFound(&r, false), at(20))); diff != "" {
			t.Errorf("written again (-before +after):\n%s", diff)
		}
	}
}

// A verdict is given once: a later different one, or a later execution, changes nothing of it.
func TestStatusKeepsItsVerdict(t *testing.T) {
	w := inForceOf(accepted("w", wait))
	stopping, stopped := execution(v1alpha1.ExecutionStopping, w), execution(v1alpha1.ExecutionStopped, w)
	yesVerdict := Verdict{Decided: true, Accepted: true, Reason: v1alpha1.ReasonAccepted, Message: "another"}
	noVerdict := Verdict{Decided: true, Reason: v1alpha1.ReasonNotStoppable, Message: "another"}
	tests := []struct {
		name  string
		r     *v1alpha1.StopRequest
		e     *v1alpha1.PipelineExecution
		v     Verdict
		whole bool // not only the verdict stays, all of the status does
	}{
		{"rejected, then accepted", written(request("new", wait, 1), stopping), stopped, yesVerdict, true},
		{"rejected, then rejected otherwise", written(request("new", wait, 1), stopping), stopped, noVerdict, true},
		{"rejected, then undecided", written(request("new", wait, 1), stopping), nil, Verdict{}, true},
		{"accepted, then rejected", written(request("w", wait, 1), stopping), stopped, noVerdict, false},
		{"accepted, then undecided", written(request("w", wait, 1), stopping), stopping, Verdict{}, false},
		{"accepted and Stopped, then rejected", written(request("w", wait, 1), stopped), stopped, noVerdict, true},
		{"accepted and Stopped, then deleted", written(request("w", wait, 1), stopped), nil, noVerdict, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := NextStatus(tt.r, tt.e, tt.v, at(99))
			before, after := condition(&tt.r.Status, v1alpha1.ConditionAccepted), condition(&got, v1alpha1.ConditionAccepted)
			if diff := cmp.Diff(before, after); diff != "" {
				t.Errorf("the verdict changed (-before +after):\n%s", diff)
			}
			if diff := cmp.Diff(tt.r.Status, got); tt.whole && diff != "" {
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
	e := execution(v1alpha1.ExecutionStopping, inForceOf(accepted("w", wait)))
	r := written(request("w", wait, 1), e)
	before := r.DeepCopy()
	e.Status.State = v1alpha1.ExecutionStopped
	NextStatus(r, e, Decide(e, r), at(20))
	if diff := cmp.Diff(before, r); diff != "" {
		t.Errorf("the request was changed (-before +after):\n%s", diff)
	}
}

// Nothing new means the same status, whatever the time: else the writes would not stop.
func TestStatusSettles(t *testing.T) {
	w := inForceOf(accepted("w", wait))
	for _, state := range columns {
		for _, name := range []string{"w", "new"} {
			e := execution(state, w)
			r := written(request(name, wait, 1), e)
			got := NextStatus(r, e, Decide(e, r), at(50))
			if diff := cmp.Diff(r.Status, got); diff != "" {
				t.Errorf("state %q, request %s (-first +second):\n%s", state, name, diff)
			}
		}
	}
}

func TestConcluded(t *testing.T) {
	w := inForceOf(accepted("w", wait))
	fencing, stopping, stopped := execution("", w), execution(v1alpha1.ExecutionStopping, w), execution(v1alpha1.ExecutionStopped, w)
	tests := []struct {
		name string
		r    *v1alpha1.StopRequest
		want bool
	}{
		{"new", written(request("w", wait, 1)), false},
		{"undecided", written(request("w", wait, 1), fencing), false},
		{"accepted, Stopping", written(request("w", wait, 1), stopping), false},
		{"accepted, Stopped", written(request("w", wait, 1), stopped), true},
		{"rejected", written(request("new", wait, 1), stopping), true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := IsConcluded(tt.r); got != tt.want {
				t.Errorf("Concluded is %v, want %v", got, tt.want)
			}
		})
	}
}

// The API server refuses a condition without a reason. An accepted request may be compared with an older copy of its
// execution, after the operator started anew.
func TestStatusConditionsHaveReasons(t *testing.T) {
	accepted := written(request("w", wait, 1), execution(v1alpha1.ExecutionStopping, inForceOf(accepted("w", wait))))
	for _, state := range columns {
		got := NextStatus(accepted, execution(state, nil), Verdict{}, at(20))
		for _, c := range got.Conditions {
			if c.Reason == "" {
				t.Errorf("execution in state %q: condition %s has no reason", state, c.Type)
			}
		}
	}
}
