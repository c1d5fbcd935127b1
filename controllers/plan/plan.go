// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

// Package plan decides what an execution does next. From the execution, the Pipeline that it pinned, what was observed
// of its actions, the stop requests that concern it and the time, Next derives the next status, and Tasks derives from a
// status what must be carried out. It reads and writes nothing itself.
//
// An action moves from NotStarted to InProgress, the intent to start it, which is recorded before anything is created;
// then its jobUID is set, the proof that it started; then it is Succeeded, Failed or Abandoned. An intent without
// a jobUID is open. Once a stop is in force no intent is added, and the stop is published as the state Stopping or
// Stopped when no intent is open.
package plan

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/stop"
)

// Input is all that the next status of an execution depends on.
type Input struct {
	// Execution as it was last read or written. It is not changed.
	Execution *v1alpha1.PipelineExecution
	// Revision is the name of the ControllerRevision that pins Pipeline; empty while there is none.
	Revision string
	// Pipeline is the pinned definition; nil where there is none, or where it is gone.
	Pipeline *v1alpha1.PipelineSpec
	// Problem says why the pinned definition cannot be run; nil where it can.
	Problem *Problem
	// Held says what keeps the definition from being pinned, for a cause that can pass; empty where nothing does.
	Held string
	// Observed is what was seen of the actions in progress, and of the abandoned ones that have not ended.
	Observed map[Key]Observation
	// Requests are the undecided stop requests that concern the execution, in any order.
	Requests []v1alpha1.StopRequest
	// Now is the time that is recorded.
	Now metav1.Time
}

// Problem is a reason why an execution fails before anything of it runs.
type Problem struct {
	Reason, Message string
}

// Next returns the status that the execution should have. A final state is returned unchanged.
func Next(in Input) v1alpha1.PipelineExecutionStatus {
	status := *in.Execution.Status.DeepCopy()
	if status.State.Final() {
		return status
	}
	status.ObservedGeneration = in.Execution.Generation
	if status.State == "" {
		status.State = v1alpha1.ExecutionInProgress
	}
	enroll(&status, in)
	record(&status, in.Observed, in.Now)
	status.Stop = stop.Accept(&status, in.Requests, in.Now)
	problem := in.Problem
	if stopInForce(&status) {
		abandon(&status, in.Pipeline)
		settleStop(&status, in.Now)
	} else {
		problem = advance(&status, in)
	}
	settleStages(&status)
	waitFor(&status)
	setConditions(&status, in, problem)
	return status
}

// enroll fills in the stages when the Pipeline is pinned, all of them not started.
func enroll(status *v1alpha1.PipelineExecutionStatus, in Input) {
	if status.PipelineRevision != "" || in.Revision == "" || in.Pipeline == nil {
		return
	}
	status.PipelineRevision = in.Revision
	for _, s := range in.Pipeline.Stages {
		stage := v1alpha1.StageStatus{Name: s.Name, State: v1alpha1.StageNotStarted}
		for _, a := range s.Actions {
			stage.Actions = append(stage.Actions, v1alpha1.ActionStatus{
				Name: a.Name, State: v1alpha1.ActionNotStarted, RunOrder: max(a.RunOrder, 1),
			})
		}
		status.Stages = append(status.Stages, stage)
	}
}

// finish gives the execution its final state.
func finish(status *v1alpha1.PipelineExecutionStatus, state v1alpha1.ExecutionState, now metav1.Time) {
	status.State = state
	status.CompletionTime = &now
}
