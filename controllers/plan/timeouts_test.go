// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

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

// timedStep is one call of Next at a second, with the status that it must return and the operations that this asks for.
type timedStep struct {
	second     int
	observed   map[ActionKey]Observation
	requests   []v1alpha1.StopRequest
	want       string
	operations []OperationType
}

// limits are the time limits of an execution and of each of its actions, in seconds.
type limits struct{ pipeline, execution, start *int64 }

func runLimited(t *testing.T, l limits, definition *v1alpha1.PipelineDefinition, steps ...timedStep) *v1alpha1.PipelineExecution {
	t.Helper()
	for s := range definition.Stages {
		for a := range definition.Stages[s].Actions {
			definition.Stages[s].Actions[a].StartTimeoutSeconds = l.start
		}
	}
	execution := makeExecution()
	execution.Spec.TimeoutSeconds = l.execution
	for i, s := range steps {
		execution.Status = nextStatus(t, Input{
			Execution: execution, Revision: revisionName, Definition: definition,
			Pipeline: &v1alpha1.Pipeline{Spec: v1alpha1.PipelineSpec{TimeoutSeconds: l.pipeline}},
			Observed: s.observed, Requests: s.requests, Now: at(s.second),
		})
		if diff := cmp.Diff(s.want, summarizeStates(&execution.Status)); diff != "" {
			t.Fatalf("step %d (-want +got):\n%s", i+1, diff)
		}
		var types []OperationType
		for _, op := range Operations(&execution.Status, definition) {
			types = append(types, op.Type)
		}
		if diff := cmp.Diff(s.operations, types); diff != "" {
			t.Fatalf("step %d, operations (-want +got):\n%s", i+1, diff)
		}
	}
	return execution
}

// see returns that the action s/a is in a phase.
func see(phase Phase) map[ActionKey]Observation {
	return map[ActionKey]Observation{{"s", "a"}: {Phase: phase, UID: "job-of-s/a"}}
}

// seeRunning returns that a pod of the action s/a runs.
func seeRunning() map[ActionKey]Observation {
	return map[ActionKey]Observation{{"s", "a"}: {Phase: PhaseRunning, UID: "job-of-s/a", HasRun: true}}
}

var (
	start     = []OperationType{OperationStart}
	observing = []OperationType{OperationObserve}
	terminate = []OperationType{OperationTerminate}
	fence     = []OperationType{OperationFence}
)

const (
	beforeStart     = "InProgress | s InProgress: a=unconfirmed"
	stillInProgress = "InProgress | s InProgress: a=InProgress"
	hasFailedBy     = "Failed | s Failed: a=Failed"
)

// What exceeds a time limit is ended as an abandon ends it, and the execution is Failed when nothing of it runs any more.
func TestTimeLimits(t *testing.T) {
	ten := ptr.To[int64](10)
	begin := []timedStep{{second: 1, want: beforeStart, operations: start}, {second: 2, observed: see(PhaseRunning), want: stillInProgress, operations: observing}}
	tests := []struct {
		name   string
		limits limits
		steps  []timedStep
		reason string
		// action is the reason of the action.
		action string
		parts  []string
	}{
		{"the execution has no limit", limits{}, append(begin, timedStep{second: 9999, want: stillInProgress, operations: observing}), "InProgress", "", nil},
		{"a moment before", limits{execution: ten}, append(begin, timedStep{second: 10, want: stillInProgress, operations: observing}), "InProgress", "", nil},
		{
			"the execution exceeds its limit, and its work has not ended", limits{execution: ten},
			append(begin, timedStep{second: 11, want: stillInProgress, operations: terminate}, timedStep{second: 12, observed: see(PhaseRunning), want: stillInProgress, operations: terminate}),
			"Failing", "", []string{"The execution was still in progress at 2026-03-01T12:00:11Z, 10 seconds after its start", "s/a"},
		},
		{
			"its work has ended", limits{execution: ten},
			append(begin, timedStep{second: 11, want: stillInProgress, operations: terminate}, timedStep{second: 12, observed: see(PhaseEnded), want: hasFailedBy}),
			"ExecutionTimedOut", "ExecutionTimedOut", []string{"10 seconds after its start"},
		},
		{
			"the clock is set back meanwhile", limits{execution: ten},
			append(begin, timedStep{second: 11, want: stillInProgress, operations: terminate}, timedStep{second: 3, observed: see(PhaseEnded), want: hasFailedBy}),
			"ExecutionTimedOut", "ExecutionTimedOut", nil,
		},
		{
			"that of the Pipeline", limits{pipeline: ten},
			append(begin, timedStep{second: 11, want: stillInProgress, operations: terminate}), "Failing", "", []string{"10 seconds after its start"},
		},
		{
			"its own goes first", limits{pipeline: ten, execution: ptr.To[int64](100)},
			append(begin, timedStep{second: 11, want: stillInProgress, operations: observing}), "InProgress", "", nil,
		},
		{
			"it succeeds at the last moment", limits{execution: ten},
			append(begin, timedStep{second: 11, observed: see(PhaseSucceeded), want: "Succeeded | s Succeeded: a=Succeeded"}), "Succeeded", "", nil,
		},
		{
			"its action fails at the last moment", limits{execution: ten},
			append(begin, timedStep{second: 11, observed: see(PhaseFailed), want: hasFailedBy}), "ActionFailed", "", nil,
		},
		{
			"a start that is not confirmed is fenced", limits{execution: ten},
			[]timedStep{
				{second: 1, want: beforeStart, operations: start}, {second: 11, want: beforeStart, operations: fence},
				{second: 12, observed: map[ActionKey]Observation{{"s", "a"}: {Phase: PhaseNeverStarted}}, want: "Failed | s Failed: a=NotStarted"},
			}, "ExecutionTimedOut", "", nil,
		},
		{
			"a start that is not confirmed had started", limits{execution: ten},
			[]timedStep{
				{second: 1, want: beforeStart, operations: start}, {second: 11, want: beforeStart, operations: fence},
				{second: 12, observed: see(PhaseRunning), want: stillInProgress, operations: terminate},
			}, "Failing", "", nil,
		},
		{
			"no pod has run in time", limits{start: ten}, append(begin,
				timedStep{second: 10, observed: see(PhaseRunning), want: stillInProgress, operations: observing},
				timedStep{second: 11, observed: see(PhaseRunning), want: stillInProgress, operations: terminate},
				timedStep{second: 12, observed: see(PhaseEnded), want: hasFailedBy}),
			"ActionFailed", "StartTimedOut", []string{"StartTimedOut", "ran until 2026-03-01T12:00:11Z"},
		},
		{
			"a pod runs too late", limits{start: ten}, append(begin,
				timedStep{second: 11, want: stillInProgress, operations: terminate},
				timedStep{second: 12, observed: seeRunning(), want: stillInProgress, operations: terminate}),
			"Failing", "", []string{"StartTimedOut", "ran until 2026-03-01T12:00:11Z"},
		},
		{
			"a pod has run in time", limits{start: ten}, append(begin,
				timedStep{second: 10, observed: seeRunning(), want: stillInProgress, operations: observing},
				timedStep{second: 50, observed: see(PhaseRunning), want: stillInProgress, operations: observing}), "InProgress", "", nil,
		},
		{
			"it could not even be created", limits{start: ten},
			[]timedStep{
				{second: 1, want: beforeStart, operations: start}, {second: 11, want: beforeStart, operations: fence},
				{second: 12, observed: map[ActionKey]Observation{{"s", "a"}: {Phase: PhaseNeverStarted}}, want: hasFailedBy},
			}, "ActionFailed", "StartTimedOut", []string{"StartTimedOut"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			execution := runLimited(t, tt.limits, oneAction(), tt.steps...)
			status := &execution.Status
			if got := summarizeConditions(status)["Ready"]; !strings.HasSuffix(got, "/"+tt.reason) {
				t.Errorf("Ready is %s, want the reason %s", got, tt.reason)
			}
			checkContains(t, sharedMessage(t, status), tt.parts...)
			if a := status.Stages[0].Actions[0]; tt.action != "" && a.Reason != tt.action {
				t.Errorf("the action has the reason %q, want %q", a.Reason, tt.action)
			}
			if _, shown := summarizeConditions(status)["Stopped"]; shown || status.Stop != nil {
				t.Errorf("it shows a stop: %+v", status)
			}
		})
	}
}

// Siblings of an action that exceeded its limit finish, as those of any action that fails, and nothing further starts.
func TestSiblingsOfAStartThatTimedOutFinish(t *testing.T) {
	definition := makeDefinition(makeStage("s", makeAction("a", 1), makeAction("b", 1)), makeStage("u", makeAction("c", 1)))
	both := phases{"s/a": PhaseRunning, "s/b": PhaseRunning}.observations()
	b := both[ActionKey{"s", "b"}]
	b.HasRun = true
	both[ActionKey{"s", "b"}] = b
	execution := runLimited(t, limits{start: ptr.To[int64](10)}, definition,
		timedStep{second: 1, want: "InProgress | s InProgress: a=unconfirmed b=unconfirmed | u NotStarted: c=NotStarted", operations: []OperationType{OperationStart, OperationStart}},
		timedStep{second: 2, observed: both, want: "InProgress | s InProgress: a=InProgress b=InProgress | u NotStarted: c=NotStarted", operations: []OperationType{OperationObserve, OperationObserve}},
		timedStep{second: 11, want: "InProgress | s InProgress: a=InProgress b=InProgress | u NotStarted: c=NotStarted", operations: []OperationType{OperationTerminate, OperationObserve}},
		timedStep{second: 12, observed: phases{"s/a": PhaseEnded}.observations(), want: "InProgress | s InProgress: a=Failed b=InProgress | u NotStarted: c=NotStarted", operations: observing},
		timedStep{second: 13, observed: phases{"s/b": PhaseSucceeded}.observations(), want: "Failed | s Failed: a=Failed b=Succeeded | u NotStarted: c=NotStarted"})
	checkContains(t, sharedMessage(t, &execution.Status), `Action "a" of stage "s" failed: StartTimedOut: `)
}

// A stop that comes while a limit ends the work wins; a limit that comes while a stop waits does nothing.
func TestTimeLimitsAndStops(t *testing.T) {
	begin := []timedStep{{second: 1, want: beforeStart, operations: start}, {second: 2, observed: see(PhaseRunning), want: stillInProgress, operations: observing}}
	exceeded := slices.Concat(begin, []timedStep{{second: 11, want: stillInProgress, operations: terminate}})
	for _, l := range []limits{{execution: ptr.To[int64](10)}, {start: ptr.To[int64](10)}} {
		runLimited(t, l, oneAction(), append(exceeded,
			timedStep{second: 12, requests: waitRequests, want: "Stopping | s Stopping: a=InProgress", operations: terminate},
			timedStep{second: 13, observed: see(PhaseEnded), want: "Stopped | s Stopped: a=Failed"})...)
		runLimited(t, l, oneAction(), append(exceeded,
			timedStep{second: 12, requests: abandonRequests, want: "Stopping | s Stopping: a=ending", operations: terminate},
			timedStep{second: 13, observed: see(PhaseEnded), want: "Stopped | s Stopped: a=Abandoned"})...)
		runLimited(t, l, oneAction(), append(begin,
			timedStep{second: 5, requests: waitRequests, want: "Stopping | s Stopping: a=InProgress", operations: observing},
			timedStep{second: 50, want: "Stopping | s Stopping: a=InProgress", operations: observing})...)
	}
}

// With onAbandon: Orphan the work goes on outside the execution.
func TestWhatIsOrphanedGoesOnAfterATimeLimit(t *testing.T) {
	definition := oneAction()
	definition.Stages[0].Actions[0].OnAbandon = v1alpha1.OnAbandonOrphan
	execution := runLimited(t, limits{execution: ptr.To[int64](10)}, definition,
		timedStep{second: 1, want: beforeStart, operations: start},
		timedStep{second: 11, observed: see(PhaseRunning), want: stillInProgress, operations: []OperationType{OperationOrphan}},
		timedStep{second: 12, observed: map[ActionKey]Observation{{"s", "a"}: {Phase: PhaseEnded, UID: "job-of-s/a", Message: "It was left to go on."}}, want: hasFailedBy})
	checkContains(t, execution.Status.Stages[0].Actions[0].Message, "timeoutSeconds", "It was left to go on.")
}

// The limits are recorded, rounded up to a whole second, so that nothing ends sooner than was asked for.
func TestDeadlinesAreRecorded(t *testing.T) {
	execution := makeExecution()
	execution.Spec.TimeoutSeconds = ptr.To[int64](60)
	definition := oneAction()
	definition.Stages[0].Actions[0].StartTimeoutSeconds = ptr.To[int64](5)
	status := nextStatus(t, Input{Execution: execution, Revision: revisionName, Definition: definition, Now: metav1.NewTime(at(0).Add(time.Millisecond))})
	for what, times := range map[string][2]*metav1.Time{
		"of the execution": {status.DeadlineTime, ptr.To(at(61))}, "of the start": {status.Stages[0].Actions[0].StartDeadlineTime, ptr.To(at(6))},
	} {
		if !times[0].Equal(times[1]) {
			t.Errorf("the deadline %s is %s, want %s", what, times[0], times[1])
		}
	}
	if *status.TimeoutSeconds != 60 {
		t.Errorf("timeoutSeconds is %d", *status.TimeoutSeconds)
	}
}

// An execution is looked at when its next time limit is over.
func TestRequeueAtATimeLimit(t *testing.T) {
	running := v1alpha1.ActionStatus{State: v1alpha1.ActionInProgress, Workload: v1alpha1.WorkloadReference{UID: "j"}, StartTime: ptr.To(at(-60))}
	limited := running
	limited.StartDeadlineTime = ptr.To(at(20))
	exceeded := running
	exceeded.TimedOut = &v1alpha1.ActionTimeout{Reason: v1alpha1.ReasonStartTimedOut, Time: at(0)}
	for _, tt := range []struct {
		name     string
		action   v1alpha1.ActionStatus
		deadline *metav1.Time
		now      metav1.Time
		want     time.Duration
	}{
		{"no limit", running, nil, at(0), resyncInterval},
		{"of the execution", running, ptr.To(at(30)), at(0), 30 * time.Second},
		{"of the start", limited, ptr.To(at(30)), at(0), 20 * time.Second},
		{"it is over", limited, nil, at(25), time.Millisecond},
		{"nothing runs", v1alpha1.ActionStatus{State: v1alpha1.ActionNotStarted}, ptr.To(at(30)), at(0), 30 * time.Second},
		{"it was exceeded", exceeded, nil, at(1), explainAfter},
		{"it was exceeded long ago", exceeded, nil, at(40), recheckInterval},
	} {
		t.Run(tt.name, func(t *testing.T) {
			status := makeStatus(tt.action, nil)
			status.State, status.DeadlineTime = v1alpha1.ExecutionInProgress, tt.deadline
			if got := RequeueAfter(status, tt.now); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
	if status := makeStatus(exceeded, nil); IsOverdue(status, at(4)) || !IsOverdue(status, at(5)) {
		t.Error("it is not explained after five seconds why its work goes on")
	}
}
