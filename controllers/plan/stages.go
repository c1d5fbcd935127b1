// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/gate"
)

// MayEnterStage reports whether the next status of an execution can be that it enters a stage, so that Next needs its Pipeline.
func MayEnterStage(status *v1alpha1.PipelineExecutionStatus) bool {
	if status.State.IsFinal() || isStopInForce(status) {
		return false
	}
	stage, _ := nextGroup(status)
	return stage != nil && !hasEntered(status, stage)
}

// hasEntered reports whether the execution is in a stage, or has been.
func hasEntered(status *v1alpha1.PipelineExecutionStatus, stage *v1alpha1.StageStatus) bool {
	return status.CurrentStage == stage.Name || stage.State != v1alpha1.StageNotStarted
}

// setWaitingForStage records that the execution waits before a stage, or that it ends, since a newer one has overtaken it. Only one that
// waits is superseded: whoever marked it has seen that.
func setWaitingForStage(status *v1alpha1.PipelineExecutionStatus, stage string, entry gate.Entry, in Input) {
	switch {
	case entry.SupersededBy != "":
		status.SupersededBy = entry.SupersededBy
		setFinalState(status, v1alpha1.ExecutionSuperseded, in.Now)
	case status.WaitingForStage != nil && status.WaitingForStage.Stage == stage:
	case status.CurrentStage == "":
		// In whatever order the operator comes to look at them, those that were created first are first.
		status.WaitingForStage = &v1alpha1.StageWait{Stage: stage, Since: in.Execution.CreationTimestamp}
	default:
		status.WaitingForStage = &v1alpha1.StageWait{Stage: stage, Since: in.Now}
	}
}

// describeSuperseded names the execution that overtook this one.
func describeSuperseded(status *v1alpha1.PipelineExecutionStatus) string {
	return fmt.Sprintf("The newer execution %q came to wait before the same stage, so this one ended there. Nothing of it was running.", status.SupersededBy)
}
