// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package stop

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"haltline.dev/haltline/api/v1alpha1"
)

// afterStart returns a time that much later than at(0).
func afterStart(d time.Duration) metav1.Time {
	return metav1.NewTime(at(0).Add(d))
}

// makeEscalating returns a request that asks to stop and wait for so many seconds, and to abandon then.
func makeEscalating(name string, seconds int64) v1alpha1.StopRequest {
	sr := makeRequest(name, wait, 1)
	sr.Spec.EscalateAfterSeconds = ptr.To(seconds)
	return sr
}

// acceptAt returns the stop of an execution that took the request at a time.
func acceptAt(sr v1alpha1.StopRequest, now metav1.Time) *v1alpha1.StopStatus {
	return Accept(&makeExecution(v1alpha1.ExecutionInProgress, nil).Status, []v1alpha1.StopRequest{sr}, now)
}

// lookAgain returns what becomes of a stop in force when the execution is looked at again.
func lookAgain(s *v1alpha1.StopStatus, now metav1.Time, requests ...v1alpha1.StopRequest) *v1alpha1.StopStatus {
	return Accept(&makeExecution(v1alpha1.ExecutionStopping, s).Status, requests, now)
}

// escalateAfterSeconds turns a stop that waits into one that abandons. A status keeps whole seconds, so the time is
// rounded up to one: never sooner than was asked for, and at most a second later.
func TestEscalationTime(t *testing.T) {
	tests := []struct {
		name     string
		accepted time.Duration
		mode     v1alpha1.StopMode
		seconds  *int64
		want     *time.Duration
	}{
		{"on a second", 0, wait, ptr.To[int64](10), ptr.To(10 * time.Second)},
		{"a nanosecond after a second", 1, wait, ptr.To[int64](10), ptr.To(11 * time.Second)},
		{"in the middle of a second", 500 * time.Millisecond, wait, ptr.To[int64](10), ptr.To(11 * time.Second)},
		{"a nanosecond before a second", time.Second - 1, wait, ptr.To[int64](10), ptr.To(11 * time.Second)},
		{"the least", 1, wait, ptr.To[int64](1), ptr.To(2 * time.Second)},
		{"a week", time.Millisecond, wait, ptr.To[int64](604800), ptr.To(604801 * time.Second)},
		{"none was asked for", 0, wait, nil, nil},
		// The schema keeps both out of one request; an older schema may not have.
		{"an abandon never escalates", 0, abandon, ptr.To[int64](10), nil},
		{"an abandon without", 0, abandon, nil, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			sr := makeRequest("r", tt.mode, 1)
			sr.Spec.EscalateAfterSeconds = tt.seconds
			now := afterStart(tt.accepted)
			got := acceptAt(sr, now)
			checkEscalateTime(t, got.Requests[0].EscalationTime, tt.want)
			checkEscalateTime(t, EscalationTime(got), tt.want)
			if at := got.Requests[0].EscalationTime; at != nil && at.Sub(now.Time) < time.Duration(*tt.seconds)*time.Second {
				t.Errorf("accepted at %s, it would abandon at %s: sooner than after %d seconds", now, at, *tt.seconds)
			}
		})
	}
}

func checkEscalateTime(t *testing.T, got *metav1.Time, want *time.Duration) {
	t.Helper()
	switch {
	case (got == nil) != (want == nil):
		t.Errorf("escalates at %v, want after %v", got, want)
	case got != nil && !got.Time.Equal(at(0).Add(*want)):
		t.Errorf("escalates at %s, want %s", got, at(0).Add(*want))
	}
}

// A stop abandons when its time has come, as if an abandon had been asked for. The record holds when.
func TestEscalate(t *testing.T) {
	tests := []struct {
		name string
		// look are the times at which the execution is looked at, in seconds.
		look      []time.Duration
		mode      v1alpha1.StopMode
		escalated *metav1.Time
	}{
		{"before the time", []time.Duration{9 * time.Second}, wait, nil},
		{"a moment before the time", []time.Duration{10*time.Second - 1}, wait, nil},
		{"at the time", []time.Duration{10 * time.Second}, abandon, ptr.To(at(10))},
		{"long after the time, as when no operator ran", []time.Duration{time.Hour}, abandon, ptr.To(afterStart(time.Hour))},
		{"once: the record keeps the first time", []time.Duration{10 * time.Second, 11 * time.Second}, abandon, ptr.To(at(10))},
		{"a clock that went back before the time", []time.Duration{9 * time.Second, -time.Hour}, wait, nil},
		// Nothing undoes a stop, nor its escalation.
		{"a clock that went back after the time", []time.Duration{10 * time.Second, -time.Hour, 20 * time.Second}, abandon, ptr.To(at(10))},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := acceptAt(makeEscalating("w", 10), at(0))
			for _, d := range tt.look {
				s = lookAgain(s, afterStart(d))
			}
			want := &v1alpha1.StopStatus{Mode: tt.mode, Requests: []v1alpha1.AcceptedStopRequest{{
				UID: "uid-of-w", Name: "w", Mode: wait, Reason: "because of w", AcceptedTime: at(0), EscalationTime: ptr.To(at(10)),
				EscalatedTime: tt.escalated,
			}}}
			if diff := cmp.Diff(want, s); diff != "" {
				t.Errorf("stop (-want +got):\n%s", diff)
			}
			if at := EscalationTime(s); (at == nil) != (tt.mode == abandon) {
				t.Errorf("a stop in mode %s escalates at %v", s.Mode, at)
			}
		})
	}
}

// "An abandon before that counts as usual": it is accepted, and the wait does not escalate any more.
func TestAbandonBeforeTheEscalation(t *testing.T) {
	s := lookAgain(acceptAt(makeEscalating("w", 10), at(0)), at(5), makeRequest("a", abandon, 5))
	if diff := cmp.Diff([]string{"w", "a"}, acceptedNames(s)); diff != "" || s.Mode != abandon {
		t.Fatalf("in mode %s, accepted (-want +got):\n%s", s.Mode, diff)
	}
	if at := EscalationTime(s); at != nil {
		t.Errorf("an abandon escalates at %s", at)
	}
	s = lookAgain(s, at(20))
	for _, sr := range s.Requests {
		if sr.EscalatedTime != nil {
			t.Errorf("request %s escalated at %s, and an abandon had been there", sr.Name, sr.EscalatedTime)
		}
	}
}

// A wait and an abandon can be accepted in one write.
func TestAbandonWithTheEscalation(t *testing.T) {
	requests := []v1alpha1.StopRequest{makeRequest("a", abandon, 2), makeEscalating("w", 1)}
	s := lookAgain(Accept(&makeExecution("", nil).Status, requests, at(0)), at(9))
	if diff := cmp.Diff([]string{"w", "a"}, acceptedNames(s)); diff != "" || s.Mode != abandon || s.Requests[0].EscalatedTime != nil {
		t.Errorf("stop %+v, accepted (-want +got):\n%s", s, diff)
	}
}

// An abandon that comes at the very time is accepted: it was there before the stop was looked at.
func TestAbandonAtTheTime(t *testing.T) {
	s := lookAgain(acceptAt(makeEscalating("w", 10), at(0)), at(10), makeRequest("a", abandon, 10))
	if diff := cmp.Diff([]string{"w", "a"}, acceptedNames(s)); diff != "" || s.Mode != abandon {
		t.Errorf("in mode %s, accepted (-want +got):\n%s", s.Mode, diff)
	}
}

// "If you already chose to stop and abandon, you cannot make that request again." After the escalation that was chosen.
func TestEscalatedRejectsWhatComesLater(t *testing.T) {
	s := lookAgain(acceptAt(makeEscalating("w", 10), at(0)), at(10))
	for _, sr := range []v1alpha1.StopRequest{makeRequest("new", wait, 11), makeRequest("new", abandon, 11), makeEscalating("new", 1)} {
		execution := makeExecution(v1alpha1.ExecutionStopping, s)
		answer := Decide(execution, &sr)
		if answer.Reason != dup || answer.Accepted {
			t.Errorf("a request of mode %s got %+v, want %s", sr.Mode(), answer, dup)
		}
		for _, part := range []string{"already in a Stopping state", `"w"`, "wait, and then to abandon, which it now does", "cannot make another request"} {
			if !strings.Contains(answer.Message, part) {
				t.Errorf("the message %q does not have %q", answer.Message, part)
			}
		}
		// There is nothing more that a request could do.
		if strings.Contains(answer.Message, "abandon: true") {
			t.Errorf("the message %q advises what would be rejected", answer.Message)
		}
		if diff := cmp.Diff(s, lookAgain(s, at(12), sr)); diff != "" {
			t.Errorf("a duplicate changed the stop (-before +after):\n%s", diff)
		}
	}
}

// "E has accepted this very request (same UID) → accepted, whatever happened since", and what it asked for was to wait.
func TestEscalatedKeepsTheVerdict(t *testing.T) {
	sr := makeEscalating("w", 10)
	s := acceptAt(sr, at(0))
	before := Decide(makeExecution(v1alpha1.ExecutionStopping, s), &sr)
	after := Decide(makeExecution(v1alpha1.ExecutionStopping, lookAgain(s, at(10))), &sr)
	if diff := cmp.Diff(before, after); diff != "" || !after.Accepted {
		t.Errorf("the verdict (-before +after):\n%s", diff)
	}
}

// A stop without requests is one that the schema keeps out; it must neither escalate nor panic.
func TestEscalateWithoutRequests(t *testing.T) {
	for _, mode := range []v1alpha1.StopMode{wait, abandon, ""} {
		for _, requests := range [][]v1alpha1.AcceptedStopRequest{nil, {}} {
			s := &v1alpha1.StopStatus{Mode: mode, Requests: requests}
			if at := EscalationTime(s); at != nil {
				t.Errorf("mode %q escalates at %s", mode, at)
			}
			if got := lookAgain(s, at(9)); got.Mode != mode || len(got.Requests) != 0 {
				t.Errorf("mode %q became %+v", mode, got)
			}
		}
	}
	if at := EscalationTime(nil); at != nil {
		t.Errorf("no stop escalates at %s", at)
	}
	if got := lookAgain(nil, at(9)); got != nil {
		t.Errorf("no stop became %+v", got)
	}
}

// "requestedBy is stamped from the authenticated user, and kept with reason and time".
func TestAcceptRecordsWhoAsked(t *testing.T) {
	w, a, unstamped := makeEscalating("w", 10), makeRequest("a", abandon, 2), makeRequest("u", wait, 1)
	w.Spec.RequestedBy, w.Spec.Reason = "alice@example.com", "wrong image"
	a.Spec.RequestedBy, a.Spec.Reason = "system:serviceaccount:argocd:argocd", ""
	got := lookAgain(acceptAt(w, at(3)), at(5), a)
	want := []v1alpha1.AcceptedStopRequest{
		{
			UID: "uid-of-w", Name: "w", Mode: wait, RequestedBy: "alice@example.com", Reason: "wrong image",
			AcceptedTime: at(3), EscalationTime: ptr.To(at(13)),
		},
		{UID: "uid-of-a", Name: "a", Mode: abandon, RequestedBy: "system:serviceaccount:argocd:argocd", AcceptedTime: at(5)},
	}
	if diff := cmp.Diff(want, got.Requests); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	// "Without a MutatingAdmissionPolicy: unstamped, and not forged".
	if got := acceptAt(unstamped, at(0)).Requests[0]; got.RequestedBy != "" {
		t.Errorf("nobody was named, and %q is recorded", got.RequestedBy)
	}
}

// The cache shares what it hands out: the escalation must not change the stop or its requests.
func TestEscalateChangesNothing(t *testing.T) {
	execution := makeExecution(v1alpha1.ExecutionStopping, acceptAt(makeEscalating("w", 10), at(0)))
	before := execution.DeepCopy()
	got := Accept(&execution.Status, nil, at(10))
	if diff := cmp.Diff(before, execution); diff != "" {
		t.Errorf("the execution was changed (-before +after):\n%s", diff)
	}
	if got.Mode != abandon || slices.Equal(got.Requests, execution.Status.Stop.Requests) {
		t.Errorf("the stop did not escalate: %+v", got)
	}
}
