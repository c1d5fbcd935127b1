// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package stop

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"haltline.dev/haltline/api/v1alpha1"
)

// "Of several undecided requests the oldest goes first (creation time, then name)", and an execution takes at most one
// wait and one abandon, in that order.
func TestAcceptSeveral(t *testing.T) {
	tests := []struct {
		name     string
		inForce  *v1alpha1.StopStatus
		requests []v1alpha1.StopRequest
		want     []string
		mode     v1alpha1.StopMode
	}{
		{name: "none"},
		{
			name: "none leaves a stop as it is", inForce: makeStop(makeAccepted("w", wait)), want: []string{"w"}, mode: wait,
		},
		{
			name:     "the older of two waits",
			requests: []v1alpha1.StopRequest{makeRequest("a", wait, 2), makeRequest("b", wait, 1)},
			want:     []string{"b"}, mode: wait,
		},
		{
			name:     "of one age, the first by name",
			requests: []v1alpha1.StopRequest{makeRequest("b", wait, 1), makeRequest("a", wait, 1)},
			want:     []string{"a"}, mode: wait,
		},
		{
			// "You can choose to stop and abandon now"
			name:     "a wait and then an abandon, in one go",
			requests: []v1alpha1.StopRequest{makeRequest("w", wait, 1), makeRequest("a", abandon, 2)},
			want:     []string{"w", "a"}, mode: abandon,
		},
		{
			name:     "the order of the list does not matter",
			requests: []v1alpha1.StopRequest{makeRequest("a", abandon, 2), makeRequest("w", wait, 1)},
			want:     []string{"w", "a"}, mode: abandon,
		},
		{
			// "If you already chose to stop and abandon, you cannot make that request again."
			name:     "an abandon and then a wait: the abandon alone",
			requests: []v1alpha1.StopRequest{makeRequest("a", abandon, 1), makeRequest("w", wait, 2)},
			want:     []string{"a"}, mode: abandon,
		},
		{
			name: "of many, one wait and one abandon",
			requests: []v1alpha1.StopRequest{
				makeRequest("w1", wait, 1), makeRequest("w2", wait, 2), makeRequest("a1", abandon, 3), makeRequest("a2", abandon, 4), makeRequest("w3", wait, 5),
			},
			want: []string{"w1", "a1"}, mode: abandon,
		},
		{
			name: "an abandon escalates", inForce: makeStop(makeAccepted("w", wait)),
			requests: []v1alpha1.StopRequest{makeRequest("a", abandon, 1)},
			want:     []string{"w", "a"}, mode: abandon,
		},
		{
			name:     "one request listed twice is one",
			requests: []v1alpha1.StopRequest{makeRequest("w", wait, 1), makeRequest("w", wait, 1)},
			want:     []string{"w"}, mode: wait,
		},
		{
			name: "an accepted one that the cache still shows as new", inForce: makeStop(makeAccepted("a", abandon)),
			requests: []v1alpha1.StopRequest{makeRequest("a", abandon, 1)},
			want:     []string{"a"}, mode: abandon,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := Accept(&makeExecution(v1alpha1.ExecutionInProgress, tt.inForce).Status, tt.requests, at(9))
			if diff := cmp.Diff(tt.want, acceptedNames(got)); diff != "" {
				t.Errorf("accepted (-want +got):\n%s", diff)
			}
			if got != nil && got.Mode != tt.mode {
				t.Errorf("mode is %s, want %s", got.Mode, tt.mode)
			}
		})
	}
}

// The record outlives the StopRequest, so it holds who asked for what, why and when.
func TestAcceptRecords(t *testing.T) {
	got := Accept(&makeExecution("", makeStop(makeAccepted("w", wait))).Status, []v1alpha1.StopRequest{makeRequest("a", abandon, 1)}, at(9))
	want := &v1alpha1.StopStatus{Mode: abandon, Requests: []v1alpha1.AcceptedStopRequest{
		makeAccepted("w", wait),
		{UID: "uid-of-a", Name: "a", Mode: abandon, Reason: "because of a", AcceptedTime: at(9)},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("stop (-want +got):\n%s", diff)
	}
}

func TestAcceptKeepsWhatTheStopWaitsFor(t *testing.T) {
	s := makeStop(makeAccepted("w", wait))
	s.WaitingFor = []v1alpha1.PendingAction{{Stage: "build", Action: "compile"}}
	got := Accept(&makeExecution(v1alpha1.ExecutionStopping, s).Status, nil, at(9))
	if diff := cmp.Diff(s, got); diff != "" {
		t.Errorf("stop (-want +got):\n%s", diff)
	}
}

// The cache shares what it hands out, so neither the status nor the list of requests may be written to.
func TestAcceptChangesNothing(t *testing.T) {
	// Spare capacity is what an append would write into.
	recorded := append(make([]v1alpha1.AcceptedStopRequest, 0, 4), makeAccepted("w", wait))
	execution := makeExecution(v1alpha1.ExecutionStopping, makeStop(recorded...))
	execution.Status.Stop.Requests = recorded
	requests := []v1alpha1.StopRequest{makeRequest("b", abandon, 2), makeRequest("a", abandon, 1)}
	before := execution.DeepCopy()

	got := Accept(&execution.Status, requests, at(9))
	got.Requests[0].Name = "overwritten"

	if diff := cmp.Diff(before, execution); diff != "" {
		t.Errorf("the execution was changed (-before +after):\n%s", diff)
	}
	if recorded[:2][1].UID != "" {
		t.Errorf("the spare capacity of the record was written to: %+v", recorded[:2][1])
	}
	if requests[0].Name != "b" || requests[1].Name != "a" {
		t.Errorf("the requests were sorted in place: %s, %s", requests[0].Name, requests[1].Name)
	}
}
