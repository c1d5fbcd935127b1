// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package builders

import (
	"fmt"
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/internal/text"
)

// The bounds of a pipeline.
const (
	// MaxStages and those below are how many of them the schema allows.
	MaxStages = 50
	// MaxActions are those of all stages.
	MaxActions = 500
	// MaxActionsOfStage are those of one.
	MaxActionsOfStage = 50
	// MaxApprovals are those of all stages.
	MaxApprovals = 50
	// MaxVariables are those of a Pipeline or an execution.
	MaxVariables      = 50
	maxVariableLength = 1000
)

// longName returns the longest name of a stage or an action.
func longName(i int) string { return fmt.Sprintf("%0100d", i) }

// repeatText returns a text of so many characters.
func repeatText(character string, length int) string { return strings.Repeat(character, length) }

// LargePipeline returns a Pipeline of 50 stages, 500 actions and 50 variables at their limits. Each action has a template of its own, and an
// argument of so many letters.
func LargePipeline(namespace, name string, argument int) *v1alpha1.Pipeline {
	pipeline := Pipeline(namespace, name)
	for i := range MaxVariables {
		pipeline.Spec.Variables = append(pipeline.Spec.Variables, v1alpha1.VariableDeclaration{
			Name: largeVariable(i), DefaultValue: ptr.To(repeatText("v", maxVariableLength)), Description: repeatText("d", 200),
		})
	}
	for i := range MaxStages {
		stage := Stage(longName(i))
		for j := range MaxActions / MaxStages {
			stage.Actions = append(stage.Actions, Action(longName(j), EditJob(func(spec *batchv1.JobSpec) {
				spec.Template.Labels = nil
				c := &spec.Template.Spec.Containers[0]
				c.Image, c.Args = fmt.Sprintf("i%d-%d", i, j), []string{repeatText("a", argument)}
			})))
		}
		pipeline.Spec.Stages = append(pipeline.Spec.Stages, stage)
	}
	return pipeline
}

func largeVariable(i int) string { return fmt.Sprintf("V%0127d", i) }

// LargeTexts are the longest texts of an execution: what makes them, and how the operator bounds its own.
type LargeTexts struct {
	// Character is what they are made of.
	Character string
	// Message and Reason are those that the operator writes.
	Message, Reason string
	// VariableLength is how many characters the value of a variable has.
	VariableLength int
}

// FillExecution gives an execution the largest spec and status that there can be, without outputs: the 50 actions of its last stage are in
// progress, everything before them has ended, 50 of that were approvals, and a stop that was escalated waits.
func FillExecution(execution *v1alpha1.PipelineExecution, texts LargeTexts) {
	now := metav1.NewTime(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	fill := func(length int) string { return repeatText(texts.Character, length) }
	execution.Spec = v1alpha1.PipelineExecutionSpec{PipelineName: longName(0), TimeoutSeconds: ptr.To[int64](31536000)}
	for i := range MaxVariables {
		execution.Spec.Variables = append(execution.Spec.Variables, v1alpha1.Variable{Name: largeVariable(i), Value: fill(texts.VariableLength)})
	}
	execution.Status = v1alpha1.PipelineExecutionStatus{
		ObservedGeneration: 1, Version: 1, PipelineExecutionID: UnknownID, State: v1alpha1.ExecutionStopped, PipelineRevision: repeatText("r", 253),
		ExecutionMode: v1alpha1.ExecutionModeSuperseded, CurrentStage: longName(MaxStages - 1), StartTime: &now, TimeoutSeconds: ptr.To[int64](31536000),
		DeadlineTime: &now, TimedOutTime: &now, CompletionTime: &now,
	}
	stop := &v1alpha1.StopStatus{Mode: v1alpha1.StopModeAbandon}
	for range 2 {
		stop.Requests = append(stop.Requests, v1alpha1.AcceptedStopRequest{
			UID: UnknownID, Name: repeatText("n", 253), Mode: v1alpha1.StopModeAbandon, RequestedBy: fill(256), Reason: fill(200), AcceptedTime: now,
			EscalationTime: &now, EscalatedTime: &now, GracePeriodSeconds: ptr.To[int64](86400),
		})
	}
	for i := range MaxStages {
		stage := v1alpha1.StageStatus{Name: longName(i), State: v1alpha1.StageInProgress}
		for j := range actionsOfLargeStage(i) {
			a := v1alpha1.ActionStatus{
				Name: longName(j), State: v1alpha1.ActionInProgress, RunOrder: 999, Attempt: 1000, StartTime: &now, StartDeadlineTime: &now, CompletionTime: &now,
				Workload: v1alpha1.WorkloadReference{APIVersion: "batch/v1", Kind: "Job", Name: repeatText("n", 63), UID: UnknownID},
			}
			switch {
			case i == MaxStages-1:
				a.Reason, a.Message = texts.Reason, texts.Message
				stop.WaitingFor = append(stop.WaitingFor, v1alpha1.PendingAction{
					Stage: stage.Name, Action: a.Name, Attempt: a.Attempt, Workload: a.Workload, Reason: texts.Reason, Message: texts.Message,
				})
			case i < MaxApprovals/2 && j < 2:
				a.Workload, a.StartDeadlineTime = v1alpha1.WorkloadReference{}, nil
				a.Approval = &v1alpha1.ApprovalStatus{ExpirationTime: now, ForbidStarter: true, Result: &v1alpha1.AcceptedApprovalResult{
					UID: UnknownID, Name: repeatText("n", 253), Status: v1alpha1.ApprovalApproved, Summary: text.BoundSummary(fill(512)), DecidedBy: fill(256), DecidedTime: now,
				}}
			}
			stage.Actions = append(stage.Actions, a)
		}
		execution.Status.Stages = append(execution.Status.Stages, stage)
	}
	execution.Status.Stop = stop
	for _, t := range []string{
		v1alpha1.ConditionReady, v1alpha1.ConditionReconciling, v1alpha1.ConditionStalled, v1alpha1.ConditionSucceeded, v1alpha1.ConditionStopping,
		v1alpha1.ConditionStopped, v1alpha1.ConditionFinished,
	} {
		execution.Status.Conditions = append(execution.Status.Conditions, metav1.Condition{
			Type: t, Status: metav1.ConditionUnknown, Reason: "Reason", Message: texts.Message, LastTransitionTime: now, ObservedGeneration: 1,
		})
	}
}

// actionsOfLargeStage returns how many actions a stage of the largest execution has: the last one as many as a stage may, the others the rest.
func actionsOfLargeStage(i int) int {
	others := MaxStages - 1
	rest := MaxActions - MaxActionsOfStage
	switch {
	case i == others:
		return MaxActionsOfStage
	case i < rest%others:
		return rest/others + 1
	default:
		return rest / others
	}
}

// FillPipelineStatus gives a Pipeline the largest status that there can be: 60 stages with 5 executions before each.
func FillPipelineStatus(pipeline *v1alpha1.Pipeline, message string) {
	now := metav1.NewTime(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	object := repeatText("n", 253)
	pipeline.Status = v1alpha1.PipelineStatus{
		ObservedGeneration: 1, Version: 1, PipelineName: repeatText("n", 253), CheckedDefinition: repeatText("c", 64),
		ExecutionMode: v1alpha1.ExecutionModeSuperseded, StageSummary: repeatText("s", 1024),
	}
	for i := range v1alpha1.MaxStageStatuses {
		stage := v1alpha1.PipelineStageStatus{
			Name: longName(i), WaitingCount: 1000000, DisabledTransition: &v1alpha1.DisabledTransition{Reason: repeatText("r", 300), Since: now},
			Execution: &v1alpha1.StageExecution{PipelineExecutionID: UnknownID, Name: object, Since: now},
		}
		for range v1alpha1.MaxWaitingShown {
			stage.Waiting = append(stage.Waiting, v1alpha1.WaitingExecution{PipelineExecutionID: UnknownID, Name: object, Since: now, SupersededBy: object})
		}
		pipeline.Status.Stages = append(pipeline.Status.Stages, stage)
	}
	for _, t := range []string{v1alpha1.ConditionReady, v1alpha1.ConditionReconciling, v1alpha1.ConditionStalled, v1alpha1.ConditionWarnings} {
		pipeline.Status.Conditions = append(pipeline.Status.Conditions, metav1.Condition{
			Type: t, Status: metav1.ConditionUnknown, Reason: "Reason", Message: message, LastTransitionTime: now, ObservedGeneration: 1,
		})
	}
}
