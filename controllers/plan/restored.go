// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"cmp"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/internal/text"
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
		Message: fmt.Sprintf("A restore made this object from execution %s, so it is not run again. To run it on purpose, "+
			"create it without the label %s.", describeCopied(execution), v1alpha1.LabelExecutionID),
	})
	return status
}

// describeCopied returns the id of the execution that was copied, with its name if the copy has another one.
func describeCopied(execution *v1alpha1.PipelineExecution) string {
	name := text.Bound(execution.Annotations[v1alpha1.AnnotationExecutionName], validation.DNS1123SubdomainMaxLength)
	if name == "" || name == execution.Name {
		return copiedID(execution)
	}
	return fmt.Sprintf("%s with the name %q", copiedID(execution), name)
}

// copiedID returns the id of the execution that was copied.
func copiedID(execution *v1alpha1.PipelineExecution) string {
	return cmp.Or(execution.Status.PipelineExecutionID, execution.Labels[v1alpha1.LabelExecutionID])
}
