// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package chaos

import (
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/invariants"
)

// Executions wait for a person, for their turn, for a transition, and for the end of a time limit.

// approvingName is the pipeline whose approvals are decided by scripts that are drawn.
const approvingName = "approving"

// newApproving returns a pipeline of an approval, and a stage after it.
func newApproving(namespace, name string, approval v1alpha1.Approval) *v1alpha1.Pipeline {
	return &v1alpha1.Pipeline{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: v1alpha1.PipelineSpec{Stages: []v1alpha1.Stage{
			{Name: approvalStage, Actions: []v1alpha1.Action{{Name: approvalAction, Approval: &approval}}},
			{Name: "Deploy", Actions: []v1alpha1.Action{work{seconds: 1}.action("roll-out")}},
		}},
	}
}

func withMode(p *v1alpha1.Pipeline, mode v1alpha1.ExecutionMode) *v1alpha1.Pipeline {
	p.Spec.ExecutionMode = mode
	return p
}

func withTimeout(p *v1alpha1.Pipeline, seconds int64) *v1alpha1.Pipeline {
	p.Spec.TimeoutSeconds = ptr.To(seconds)
	return p
}

// withHold disables the transition into the last stage.
func withHold(p *v1alpha1.Pipeline) *v1alpha1.Pipeline {
	p.Spec.Stages[len(p.Spec.Stages)-1].Transition = &v1alpha1.StageTransition{Disabled: true, Reason: "chaos"}
	return p
}

// certainWaits are the starts of every load that wait in each way, and are asked for everything while they wait.
func certainWaits(namespace string) []start {
	one, long := work{seconds: 1}, work{seconds: 4, grace: 1}
	patient := newApproving(namespace, "patient", v1alpha1.Approval{TimeoutSeconds: ptr.To[int64](60)})
	impatient := newApproving(namespace, "impatient", v1alpha1.Approval{TimeoutSeconds: ptr.To[int64](1)})
	byOthers := newApproving(namespace, "by-others", v1alpha1.Approval{TimeoutSeconds: ptr.To[int64](60), ForbidStarter: true})
	queue := withMode(twoStages(namespace, "long-queued", long, one, one), v1alpha1.ExecutionModeQueued)
	superseding := withMode(twoStages(namespace, "long-superseding", long, one, one), v1alpha1.ExecutionModeSuperseded)
	return []start{
		{pipeline: patient, results: slices.Concat(unknownTargets, resultScript{approve, approveNow})},
		{pipeline: patient, results: resultScript{approve.withRejection()}},
		{pipeline: patient, script: stopScript{askAtApproval.withAbandon()}, results: resultScript{approveLate}},
		{pipeline: impatient, results: resultScript{approveLate}},
		{pipeline: byOthers, results: resultScript{approve.byStarter(), approveNow}},
		{pipeline: queue, before: 2, script: stopScript{askBeforeStage}},
		{pipeline: superseding, before: 2},
		{pipeline: withHold(twoStages(namespace, "held", one, one, one)), isHeld: true},
		{pipeline: withTimeout(twoStages(namespace, "long-limited", work{seconds: 30}, one, one), 2)},
	}
}

func isWaitingBeforeStage(e *v1alpha1.PipelineExecution) bool { return e.Status.WaitingForStage != nil }

func isWaitingForApproval(e *v1alpha1.PipelineExecution) bool {
	return hasAction(e, func(a *v1alpha1.ActionStatus) bool { return a.Approval != nil && a.State == v1alpha1.ActionInProgress })
}

// hasEndedApproval is when an approval of an execution has ended, however that came.
func hasEndedApproval(e *v1alpha1.PipelineExecution) bool {
	return e.Status.State.IsFinal() || hasAction(e, func(a *v1alpha1.ActionStatus) bool { return a.Approval != nil && a.CompletionTime != nil })
}

// isNotReadyBecause reports whether the condition Ready of an execution has a reason.
func isNotReadyBecause(e *v1alpha1.PipelineExecution, reason string) bool {
	ready := meta.FindStatusCondition(e.Status.Conditions, v1alpha1.ConditionReady)
	return ready != nil && ready.Reason == reason
}

// Outcomes of waits.
const (
	waitedForTurn       = "waited for their turn before a stage"
	waitedForTransition = "waited for a transition"
	stoppedBeforeStage  = "stopped while they waited before a stage"
	stoppedAtApproval   = "stopped while they waited for approval"
	exceededTime        = "exceeded their timeoutSeconds"
	approvalsDecided    = "with an approval that somebody decided"
	approvalsTimedOut   = "with an approval that nobody decided in time"
)

// addWaits adds what an execution waited for, and how that ended.
func addWaits(states *counts, l *invariants.Life) {
	last := l.Last().New.(*v1alpha1.PipelineExecution)
	was := func(is moment) bool {
		return l.FindFirst(func(o client.Object) bool { return is(o.(*v1alpha1.PipelineExecution)) }) != nil
	}
	isStoppedAt := func(is moment) bool {
		i := slices.IndexFunc(l.Versions, func(c *invariants.Change) bool { return c.New.(*v1alpha1.PipelineExecution).Status.Stop != nil })
		return i > 0 && is(l.Versions[i-1].New.(*v1alpha1.PipelineExecution))
	}
	for row, holds := range map[string]bool{
		waitedForTurn: was(func(e *v1alpha1.PipelineExecution) bool { return isNotReadyBecause(e, v1alpha1.ReasonWaitingForStage) }),
		waitedForTransition: was(func(e *v1alpha1.PipelineExecution) bool {
			return isNotReadyBecause(e, v1alpha1.ReasonTransitionDisabled)
		}),
		stoppedBeforeStage: isStoppedAt(isWaitingBeforeStage),
		stoppedAtApproval:  isStoppedAt(isWaitingForApproval),
		exceededTime:       last.Status.TimedOutTime != nil,
		approvalsDecided:   hasAction(last, func(a *v1alpha1.ActionStatus) bool { return a.Approval != nil && a.Approval.Result != nil }),
		approvalsTimedOut:  hasAction(last, func(a *v1alpha1.ActionStatus) bool { return a.Reason == v1alpha1.ReasonApprovalTimedOut }),
	} {
		if holds {
			states.add(row)
		}
	}
}
