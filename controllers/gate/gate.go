// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

// Package gate decides which execution of a pipeline may enter a stage. Next derives who has each stage from the executions that have
// not ended; the reconciler of the Pipeline writes that into its status. CheckEntry reads there whether an execution may enter. The
// package reads and writes nothing.
//
// A stage that was given to an execution is given to nobody else before that one has left it or has ended, by its own status. An execution
// enters a stage once, never leaves it before it entered, and final states are final. So whoever reads in an old status of the Pipeline that
// an execution has a stage reads the truth, or that execution cannot enter it any more. And an old status of an execution only
// delays that its stage is given to the next one.
package gate

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"haltline.dev/haltline/api/v1alpha1"
)

// Input is all that Next depends on.
type Input struct {
	// Pipeline has the mode, the stages with their transitions, and who had each stage before. It is not changed.
	Pipeline *v1alpha1.Pipeline
	// Executions are those of the pipeline that have not ended, in any order. They may be old. They are not changed.
	Executions []*v1alpha1.PipelineExecution
	// Ended has the uids of those that are known to have ended, to be gone, or to enter nothing any more.
	Ended map[types.UID]bool
	// Now is the time that is recorded.
	Now metav1.Time
}

// Next returns who has each stage and who waits before it. In a mode in which a stage holds any number of executions it returns only the
// stages whose transition is disabled, so that no start of an execution costs a write.
func Next(in Input) []v1alpha1.PipelineStageStatus {
	serial := in.Pipeline.Spec.ExecutionMode.IsSerial()
	var next []v1alpha1.PipelineStageStatus
	for _, name := range listStages(in) {
		stage := v1alpha1.PipelineStageStatus{Name: name}
		present := findStatus(in.Pipeline, name)
		stage.DisabledTransition = nextTransition(in, name, present)
		switch {
		case serial:
			setExecutions(in, &stage, present)
		case stage.DisabledTransition == nil:
			continue
		}
		next = append(next, stage)
	}
	return next
}

// setExecutions sets who has a stage, and who waits before it.
func setExecutions(in Input, stage *v1alpha1.PipelineStageStatus, present v1alpha1.PipelineStageStatus) {
	stage.Execution = keepHolder(in, present)
	if stage.Execution == nil {
		stage.Execution = findInStage(in, stage.Name)
	}
	queue := newQueue(in, stage, present)
	if stage.Execution == nil && stage.DisabledTransition == nil {
		stage.Execution = queue.takeFirst(in.Now)
	}
	stage.LatestExecutionID = present.LatestExecutionID
	if stage.Execution != nil {
		stage.LatestExecutionID = stage.Execution.PipelineExecutionID
	}
	stage.WaitingCount = int32(len(queue)) //nolint:gosec // As many objects do not fit into a cluster.
	for _, e := range queue[:min(len(queue), v1alpha1.MaxWaitingShown)] {
		stage.Waiting = append(stage.Waiting, v1alpha1.WaitingExecution{
			PipelineExecutionID: string(e.UID), Name: e.Name, Since: e.Status.WaitingForStage.Since, SupersededBy: e.supersededBy,
		})
	}
}

// keepHolder returns the execution that has a stage, unless it has left the stage or has ended.
func keepHolder(in Input, present v1alpha1.PipelineStageStatus) *v1alpha1.StageExecution {
	holder := present.Execution
	if holder == nil || in.Ended[types.UID(holder.PipelineExecutionID)] {
		return nil
	}
	if e := findExecution(in, holder.PipelineExecutionID); e != nil && HasLeft(e, present.Name) {
		return nil
	}
	return holder.DeepCopy()
}

// findInStage returns the execution that is in a stage without having been given it: such as of a pipeline that was PARALLEL before. Of
// several it is the oldest; the others have the stage after it, before anybody enters.
func findInStage(in Input, stage string) *v1alpha1.StageExecution {
	var oldest *v1alpha1.PipelineExecution
	for _, e := range in.Executions {
		if isIn(e, stage) && !in.Ended[e.UID] && (oldest == nil || compareAge(e, oldest) < 0) {
			oldest = e
		}
	}
	if oldest == nil {
		return nil
	}
	return newHolder(oldest, in.Now)
}

func newHolder(e *v1alpha1.PipelineExecution, now metav1.Time) *v1alpha1.StageExecution {
	return &v1alpha1.StageExecution{PipelineExecutionID: string(e.UID), Name: e.Name, Since: now}
}

// FindUnsure returns the executions that have a stage and of which the others do not tell whether they have left it: they are not among
// them, or somebody deletes them before they entered. A live read has to tell.
func FindUnsure(in Input) []v1alpha1.StageExecution {
	var unsure []v1alpha1.StageExecution
	for _, stage := range in.Pipeline.Status.Stages {
		if stage.Execution == nil {
			continue
		}
		e := findExecution(in, stage.Execution.PipelineExecutionID)
		if e == nil || e.DeletionTimestamp != nil && !HasLeft(e, stage.Name) && !isIn(e, stage.Name) {
			unsure = append(unsure, *stage.Execution)
		}
	}
	return unsure
}

func findExecution(in Input, uid string) *v1alpha1.PipelineExecution {
	for _, e := range in.Executions {
		if string(e.UID) == uid {
			return e
		}
	}
	return nil
}

func findStatus(pipeline *v1alpha1.Pipeline, stage string) v1alpha1.PipelineStageStatus {
	for _, s := range pipeline.Status.Stages {
		if s.Name == stage {
			return s
		}
	}
	return v1alpha1.PipelineStageStatus{Name: stage}
}

// nextTransition returns that the transition into a stage is disabled, or nil.
func nextTransition(in Input, stage string, present v1alpha1.PipelineStageStatus) *v1alpha1.DisabledTransition {
	t := findTransition(in.Pipeline, stage)
	if t == nil {
		return nil
	}
	since := in.Now
	if present.DisabledTransition != nil {
		since = present.DisabledTransition.Since
	}
	return &v1alpha1.DisabledTransition{Reason: t.Reason, Since: since}
}

// findTransition returns the transition into a stage if it is disabled, or nil. A stage that the Pipeline does not have any more has none.
func findTransition(pipeline *v1alpha1.Pipeline, stage string) *v1alpha1.StageTransition {
	i := slices.IndexFunc(pipeline.Spec.Stages, func(s v1alpha1.Stage) bool { return s.Name == stage })
	if i < 0 || pipeline.Spec.Stages[i].Transition == nil || !pipeline.Spec.Stages[i].Transition.Disabled {
		return nil
	}
	return pipeline.Spec.Stages[i].Transition
}
