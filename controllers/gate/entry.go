// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"fmt"

	"haltline.dev/haltline/api/v1alpha1"
)

// Entry is whether an execution may enter a stage.
type Entry struct {
	// IsOpen is whether it may.
	IsOpen bool
	// SupersededBy is the name of the newer execution because of which it never will; empty if it may still come to that.
	SupersededBy string
	// Reason and Message are what it waits for.
	Reason, Message string
}

// CheckEntry returns whether an execution may enter a stage that it is not in. The Pipeline is the one that has the pipelineName, as old as
// the cache may be, or nil if there is none: then the mode holds that the execution was started with.
func CheckEntry(pipeline *v1alpha1.Pipeline, execution *v1alpha1.PipelineExecution, stage string) Entry {
	if pipeline == nil {
		return checkWithoutPipeline(execution, stage)
	}
	present := findStatus(pipeline, stage)
	if by := findMark(present, execution); by != "" {
		return Entry{SupersededBy: by}
	}
	if t := findTransition(pipeline, stage); t != nil {
		return Entry{Reason: v1alpha1.ReasonTransitionDisabled, Message: fmt.Sprintf(
			"Waiting before stage %q: its transition is disabled: %q. The execution goes on when Pipeline %q has no "+
				"spec.stages[%q].transition.disabled any more; it can be stopped meanwhile.", stage, t.Reason, pipeline.Name, stage)}
	}
	hasStage := present.Execution != nil && present.Execution.PipelineExecutionID == string(execution.UID)
	return Entry{
		IsOpen: hasStage || !pipeline.Spec.ExecutionMode.IsSerial(),
		Reason: v1alpha1.ReasonWaitingForStage, Message: fmt.Sprintf("Waiting before stage %q for its turn, since one execution at a time is in it: "+
			"`kubectl get pipeline %s -o wide` shows which. It can be stopped meanwhile.", stage, pipeline.Name),
	}
}

func checkWithoutPipeline(execution *v1alpha1.PipelineExecution, stage string) Entry {
	return Entry{
		IsOpen: !execution.Status.ExecutionMode.IsSerial(),
		Reason: v1alpha1.ReasonWaitingForStage, Message: fmt.Sprintf("Waiting before stage %q: no Pipeline in this namespace has the pipelineName %q any more, "+
			"and one that is %s lets its executions in one at a time. Create it again, or stop the execution.",
			stage, execution.Spec.PipelineName, execution.Status.ExecutionMode),
	}
}
