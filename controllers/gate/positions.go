// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"cmp"
	"slices"

	"haltline.dev/haltline/api/v1alpha1"
)

// HasLeft reports whether an execution has been in a stage and is not any more: it is in a later one, waits before a later one, or has
// ended. Once that is so, it stays so; an old status of the execution never shows it too early.
func HasLeft(e *v1alpha1.PipelineExecution, stage string) bool {
	status := &e.Status
	if status.State.IsFinal() {
		return true
	}
	is, current := indexOf(status, stage), indexOf(status, status.CurrentStage)
	if is < 0 || current < 0 {
		return false
	}
	return is < current || is == current && status.WaitingForStage != nil
}

// isIn reports whether an execution has entered a stage and has not left it.
func isIn(e *v1alpha1.PipelineExecution, stage string) bool {
	return e.Status.CurrentStage == stage && !HasLeft(e, stage)
}

// waitsBefore reports whether an execution waits before a stage and can still enter it. Of one that is being deleted nothing starts.
func waitsBefore(e *v1alpha1.PipelineExecution, stage string) bool {
	status := &e.Status
	return status.WaitingForStage != nil && status.WaitingForStage.Stage == stage &&
		!status.State.IsFinal() && status.Stop == nil && e.DeletionTimestamp == nil
}

func indexOf(status *v1alpha1.PipelineExecutionStatus, stage string) int {
	return slices.IndexFunc(status.Stages, func(s v1alpha1.StageStatus) bool { return s.Name == stage })
}

// compareAge orders executions by their creation, and those of one second by their uid.
func compareAge(a, b *v1alpha1.PipelineExecution) int {
	return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), cmp.Compare(a.UID, b.UID))
}
