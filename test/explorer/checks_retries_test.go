// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package explorer

import (
	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/simcluster"
)

// retryCases are those of retries. They fail another execution than that of the lawful history, "first", and retry it.
func retryCases() []checkCase {
	atRest := func(parts ...func(*historyBuilder)) deviation {
		return deviation{before: "rest", do: func(b *historyBuilder) {
			b.createFirst()
			for _, do := range parts {
				do(b)
			}
		}}
	}
	create := func(name string) func(*historyBuilder) {
		return func(b *historyBuilder) { b.Store.As(outsider, func() { b.createExecution(name) }) }
	}
	claim := func(name string) func(*historyBuilder) { return func(b *historyBuilder) { b.claimFirst(name, nil) } }
	take := func(name string, changes ...func(*v1alpha1.ActionStatus)) func(*historyBuilder) {
		return func(b *historyBuilder) { b.takeOver(name, changes...) }
	}
	end := func(name string) func(*historyBuilder) { return func(b *historyBuilder) { b.failOther(name) } }
	lawful := atRest(create("retry"), claim("retry"), take("retry"), end("retry"))
	breach := func(parts ...func(*historyBuilder)) deviation { return atRest(append(parts, end("retry"))...) }
	refuse := func(b *historyBuilder) { b.refuseRetry("refused", v1alpha1.ExecutionFailed) }
	return []checkCase{
		{name: "a retry is refused and goes on", invariant: "I9",
			breach: atRest(func(b *historyBuilder) { b.refuseRetry("refused", v1alpha1.ExecutionInProgress) }, end("refused")), lawful: atRest(refuse)},
		{name: "a retry goes on with the refusal of another", invariant: "I9", breach: breach(create("retry"), claim("retry"), take("retry"), func(b *historyBuilder) { b.writeOther("retry", setRefused) }),
			// Somebody else who overwrites the state leaves the reason.
			lawful: atRest(refuse, func(b *historyBuilder) { b.actAsOutsider("wipe.PipelineExecution.1.state") }, end("refused"))},
		{name: "an execution does not name its retry", invariant: "I5", breach: breach(create("retry"), take("retry")), lawful: lawful},
		{name: "an execution names its retry too late", invariant: "I5", breach: breach(create("retry"), take("retry"), claim("retry")), lawful: lawful},
		{name: "two retries take over an execution", invariant: "I5",
			breach: breach(create("retry"), create("other"), claim("retry"), take("retry"), claim("other"), take("other"), end("other")),
			lawful: atRest(create("retry"), create("other"), claim("retry"), take("retry"), end("retry"), end("other"))},
		{name: "more than the link is added to a final status", invariant: "I5",
			breach: breach(create("retry"), func(b *historyBuilder) {
				b.claimFirst("retry", func(s *v1alpha1.PipelineExecutionStatus) { s.Stages[0].Actions[0].Message = "retried" })
			}, take("retry")), lawful: lawful},
		{name: "a link is removed", invariant: "I5",
			breach: breach(create("retry"), claim("retry"), take("retry"), func(b *historyBuilder) {
				b.writeOther("first", func(s *v1alpha1.PipelineExecutionStatus) { s.RetriedBy = nil })
			}), lawful: lawful},
		{name: "an action that failed is taken over", invariant: "I4",
			breach: breach(create("retry"), claim("retry"), take("retry", func(a *v1alpha1.ActionStatus) { a.Name = "roll-out" })), lawful: lawful},
		{name: "an action is taken over with its workload", invariant: "I4",
			breach: breach(create("retry"), claim("retry"), take("retry", func(a *v1alpha1.ActionStatus) { a.Workload.Name = "first-copy-1" })), lawful: lawful},
		{name: "an action that was taken over changes", invariant: "I4",
			breach: breach(create("retry"), claim("retry"), take("retry"), func(b *historyBuilder) {
				b.writeOther("retry", func(s *v1alpha1.PipelineExecutionStatus) { s.Stages[0].Actions[0].Message = "once more" })
			}), lawful: lawful},
		{name: "an action that was taken over runs", invariant: "I4",
			breach: breach(create("retry"), claim("retry"), take("retry"), func(b *historyBuilder) { b.createJobOf("retry", "copy") }), lawful: lawful},
	}
}

// createFirst creates an execution that failed after one of its two actions succeeded.
func (b *historyBuilder) createFirst() {
	b.Store.As(outsider, func() { b.createExecution("first") })
	b.writeOther("first", func(s *v1alpha1.PipelineExecutionStatus) {
		s.State = v1alpha1.ExecutionInProgress
		now := metav1.NewTime(b.Store.Clock.Now())
		s.Stages = []v1alpha1.StageStatus{{Name: "Deploy", Actions: []v1alpha1.ActionStatus{
			{Name: "copy", State: v1alpha1.ActionSucceeded, Attempt: 1, CompletionTime: &now}, {Name: "roll-out", State: v1alpha1.ActionFailed, Attempt: 1, CompletionTime: &now},
		}}}
	})
	b.failOther("first")
}

// claimFirst has "first" name an execution as its retry, with another change of its status if there is one.
func (b *historyBuilder) claimFirst(name string, change func(*v1alpha1.PipelineExecutionStatus)) {
	retry := b.Store.Find(simcluster.Execution, key(name))
	b.writeOther("first", func(s *v1alpha1.PipelineExecutionStatus) {
		s.Version++
		s.RetriedBy = &v1alpha1.RetriedBy{PipelineExecutionID: string(retry.GetUID()), Name: name}
		if change != nil {
			change(s)
		}
	})
}

// takeOver has a retry take over the action "copy" of "first", as the changes make it.
func (b *historyBuilder) takeOver(name string, changes ...func(*v1alpha1.ActionStatus)) {
	first := string(b.Store.Find(simcluster.Execution, key("first")).GetUID())
	b.writeOther(name, func(s *v1alpha1.PipelineExecutionStatus) {
		now := metav1.NewTime(b.Store.Clock.Now())
		action := v1alpha1.ActionStatus{Name: "copy", State: v1alpha1.ActionSucceeded, CompletionTime: &now, TakenOverFrom: first}
		for _, change := range changes {
			change(&action)
		}
		s.State = v1alpha1.ExecutionInProgress
		s.RetryOf = &v1alpha1.RetryStatus{PipelineExecutionID: first, Name: "first"}
		s.Stages = []v1alpha1.StageStatus{{Name: "Deploy", Actions: []v1alpha1.ActionStatus{action}}}
	})
}

// refuseRetry creates a retry of "first", and has it read in a state that it is refused.
func (b *historyBuilder) refuseRetry(name string, state v1alpha1.ExecutionState) {
	b.Store.As(outsider, func() { b.createRetry(name, "first", v1alpha1.RetryModeFailedActions) })
	b.writeOther(name, func(s *v1alpha1.PipelineExecutionStatus) {
		s.State = state
		setRefused(s)
		if state.IsFinal() {
			now := metav1.NewTime(b.Store.Clock.Now())
			s.CompletionTime = &now
			setFinished(s, string(state))
		}
	})
}

func setRefused(s *v1alpha1.PipelineExecutionStatus) {
	meta.SetStatusCondition(&s.Conditions, metav1.Condition{
		Type: v1alpha1.ConditionReady, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonStageNotRetryable,
	})
}

// createJobOf makes the operator create a Job for an action of the stage Deploy of an execution.
func (b *historyBuilder) createJobOf(execution, action string) {
	owner := b.Store.Find(simcluster.Execution, key(execution))
	b.Op.ReconcileBy(executionController, owner, func(c client.Client) {
		_ = c.Create(b.t.Context(), &batchv1.Job{ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: execution + "-" + action, Labels: map[string]string{v1alpha1.LabelExecutionID: string(owner.GetUID())},
			Annotations:     map[string]string{v1alpha1.AnnotationStage: "Deploy", v1alpha1.AnnotationAction: action},
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(owner, simcluster.Execution.GVK())},
		}})
	})
}
