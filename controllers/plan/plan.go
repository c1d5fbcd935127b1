// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

// Package plan decides what an execution does next. Next derives the next status from the execution, the definition that
// it pinned, what was observed of its actions, the stop requests for it and the time. Operations derives from a status
// what must be done, and Transitions what changed from one status to the next. The package reads and writes nothing.
//
// An action moves from NotStarted to InProgress, the intent to start it, which is recorded before anything is created.
// Then its workload.uid is set, which confirms that it started. Then it is Succeeded, Failed or Abandoned. An intent
// without a uid is unconfirmed. While a stop is in force no intent is added, and the stop is published as the state
// Stopping or Stopped when no intent is unconfirmed.
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
	// Revision is the name of the ControllerRevision that pins Definition; empty while there is none.
	Revision string
	// Definition is what the execution runs; nil if nothing is pinned, or if the revision is gone.
	Definition *v1alpha1.PipelineDefinition
	// WorkloadKinds are the kinds of object that do the work of the actions of Definition.
	WorkloadKinds map[ActionKey]WorkloadKind
	// Problem is why Definition cannot be run; nil if it can.
	Problem *Problem
	// PinBlocked is what keeps the definition from being pinned, for a cause that can pass; empty if nothing does.
	PinBlocked string
	// Observed is what was seen of the actions in progress, and of the abandoned ones that have not ended.
	Observed map[ActionKey]Observation
	// Requests are the undecided stop requests for the execution, in any order.
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
	if status.State.IsFinal() {
		return status
	}
	status.ObservedGeneration = in.Execution.Generation
	if status.State == "" {
		status.State = v1alpha1.ExecutionInProgress
	}
	initStages(&status, in)
	recordObservations(&status, in.Observed, in.Now)
	status.Stop = stop.Accept(&status, in.Requests, in.Now)
	problem := in.Problem
	if isStopInForce(&status) {
		abandonActions(&status, in.Definition)
		setStopState(&status, in.Now)
	} else {
		problem = startNextGroup(&status, in)
	}
	setStageStates(&status)
	setWaitingFor(&status)
	setConditions(&status, in, problem)
	return status
}
