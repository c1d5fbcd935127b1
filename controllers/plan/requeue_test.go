// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"haltline.dev/haltline/api/v1alpha1"
)

const (
	waiting    = v1alpha1.StopModeWait
	abandoning = v1alpha1.StopModeAbandon
)

// makeStop returns a stop whose last request was accepted at second 0, and may escalate, or have done so.
func makeStop(mode v1alpha1.StopMode, escalate, escalated *metav1.Time) *v1alpha1.StopStatus {
	return &v1alpha1.StopStatus{Mode: mode, Requests: []v1alpha1.AcceptedStopRequest{
		{UID: "w", Name: "w", Mode: waiting, AcceptedTime: at(0), EscalationTime: escalate, EscalatedTime: escalated},
	}}
}

// After a few seconds the status of a stop explains why it does not end.
func TestIsOverdue(t *testing.T) {
	twoRequests := &v1alpha1.StopStatus{Mode: abandoning, Requests: []v1alpha1.AcceptedStopRequest{
		{Mode: waiting, AcceptedTime: at(0)}, {Mode: abandoning, AcceptedTime: at(20)},
	}}
	tests := []struct {
		name string
		stop *v1alpha1.StopStatus
		now  metav1.Time
		want bool
	}{
		{"no stop", nil, at(59), false},
		{"a stop without requests", &v1alpha1.StopStatus{Mode: waiting}, at(59), false},
		{"just accepted", makeStop(waiting, nil, nil), at(0), false},
		{"a moment before", makeStop(waiting, nil, nil), metav1.NewTime(at(5).Add(-1)), false},
		{"five seconds", makeStop(waiting, nil, nil), at(5), true},
		{"long since", makeStop(abandoning, nil, nil), at(59), true},
		{"a clock that went back", makeStop(waiting, nil, nil), at(-60), false},
		// What is abandoned has time of its own to end.
		{"just escalated by time", makeStop(abandoning, ptr.To(at(10)), ptr.To(at(10))), at(12), false},
		{"escalated by time, and it takes long", makeStop(abandoning, ptr.To(at(10)), ptr.To(at(10))), at(15), true},
		{"just escalated by an abandon", twoRequests, at(24), false},
		{"escalated by an abandon, and it takes long", twoRequests, at(25), true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			status := &v1alpha1.PipelineExecutionStatus{State: v1alpha1.ExecutionStopping, Stop: tt.stop}
			if got := IsOverdue(status, tt.now); got != tt.want {
				t.Errorf("IsOverdue is %v, want %v", got, tt.want)
			}
		})
	}
}

func TestRequeueAfter(t *testing.T) {
	const stopping = v1alpha1.ExecutionStopping
	tests := []struct {
		name  string
		state v1alpha1.ExecutionState
		stop  *v1alpha1.StopStatus
		now   metav1.Time
		want  time.Duration
	}{
		// I8: what nobody stops, and what has ended, is left alone.
		{"no stop", v1alpha1.ExecutionInProgress, nil, at(0), 0},
		{"Stopping, its record lost", stopping, nil, at(0), 0},
		{"Stopped", v1alpha1.ExecutionStopped, makeStop(waiting, ptr.To(at(30)), nil), at(1), 0},
		{"Succeeded", v1alpha1.ExecutionSucceeded, makeStop(waiting, nil, nil), at(1), 0},
		{"Failed", v1alpha1.ExecutionFailed, makeStop(waiting, nil, nil), at(1), 0},

		{"just accepted", stopping, makeStop(waiting, nil, nil), at(0), explainAfter},
		{"fencing", v1alpha1.ExecutionInProgress, makeStop(waiting, nil, nil), at(0), explainAfter},
		{"a stop without requests", stopping, &v1alpha1.StopStatus{Mode: waiting}, at(0), explainAfter},
		{"it takes long", stopping, makeStop(waiting, nil, nil), at(6), recheckInterval},
		{"abandoning takes long", stopping, makeStop(abandoning, nil, nil), at(6), recheckInterval},

		{"escalates before it is overdue", stopping, makeStop(waiting, ptr.To(at(2)), nil), at(0), 2 * time.Second},
		{"escalates soon", stopping, makeStop(waiting, ptr.To(at(10)), nil), at(7), 3 * time.Second},
		{"escalates later than it is looked at", stopping, makeStop(waiting, ptr.To(at(50)), nil), at(7), recheckInterval},
		// 0 would mean never.
		{"escalates now", stopping, makeStop(waiting, ptr.To(at(10)), nil), at(10), time.Millisecond},
		{"should have escalated", stopping, makeStop(waiting, ptr.To(at(10)), nil), at(40), time.Millisecond},
		{"has escalated", stopping, makeStop(abandoning, ptr.To(at(10)), ptr.To(at(10))), at(11), explainAfter},
		{"has escalated, and it takes long", stopping, makeStop(abandoning, ptr.To(at(10)), ptr.To(at(10))), at(40), recheckInterval},
		{"a clock that went back", stopping, makeStop(waiting, ptr.To(at(30)), nil), at(-600), explainAfter},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			status := &v1alpha1.PipelineExecutionStatus{State: tt.state, Stop: tt.stop}
			if got := RequeueAfter(status, tt.now); got != tt.want {
				t.Errorf("RequeueAfter is %s, want %s", got, tt.want)
			}
		})
	}
}

// An execution that runs is looked at now and then, in case an event of a Job did not reach the operator. One that waits for its
// Pipeline is not.
func TestRequeueAfterOfARun(t *testing.T) {
	execution := runSteps(t, makeDefinition(makeStage("s", makeAction("a", 1))), step{want: "InProgress | s InProgress: a=unconfirmed"})
	// By then its work runs, or its status has to explain why it does not.
	for second, want := range map[int]time.Duration{1: startCheckAfter, 9: startCheckAfter - 8*time.Second, 12: resyncInterval, 3600: resyncInterval} {
		if got := RequeueAfter(&execution.Status, at(second)); got != want {
			t.Errorf("at second %d a run is looked at after %s, want %s", second, got, want)
		}
	}
	execution.Status.Stages[0].Actions[0].Reason = "ImagePullBackOff"
	for second, want := range map[int]time.Duration{2: recheckInterval, 31: 30 * time.Second, 3600: maxRecheckInterval} {
		if got := RequeueAfter(&execution.Status, at(second)); got != want {
			t.Errorf("at second %d an action that something keeps is looked at after %s, want %s", second, got, want)
		}
	}
	execution = runSteps(t, nil, step{want: "InProgress"})
	if got := RequeueAfter(&execution.Status, at(9)); got != 0 {
		t.Errorf("one that waits for its Pipeline is looked at after %s", got)
	}
}

// When the pods of a Job that is gone end, there is no event of a Job, so that the operator has to look.
func TestRequeueAfterOfALostJob(t *testing.T) {
	done := at(5)
	makeLost := func(state v1alpha1.ActionState, reason string, completed *metav1.Time) v1alpha1.ActionStatus {
		return v1alpha1.ActionStatus{State: state, StartTime: ptr.To(at(0)), Workload: v1alpha1.WorkloadReference{UID: "j"}, Reason: reason, CompletionTime: completed}
	}
	const inProgress, workloadLost = v1alpha1.ActionInProgress, v1alpha1.ReasonWorkloadLost
	tests := []struct {
		name   string
		action v1alpha1.ActionStatus
		stop   *v1alpha1.StopStatus
		want   time.Duration
	}{
		{"its pods are left", makeLost(inProgress, workloadLost, nil), nil, recheckInterval},
		{"it was just started", makeLost(inProgress, "", nil), nil, startCheckAfter},
		{"somebody else deletes it", makeLost(inProgress, "JobDeleting", nil), nil, recheckInterval},
		{"it was lost", makeLost(v1alpha1.ActionFailed, workloadLost, &done), nil, 0},
		{"its pods are left, and a stop was just accepted", makeLost(inProgress, workloadLost, nil), makeStop(waiting, nil, nil), explainAfter},
		{"its pods are left, and a stop escalates", makeLost(inProgress, workloadLost, nil), makeStop(waiting, ptr.To(at(2)), nil), 2 * time.Second},
		{"it was abandoned, and its pods are left", makeLost(v1alpha1.ActionAbandoned, workloadLost, nil), makeStop(abandoning, nil, nil), explainAfter},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := RequeueAfter(makeStatus(tt.action, tt.stop), at(0)); got != tt.want {
				t.Errorf("RequeueAfter is %s, want %s", got, tt.want)
			}
		})
	}
}

// What keeps an action while nobody stops it is looked at again: the longer it has lasted, the later.
func TestRequeueAfterOfWhatIsHeldUp(t *testing.T) {
	heldUp := v1alpha1.ActionStatus{
		State: v1alpha1.ActionInProgress, StartTime: ptr.To(at(0)), Workload: v1alpha1.WorkloadReference{UID: "j"}, Reason: "ImagePullBackOff",
	}
	for seconds, want := range map[int]time.Duration{
		0: recheckInterval, 11: 11 * time.Second, 40: 40 * time.Second, 240: maxRecheckInterval, 3600: maxRecheckInterval, -60: recheckInterval,
	} {
		now := metav1.NewTime(at(0).Add(time.Duration(seconds) * time.Second))
		if got := RequeueAfter(makeStatus(heldUp, nil), now); got != want {
			t.Errorf("after %d seconds it is looked at after %s, want %s", seconds, got, want)
		}
	}
}

// What the API server refuses is tried again: soon at first, and seldom if it lasts.
func TestRetryAfter(t *testing.T) {
	unconfirmed := v1alpha1.ActionStatus{State: v1alpha1.ActionInProgress, StartTime: ptr.To(at(0)), Workload: v1alpha1.WorkloadReference{Name: "j"}}
	tests := []struct {
		name   string
		status *v1alpha1.PipelineExecutionStatus
		now    metav1.Time
		want   time.Duration
	}{
		{"just started", makeStatus(unconfirmed, nil), at(0), minRetryDelay},
		{"for some seconds", makeStatus(unconfirmed, nil), at(4), 2 * time.Second},
		{"for long", makeStatus(unconfirmed, nil), at(59), maxRetryDelay},
		{"a clock that went back", makeStatus(unconfirmed, nil), at(-60), minRetryDelay},
		{"for long, and a stop was just accepted", makeStatus(unconfirmed, makeStopAt(59)), at(59), minRetryDelay},
		{"a stop that takes long", makeStatus(unconfirmed, makeStopAt(0)), at(59), recheckInterval},
		{"it escalates soon", makeStatus(unconfirmed, makeStop(waiting, ptr.To(at(51)), nil)), at(50), time.Second},
		{"it just escalated", makeStatus(unconfirmed, makeStop(abandoning, ptr.To(at(50)), ptr.To(at(50)))), at(50), minRetryDelay},
		{"nothing is asked for", &v1alpha1.PipelineExecutionStatus{}, at(2), time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			execution := &v1alpha1.PipelineExecution{Status: *tt.status}
			execution.CreationTimestamp = at(0)
			if got := RetryAfter(execution, tt.now); got != tt.want {
				t.Errorf("RetryAfter is %s, want %s", got, tt.want)
			}
		})
	}
}

// makeStopAt returns a stop that was accepted at a second.
func makeStopAt(second int) *v1alpha1.StopStatus {
	s := makeStop(waiting, nil, nil)
	s.Requests[0].AcceptedTime = at(second)
	return s
}

// A stop that is looked at only after RequeueAfter escalates at its time, and not after it.
func TestRequeueAfterMeetsTheEscalation(t *testing.T) {
	for _, seconds := range []int64{1, 2, 5, 7, 15, 33} {
		execution := runSteps(t, makeDefinition(makeStage("s", makeAction("a", 1))),
			step{want: "InProgress | s InProgress: a=unconfirmed"},
			step{observed: phases{"s/a": PhaseRunning}, want: "InProgress | s InProgress: a=InProgress"},
		)
		sr := makeRequest("w", false)
		sr.Spec.EscalateAfterSeconds = ptr.To(seconds)
		now := metav1.NewTime(at(10).Add(300 * time.Millisecond))
		execution.Status = nextStatus(t, Input{Execution: execution, Requests: []v1alpha1.StopRequest{sr}, Now: now})
		for looks := 0; execution.Status.Stop.Mode == waiting; looks++ {
			if looks > 10 {
				t.Fatalf("after %d looks a stop that escalates after %d seconds has not", looks, seconds)
			}
			now = metav1.NewTime(now.Add(RequeueAfter(&execution.Status, now)))
			execution.Status = nextStatus(t, Input{Execution: execution, Now: now})
		}
		record := execution.Status.Stop.Requests[0]
		if !record.EscalatedTime.Equal(record.EscalationTime) {
			t.Errorf("after %d seconds: escalated at %s, should have at %s", seconds, record.EscalatedTime, record.EscalationTime)
		}
		// It abandons as if that had been asked for.
		if got, want := summarizeStates(&execution.Status), "Stopping | s Stopping: a=ending"; got != want {
			t.Errorf("after the escalation: %q, want %q", got, want)
		}
	}
}
