// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"cmp"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"haltline.dev/haltline/api/v1alpha1"
)

// NextOfRestoredCopy returns the status of an execution that a restore copied from another: it failed, and nothing of the
// status that came with it is believed. What the other did must not be done again because somebody restored a backup.
func NextOfRestoredCopy(execution *v1alpha1.PipelineExecution, now metav1.Time) v1alpha1.PipelineExecutionStatus {
	status := v1alpha1.PipelineExecutionStatus{
		ObservedGeneration: execution.Generation, PipelineExecutionID: string(execution.UID),
	}
	setFinalState(&status, v1alpha1.ExecutionFailed, now)
	setConditions(&status, Input{Execution: execution, Now: now}, &Problem{
		Reason: v1alpha1.ReasonRestoredCopy,
		Message: fmt.Sprintf("A restore made this object from execution %s of the same name, so it is not run again. To run it on purpose, "+
			"create it under another name, or without the label %s.", copiedID(execution), v1alpha1.LabelExecutionID),
	})
	return status
}

// copiedID returns the id of the execution that was copied.
func copiedID(execution *v1alpha1.PipelineExecution) string {
	return cmp.Or(execution.Status.PipelineExecutionID, execution.Labels[v1alpha1.LabelExecutionID])
}
