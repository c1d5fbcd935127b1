// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package explorer

import (
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/simcluster"
)

// approvalCases are those of I1 for approvals. The execution of the lawful history has no approval, so each case makes another one.
func approvalCases() []checkCase {
	taken := func(b *historyBuilder) {
		b.createWaiting(20 * time.Second)
		b.submitResult("yes")
		b.decide("yes", v1alpha1.ActionSucceeded)
		b.answerResult("yes", accepted)
	}
	atRest := func(parts ...func(*historyBuilder)) deviation {
		return deviation{before: "rest", do: func(b *historyBuilder) {
			for _, do := range parts {
				do(b)
			}
			b.failOther("waiting")
		}}
	}
	wait := func(b *historyBuilder) { b.createWaiting(20 * time.Second) }
	submit := func(b *historyBuilder) { b.submitResult("yes") }
	reject := func(b *historyBuilder) { b.answerResult("yes", notPending) }
	decide := func(b *historyBuilder) { b.decide("yes", v1alpha1.ActionSucceeded) }
	accept := func(b *historyBuilder) { b.answerResult("yes", accepted) }
	refuse := func(b *historyBuilder) { b.decide("yes", v1alpha1.ActionFailed) }
	late := func(b *historyBuilder) { b.Store.Clock.SetTime(b.Store.Clock.Now().Add(time.Hour)) }
	lawful := atRest(taken)
	return []checkCase{
		{name: "the verdict on a result changes", invariant: "I1", breach: atRest(taken, reject), lawful: lawful},
		{name: "a result that was not submitted decides", invariant: "I1", breach: atRest(wait, func(b *historyBuilder) { b.createResultFor("yes") }, decide, accept), lawful: lawful},
		{name: "a result that was rejected decides", invariant: "I1", breach: atRest(wait, submit, reject, decide), lawful: lawful},
		{name: "a result that came too late decides", invariant: "I1", breach: atRest(wait, late, submit, decide, accept), lawful: lawful},
		{name: "an approval fails, and was approved", invariant: "I1", breach: atRest(wait, submit, refuse, accept), lawful: lawful},
		{name: "an approval ends before its time, and nobody decided", invariant: "I1",
			breach: atRest(wait, func(b *historyBuilder) { b.endWaiting(v1alpha1.ActionFailed) }),
			lawful: atRest(wait, late, func(b *historyBuilder) { b.endWaiting(v1alpha1.ActionFailed) })},
		{name: "a result reads Accepted, and decided nothing", invariant: "I1", breach: atRest(wait, submit, accept, late, func(b *historyBuilder) { b.endWaiting(v1alpha1.ActionFailed) }),
			lawful: atRest(wait, submit, late, func(b *historyBuilder) { b.endWaiting(v1alpha1.ActionFailed) }, reject)},
	}
}

// createWaiting creates an execution whose action "approve" waits for so long.
func (b *historyBuilder) createWaiting(timeout time.Duration) {
	b.Store.As(outsider, func() { b.createExecution("waiting") })
	b.writeOther("waiting", func(s *v1alpha1.PipelineExecutionStatus) {
		s.State = v1alpha1.ExecutionInProgress
		s.Stages = []v1alpha1.StageStatus{{Name: "Release", Actions: []v1alpha1.ActionStatus{{
			Name: "approve", Attempt: 1, State: v1alpha1.ActionInProgress,
			Approval: &v1alpha1.ApprovalStatus{ExpirationTime: metav1.NewTime(b.Store.Clock.Now().Add(timeout))},
		}}}}
	})
}

// createResultFor makes a person approve what waits.
func (b *historyBuilder) createResultFor(name string) {
	waiting := b.Store.Find(simcluster.Execution, key("waiting"))
	b.Store.As(outsider, func() {
		b.createObject(&v1alpha1.ApprovalResult{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
			Spec: v1alpha1.ApprovalResultSpec{
				PipelineName: "web", PipelineExecutionID: string(waiting.GetUID()), StageName: "Release", ActionName: "approve", Status: v1alpha1.ApprovalApproved,
			},
		})
	})
}

// submitResult makes a person approve what waits, and submits the result.
func (b *historyBuilder) submitResult(name string) {
	b.createResultFor(name)
	b.writeResult(name, func(s *v1alpha1.ApprovalResultStatus) {
		now := metav1.NewTime(b.Store.Clock.Now())
		s.SubmittedTime = &now
	})
}

// answerResult gives a result its verdict.
func (b *historyBuilder) answerResult(name, reason string) {
	status := metav1.ConditionFalse
	if reason == accepted {
		status = metav1.ConditionTrue
	}
	b.writeResult(name, func(s *v1alpha1.ApprovalResultStatus) {
		meta.SetStatusCondition(&s.Conditions, metav1.Condition{Type: v1alpha1.ConditionAccepted, Status: status, Reason: reason})
		meta.SetStatusCondition(&s.Conditions, metav1.Condition{Type: v1alpha1.ConditionFinished, Status: metav1.ConditionTrue, Reason: reason})
	})
}

func (b *historyBuilder) writeResult(name string, change func(*v1alpha1.ApprovalResultStatus)) {
	ar := b.Store.Find(simcluster.ApprovalResult, key(name)).DeepCopyObject().(*v1alpha1.ApprovalResult)
	change(&ar.Status)
	b.Op.ReconcileBy("approvalresult", ar, func(c client.Client) { _ = c.Status().Update(b.t.Context(), ar) })
}

// decide records a result on the action that waits, which ends.
func (b *historyBuilder) decide(name string, state v1alpha1.ActionState) {
	ar := b.Store.Find(simcluster.ApprovalResult, key(name)).(*v1alpha1.ApprovalResult)
	now := metav1.NewTime(b.Store.Clock.Now())
	b.writeOther("waiting", func(s *v1alpha1.PipelineExecutionStatus) {
		a := &s.Stages[0].Actions[0]
		a.State, a.CompletionTime = state, &now
		a.Approval.Result = &v1alpha1.AcceptedApprovalResult{UID: string(ar.UID), Name: name, Status: ar.Spec.Status, DecidedTime: now}
	})
}

// endWaiting ends the action that waits without a result.
func (b *historyBuilder) endWaiting(state v1alpha1.ActionState) {
	b.writeOther("waiting", func(s *v1alpha1.PipelineExecutionStatus) {
		now := metav1.NewTime(b.Store.Clock.Now())
		s.Stages[0].Actions[0].State, s.Stages[0].Actions[0].CompletionTime = state, &now
	})
}
