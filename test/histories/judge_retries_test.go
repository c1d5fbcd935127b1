// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package histories

import (
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/histories/model"
	"haltline.dev/haltline/test/simcluster"
)

// retryRecord is what the judge knows about an execution that retries another.
type retryRecord struct {
	// answers are the answers that the model gave, each with the length of the history when it last did. The answer to a retry that may run
	// is model.Accepted.
	answers map[model.Answer]int
	// original is the execution that it retries; nil as long as it has taken over nothing.
	original *executionRecord
	// takenOver are the executions that ran what it took over.
	takenOver map[model.Key]types.UID
	refusal   model.Answer
}

// hasTakenOver reports whether an execution is a retry that has taken over what it does not run itself.
func (execution *executionRecord) hasTakenOver() bool { return execution.retry.original != nil }

// isRetry reports whether an execution is to retry another.
func (execution *executionRecord) isRetry() bool { return execution.Spec.RetryOf != nil }

// recordAnswersToRetries records what the model answers now to each retry that has neither taken over anything nor ended.
func (j *judge) recordAnswersToRetries() {
	for _, uid := range j.order {
		retry := j.executions[uid]
		if retry.isGone || retry.state.IsFinal() {
			continue
		}
		if !retry.isRetry() || retry.hasTakenOver() {
			continue
		}
		asked, there := j.askRetry(retry)
		if !there {
			continue // It waits for its Pipeline.
		}
		reasons := asked.Refusals()
		if len(reasons) == 0 {
			reasons = []model.Answer{model.Accepted}
		}
		for _, reason := range reasons {
			retry.retry.answers[reason] = len(j.store.History)
		}
	}
}

// askRetry returns what decides now about a retry, or false if its Pipeline is not there.
func (j *judge) askRetry(retry *executionRecord) (asked model.Retry, there bool) {
	p, exists := j.store.Find(simcluster.Pipeline, objectKey(retry.Spec.PipelineName)).(*v1alpha1.Pipeline)
	if !exists || p.DeletionTimestamp != nil {
		return asked, false
	}
	of := retry.Spec.RetryOf
	original := j.executions[types.UID(of.PipelineExecutionID)]
	if original == nil || original.isGone || original.DeletionTimestamp != nil || original.Spec.PipelineName != retry.Spec.PipelineName {
		return asked, true
	}
	asked = model.Retry{
		IsThere: true, State: original.state, AllActions: of.RetryMode == v1alpha1.RetryModeAllActions, Mode: model.Mode(p.Spec.ExecutionMode),
		HasStages: len(original.Status.Stages) > 0, EndedInStage: original.endedIn() == of.StageName,
		HasRevision: j.store.Find(simcluster.Revision, objectKey(original.Status.PipelineRevision)) != nil,
		IsNamed:     original.retriedBy == retry.UID, HadStageLast: true,
	}
	asked.HasStage = asked.HasStages && original.definition.hasStage(of.StageName)
	asked.NothingFailed = asked.HasStage && original.hasSucceededIn(of.StageName)
	if other := j.executions[original.retriedBy]; other != nil && other != retry {
		asked.IsRetried = model.CountsAsRetry(other.state, other.hasTakenOver(), other.isGone)
	}
	for _, s := range p.Status.Stages {
		if s.Name == of.StageName {
			asked.OthersWait = len(s.Waiting) > 0
			asked.HadStageLast = s.LatestExecutionID == "" || original.standsFor(types.UID(s.LatestExecutionID), of.StageName)
		}
	}
	return asked, true
}

// endedIn returns the stage that an execution has ended in. A retry that never entered its stage ended in that; one that ended while it
// waited before another stage, or whose time was up between two stages, ended in none.
func (execution *executionRecord) endedIn() string {
	switch {
	case execution.hasTakenOver() && len(execution.entered) == 0:
		return execution.Spec.RetryOf.StageName
	case execution.state == model.Failed && execution.in != "" && execution.hasSucceededIn(execution.in):
		return ""
	default:
		return execution.in
	}
}

// standsFor reports whether an execution is the one of a uid, or a retry of that which has not entered the stage itself.
func (execution *executionRecord) standsFor(uid types.UID, stage string) bool {
	for e := execution; e != nil; e = e.retry.original {
		if e.UID == uid {
			return true
		}
		if e.entered[stage] {
			return false
		}
	}
	return false
}

// hasSucceededIn reports whether every action of a stage has succeeded.
func (execution *executionRecord) hasSucceededIn(stage string) bool {
	is := actionStates(&execution.Status)
	return !slices.ContainsFunc(execution.definition.model, func(a model.Action) bool {
		return a.Stage == stage && is[a.Key] != v1alpha1.ActionSucceeded
	})
}

// judgeLink judges a write of a final status: nothing but the name of a retry is added, which may retry it.
func (j *judge) judgeLink(execution *executionRecord, before *v1alpha1.PipelineExecutionStatus, by string) {
	was, is := before.DeepCopy(), execution.Status.DeepCopy()
	was.RetriedBy, is.RetriedBy, was.Version, is.Version = nil, nil, 0, 0
	link := execution.Status.RetriedBy
	if !equality.Semantic.DeepEqual(was, is) || link == nil {
		j.addFinding("execution %q is %s, which is final, and its status is written", execution.Name, execution.state)
		return
	}
	retry := j.executions[types.UID(link.PipelineExecutionID)]
	if retry == nil || !retry.isRetry() || retry.Spec.RetryOf.PipelineExecutionID != string(execution.UID) || retry.Name != link.Name {
		j.addFinding("execution %q names %q as its retry, which is none", execution.Name, link.Name)
		return
	}
	other := j.executions[execution.retriedBy]
	if other != nil && (other.hasTakenOver() || !other.isGone && !other.state.IsFinal()) {
		j.addFinding("execution %q names %q as its retry, and %q has retried it", execution.Name, link.Name, other.Name)
	}
	switch hasEnded := retry.isGone || retry.state.IsFinal(); {
	case hasEnded && !retry.hasTakenOver() && execution.isRetryableBy(retry) && j.wasPausedSince(by, retry.endedAt):
		j.known[namedTooLate]++
	case hasEnded || !retry.wasAnswered(model.Accepted, j.began[by]):
		j.addFinding("execution %q names %q as its retry, which is to be refused: %v", execution.Name, link.Name, retry.retry.answers)
	}
	execution.retriedBy = retry.UID
}

// wasPausedSince reports whether an operator last read what it reconciles before a change.
func (j *judge) wasPausedSince(by string, change int) bool {
	readAt, hasRead := j.lastReadOfOwn[by]
	return hasRead && readAt < change
}

// isRetryableBy reports whether an execution has ended so that another one could retry it.
func (execution *executionRecord) isRetryableBy(retry *executionRecord) bool {
	return (execution.state == model.Failed || execution.state == model.Stopped) && execution.endedIn() == retry.Spec.RetryOf.StageName
}

// wasAnswered reports whether the model gave an answer to a retry in one of the states since the history had a length.
func (execution *executionRecord) wasAnswered(answer model.Answer, since int) bool {
	last, given := execution.retry.answers[answer]
	return given && last >= since
}

// judgeTakeOver judges what a retry has taken over: once, from the execution that names it, what the mode says, and for good.
func (j *judge) judgeTakeOver(execution *executionRecord, before *v1alpha1.PipelineExecutionStatus) {
	switch {
	case execution.Status.RetryOf != nil && before.RetryOf == nil:
		j.judgeBinding(execution)
	case execution.Status.RetryOf == nil && before.RetryOf != nil:
		j.addFinding("execution %q forgot what it retries", execution.Name)
	}
	is := takenOver(&execution.Status)
	for _, a := range execution.definition.model {
		if is[a.Key] != execution.retry.takenOver[a.Key] {
			j.addFinding("action %q of execution %q reads that it was taken over from %q, and it was taken over from %q",
				a.Action, execution.Name, is[a.Key], execution.retry.takenOver[a.Key])
		}
	}
}

// judgeBinding judges the write by which a retry takes over what it does not run itself.
func (j *judge) judgeBinding(execution *executionRecord) {
	of := execution.Status.RetryOf
	original := j.executions[types.UID(of.PipelineExecutionID)]
	if !execution.isRetry() || original == nil || string(original.UID) != execution.Spec.RetryOf.PipelineExecutionID {
		j.addFinding("execution %q retries %q, which it was not asked to", execution.Name, of.Name)
		return
	}
	if original.retriedBy != execution.UID {
		j.addFinding("execution %q takes over from %q, which does not name it", execution.Name, original.Name)
	}
	if execution.state != model.InProgress {
		j.addFinding("execution %q takes over from %q, and is %s", execution.Name, original.Name, execution.state)
	}
	if execution.Status.PipelineRevision != original.Status.PipelineRevision {
		j.addFinding("execution %q takes over from %q, and runs another revision", execution.Name, original.Name)
	}
	execution.retry.original, execution.variables = original, original.variables
	execution.definition = original.definition
	states, ran := actionStates(&original.Status), original.retry.takenOver
	taken := original.definition.model.FindTakenOver(execution.Spec.RetryOf.StageName, execution.Spec.RetryOf.RetryMode == v1alpha1.RetryModeAllActions,
		func(k model.Key) bool { return states[k] == v1alpha1.ActionSucceeded })
	now := actionStates(&execution.Status)
	for _, k := range taken {
		execution.retry.takenOver[k] = original.UID
		if first := ran[k]; first != "" {
			execution.retry.takenOver[k] = first
		}
		if now[k] != v1alpha1.ActionSucceeded {
			j.addFinding("action %q of execution %q was taken over and is %q", k.Action, execution.Name, now[k])
		}
		execution.ended[k] = model.Succeeds
	}
}

// takenOver returns the executions that ran what a status shows as taken over.
func takenOver(status *v1alpha1.PipelineExecutionStatus) map[model.Key]types.UID {
	found := map[model.Key]types.UID{}
	for _, s := range status.Stages {
		for _, a := range s.Actions {
			if a.TakenOverFrom != "" {
				found[model.Key{Stage: s.Name, Action: a.Name}] = types.UID(a.TakenOverFrom)
			}
		}
	}
	return found
}

// judgeRefusal judges the end of a retry that has taken over nothing: nobody asked to stop it, and the model refused it for that reason when
// the operator looked.
func (j *judge) judgeRefusal(execution *executionRecord, end model.State, by string) {
	reason := model.Answer("")
	if ready := meta.FindStatusCondition(execution.Status.Conditions, v1alpha1.ConditionReady); ready != nil {
		reason = model.Answer(ready.Reason)
	}
	execution.retry.refusal = reason
	if end != model.Failed || !execution.wasAnswered(reason, j.began[by]) {
		j.addFinding("execution %q is to retry another, took over nothing, and ends %s because of %q; it was answered %v, and the operator looked after %d",
			execution.Name, end, reason, execution.retry.answers, j.began[by])
	}
}
