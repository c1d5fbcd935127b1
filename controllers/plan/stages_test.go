// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"haltline.dev/haltline/api/v1alpha1"
)

// queue is an execution of a pipeline that lets one at a time into a stage, or whose transitions are disabled.
type queue struct {
	t         *testing.T
	execution *v1alpha1.PipelineExecution
	pipeline  *v1alpha1.Pipeline
	in        Input
}

func newQueue(t *testing.T, mode v1alpha1.ExecutionMode) *queue {
	t.Helper()
	definition := makeDefinition(makeStage("build", makeAction("a", 1), makeAction("b", 2)), makeStage("ship", makeAction("c", 1)))
	q := &queue{t: t, execution: makeExecution(), pipeline: &v1alpha1.Pipeline{
		ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "deploy"}, Spec: v1alpha1.PipelineSpec{ExecutionMode: mode, Stages: definition.Stages},
	}}
	q.execution.CreationTimestamp = at(0)
	q.in = Input{Execution: q.execution, Revision: revisionName, Definition: definition, Pipeline: q.pipeline, Nonce: "n", Now: at(5)}
	return q
}

// give has the Pipeline give a stage to the execution of a uid.
func (q *queue) give(stage, uid string) {
	q.pipeline.Status.Stages = append(q.pipeline.Status.Stages, v1alpha1.PipelineStageStatus{
		Name: stage, Execution: &v1alpha1.StageExecution{PipelineExecutionID: uid, Name: "any"},
	})
}

func (q *queue) next(observed map[ActionKey]Observation, requests ...v1alpha1.StopRequest) *v1alpha1.PipelineExecutionStatus {
	q.in.Observed, q.in.Requests = observed, requests
	q.execution.Status = Next(q.in)
	return &q.execution.Status
}

// expect fails the test if the execution is not in a state, with a reason, waiting before a stage, with started actions.
func (q *queue) expect(state v1alpha1.ExecutionState, reason, waitsBefore, started string) {
	q.t.Helper()
	status := &q.execution.Status
	stage, names := "", ""
	if status.WaitingForStage != nil {
		stage = status.WaitingForStage.Stage
	}
	for key, a := range actions(status) {
		if a.State != v1alpha1.ActionNotStarted {
			names += key.Action
		}
	}
	ready := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionReady)
	if status.State != state || ready.Reason != reason || stage != waitsBefore || names != started {
		q.t.Fatalf("it is %s, %s, waits before %q, has started %q; want %s, %s, %q, %q", status.State, ready.Reason, stage, names, state, reason, waitsBefore, started)
	}
}

var inProgress = string(v1alpha1.ExecutionInProgress)

func seen(stage, action string, phase Phase) map[ActionKey]Observation {
	return map[ActionKey]Observation{{stage, action}: {Phase: phase, UID: "u"}}
}

// An execution enters each stage only when the Pipeline gives the stage to it, and inside of a stage it waits for nobody.
func TestItEntersTheStagesThatItIsGiven(t *testing.T) {
	q := newQueue(t, v1alpha1.ExecutionModeQueued)
	q.next(nil)
	q.expect(v1alpha1.ExecutionInProgress, v1alpha1.ReasonWaitingForStage, "build", "")
	if w := q.execution.Status.WaitingForStage; !w.Since.Time.Equal(at(0).Time) {
		t.Errorf("it waits since %s, and not since it was created", w.Since)
	}
	q.give("build", "somebody-else")
	q.next(nil)
	q.expect(v1alpha1.ExecutionInProgress, v1alpha1.ReasonWaitingForStage, "build", "")
	q.pipeline.Status.Stages = nil
	q.give("build", executionUID)
	q.next(nil)
	q.expect(v1alpha1.ExecutionInProgress, inProgress, "", "a")
	q.pipeline.Status.Stages = nil // Nothing is asked inside of a stage.
	q.next(seen("build", "a", PhaseSucceeded))
	q.expect(v1alpha1.ExecutionInProgress, inProgress, "", "ab")
	q.in.Now = at(7)
	q.next(seen("build", "b", PhaseSucceeded))
	q.expect(v1alpha1.ExecutionInProgress, v1alpha1.ReasonWaitingForStage, "ship", "ab")
	if w := q.execution.Status.WaitingForStage; !w.Since.Time.Equal(at(7).Time) || q.execution.Status.Stages[0].State != v1alpha1.StageSucceeded {
		t.Errorf("it waits since %s, and its first stage is %s", w.Since, q.execution.Status.Stages[0].State)
	}
	q.give("ship", executionUID)
	q.next(nil)
	q.expect(v1alpha1.ExecutionInProgress, inProgress, "", "abc")
	q.next(seen("ship", "c", PhaseSucceeded))
	q.expect(v1alpha1.ExecutionSucceeded, string(v1alpha1.ExecutionSucceeded), "", "abc")
}

// A stop of an execution that waits is final at once, whatever the Pipeline gives it or says of it.
func TestAStopOfOneThatWaitsIsFinalAtOnce(t *testing.T) {
	for _, abandon := range []bool{false, true} {
		q := newQueue(t, v1alpha1.ExecutionModeQueued)
		q.next(nil)
		q.give("build", executionUID)
		q.next(nil, makeRequest("stop", abandon))
		q.expect(v1alpha1.ExecutionStopped, string(v1alpha1.ExecutionStopped), "", "")
		if len(q.execution.Status.Stop.WaitingFor) > 0 {
			t.Errorf("the stop waits for %v", q.execution.Status.Stop.WaitingFor)
		}
	}
}

func TestADisabledTransitionKeepsItBeforeTheStage(t *testing.T) {
	q := newQueue(t, v1alpha1.ExecutionModeParallel)
	q.pipeline.Spec.Stages = []v1alpha1.Stage{{Name: "build"}, {Name: "ship", Transition: &v1alpha1.StageTransition{Disabled: true, Reason: "frozen"}}}
	q.next(nil)
	q.next(seen("build", "a", PhaseSucceeded))
	q.next(seen("build", "b", PhaseSucceeded))
	q.expect(v1alpha1.ExecutionInProgress, v1alpha1.ReasonTransitionDisabled, "ship", "ab")
	if message := meta.FindStatusCondition(q.execution.Status.Conditions, v1alpha1.ConditionReady).Message; !strings.Contains(message, "frozen") {
		t.Errorf("the message does not have the reason: %s", message)
	}
	if after := RequeueAfter(&q.execution.Status, at(5)); after != resyncInterval {
		t.Errorf("looked at again after %s", after)
	}
	q.pipeline.Spec.Stages[1].Transition = nil
	q.next(nil)
	q.expect(v1alpha1.ExecutionInProgress, inProgress, "", "abc")
}

// A transition that is disabled while the execution is in the stage changes nothing for it.
func TestADisabledTransitionDoesNotHoldWhoIsInTheStage(t *testing.T) {
	q := newQueue(t, v1alpha1.ExecutionModeParallel)
	q.next(nil)
	q.pipeline.Spec.Stages = []v1alpha1.Stage{{Name: "build", Transition: &v1alpha1.StageTransition{Disabled: true, Reason: "frozen"}}}
	q.next(seen("build", "a", PhaseSucceeded))
	q.expect(v1alpha1.ExecutionInProgress, inProgress, "", "ab")
}

func markSuperseded(q *queue) {
	q.pipeline.Status.Stages = []v1alpha1.PipelineStageStatus{{Name: "build", Waiting: []v1alpha1.WaitingExecution{
		{PipelineExecutionID: executionUID, Name: "run-1", SupersededBy: "run-2"},
	}}}
}

func TestItEndsSuperseded(t *testing.T) {
	q := newQueue(t, v1alpha1.ExecutionModeSuperseded)
	q.next(nil)
	markSuperseded(q)
	status := q.next(nil)
	q.expect(v1alpha1.ExecutionSuperseded, string(v1alpha1.ExecutionSuperseded), "", "")
	for conditionType, want := range map[string]metav1.ConditionStatus{
		v1alpha1.ConditionStalled: metav1.ConditionTrue, v1alpha1.ConditionFinished: metav1.ConditionTrue, v1alpha1.ConditionSucceeded: metav1.ConditionFalse,
	} {
		c := meta.FindStatusCondition(status.Conditions, conditionType)
		if c == nil || c.Status != want || c.Reason != "Superseded" || !strings.Contains(c.Message, `"run-2"`) {
			t.Errorf("%s is %+v", conditionType, c)
		}
	}
	if status.CompletionTime == nil || status.SupersededBy != "run-2" {
		t.Errorf("it ended at %v because of %q", status.CompletionTime, status.SupersededBy)
	}
	// If somebody wipes the state, it ends the same way again.
	status.State = ""
	q.pipeline.Status.Stages = nil
	q.next(nil)
	q.expect(v1alpha1.ExecutionSuperseded, string(v1alpha1.ExecutionSuperseded), "", "")
}

// A stop that was accepted first decides how it ends.
func TestAStopGoesBeforeBeingSuperseded(t *testing.T) {
	q := newQueue(t, v1alpha1.ExecutionModeSuperseded)
	q.next(nil)
	markSuperseded(q)
	q.next(nil, makeRequest("stop", false))
	q.expect(v1alpha1.ExecutionStopped, string(v1alpha1.ExecutionStopped), "", "")
}

// What waits does not go on by itself when its Pipeline is gone, and can be stopped.
func TestItWaitsForAPipelineThatIsGone(t *testing.T) {
	q := newQueue(t, v1alpha1.ExecutionModeQueued)
	q.next(nil)
	q.in.Pipeline = nil
	q.next(nil)
	q.expect(v1alpha1.ExecutionInProgress, v1alpha1.ReasonWaitingForStage, "build", "")
	if message := meta.FindStatusCondition(q.execution.Status.Conditions, v1alpha1.ConditionReady).Message; !strings.Contains(message, "Create it again") {
		t.Errorf("the message is %s", message)
	}
	q.next(nil, makeRequest("stop", true))
	q.expect(v1alpha1.ExecutionStopped, string(v1alpha1.ExecutionStopped), "", "")
}

// The Pipeline is looked up only if it matters.
func TestMayEnterStage(t *testing.T) {
	q := newQueue(t, v1alpha1.ExecutionModeParallel)
	may := func(want bool, when string) {
		t.Helper()
		if got := MayEnterStage(&q.execution.Status); got != want {
			t.Errorf("%s: %t", when, got)
		}
	}
	q.next(nil)
	may(false, "in the first stage, between its groups")
	q.next(seen("build", "a", PhaseSucceeded))
	may(true, "in the last group of a stage")
	q.next(seen("build", "b", PhaseSucceeded))
	may(false, "in the last stage")
	q.next(nil, makeRequest("stop", false))
	may(false, "stopped")
}
