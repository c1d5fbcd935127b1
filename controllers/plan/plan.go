// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

// Package plan decides what an execution does next. Next derives the next status from the execution, the definition that
// it pinned, what was observed of its actions, the stop requests for it and the time. Operations derives from a status
// what must be done, and Transitions what changed from one status to the next. The package reads and writes nothing.
//
// An action moves from NotStarted to InProgress, the intent to start it, which is recorded before anything is created.
// Then its workload.uid is set, which confirms that it started. Then it is Succeeded, Failed or Abandoned. An intent
// without a uid is unconfirmed, except that of an approval, which runs nothing. While a stop is in force no intent is added, and the stop is published as the state
// Stopping or Stopped when no intent is unconfirmed.
package plan

import (
	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/stop"
)

// Next returns the status that the execution should have. A final state is returned unchanged.
func Next(in Input) v1alpha1.PipelineExecutionStatus {
	status := *in.Execution.Status.DeepCopy()
	if status.State.IsFinal() {
		return status
	}
	status.ObservedGeneration = in.Execution.Generation
	status.PipelineExecutionID = string(in.Execution.UID)
	if status.State == "" {
		status.State = v1alpha1.ExecutionInProgress
	}
	initStages(&status, in)
	confirmWorkspace(&status, in.WorkspaceUID)
	recordObservations(&status, readOutputs(&status, in), in.Now)
	status.Stop = stop.Accept(&status, in.Requests, in.Now)
	problem := in.Problem
	// A stop comes before the results of approvals: what it abandons, nobody approves any more.
	abandonActions(&status, in.Definition, in.Now)
	recordApprovals(&status, in)
	if isStopInForce(&status) {
		status.WaitingForStage = nil
		setStopState(&status, in.Now)
	} else {
		timeOut(&status, in.Now)
		problem = startNextGroup(&status, in)
	}
	setStageStates(&status)
	setWaitingFor(&status)
	setConditions(&status, in, problem)
	return status
}
