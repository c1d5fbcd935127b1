// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"cmp"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"haltline.dev/haltline/api/v1alpha1"
)

// waiter is an execution that waits before a stage.
type waiter struct {
	*v1alpha1.PipelineExecution
	// supersededBy is the name of the execution that overtook it; empty if none did.
	supersededBy string
}

// queue are those that wait before a stage: those in front that are to end because they were superseded, and then the one that enters
// next.
type queue []waiter

// newQueue returns the queue before a stage, without the execution that has it.
func newQueue(in Input, stage *v1alpha1.PipelineStageStatus, present v1alpha1.PipelineStageStatus) queue {
	var q queue
	for _, e := range in.Executions {
		isHolder := stage.Execution != nil && stage.Execution.PipelineExecutionID == string(e.UID)
		if !isHolder && !in.Ended[e.UID] && waitsBefore(e, stage.Name) {
			q = append(q, waiter{e, findMark(present, e)})
		}
	}
	if in.Pipeline.Spec.ExecutionMode == v1alpha1.ExecutionModeSuperseded {
		q.supersede()
	}
	slices.SortFunc(q, func(a, b waiter) int {
		return cmp.Or(compareMarks(a, b), a.Status.WaitingForStage.Since.Compare(b.Status.WaitingForStage.Since.Time),
			compareAge(a.PipelineExecution, b.PipelineExecution))
	})
	return q
}

// findMark returns who superseded an execution, if the status says so. That does not change any more: the execution may have read it.
func findMark(present v1alpha1.PipelineStageStatus, e *v1alpha1.PipelineExecution) string {
	for _, w := range present.Waiting {
		if w.PipelineExecutionID == string(e.UID) {
			return w.SupersededBy
		}
	}
	return ""
}

// supersede marks all executions that are older than another one.
func (q queue) supersede() {
	var newest *v1alpha1.PipelineExecution
	for _, w := range q {
		if w.supersededBy == "" && (newest == nil || compareAge(w.PipelineExecution, newest) > 0) {
			newest = w.PipelineExecution
		}
	}
	for i := range q {
		if q[i].supersededBy == "" && q[i].PipelineExecution != newest {
			q[i].supersededBy = newest.Name
		}
	}
}

func compareMarks(a, b waiter) int {
	return cmp.Compare(rank(a), rank(b))
}

// rank puts those that were superseded in front, so that they are among those that the status lists.
func rank(w waiter) int {
	if w.supersededBy != "" {
		return 0
	}
	return 1
}

// takeFirst takes the execution from the queue that enters next, or returns nil if there is none.
func (q *queue) takeFirst(now metav1.Time) *v1alpha1.StageExecution {
	i := slices.IndexFunc(*q, func(w waiter) bool { return w.supersededBy == "" })
	if i < 0 {
		return nil
	}
	first := (*q)[i].PipelineExecution
	*q = slices.Delete(*q, i, i+1)
	return newHolder(first, now)
}
