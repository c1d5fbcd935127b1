// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package histories

import (
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/histories/model"
	"haltline.dev/haltline/test/simcluster"
)

// resultRecord is an ApprovalResult as it was last committed, and what the judge knows about it.
type resultRecord struct {
	*v1alpha1.ApprovalResult
	// answers are all that the model gave since the result was created.
	answers map[model.Answer]bool
	// isRecorded is true once its execution has taken it.
	isRecorded bool
	verdict    model.Answer
}

// concerns reports whether the execution is the one that the result names, of the pipeline that it names.
func (r *resultRecord) concerns(execution *executionRecord) bool {
	return r.Spec.PipelineExecutionID == string(execution.UID) && r.Spec.PipelineName == execution.Spec.PipelineName
}

// isFor reports whether the result names an action of an execution.
func (r *resultRecord) isFor(execution *executionRecord, k model.Key) bool {
	return r.concerns(execution) && r.Spec.StageName == k.Stage && r.Spec.ActionName == k.Action
}

// decision returns what the result decides about an approval that was started.
func (r *resultRecord) decision(execution *executionRecord, k model.Key) model.Result {
	expiration := approvalStatuses(&execution.Status)[k].Approval.ExpirationTime
	return model.Result{
		Approves: r.Spec.Status == v1alpha1.ApprovalApproved, IsLate: !r.CreationTimestamp.Time.Before(expiration.Time),
		MayBeStarter: r.Spec.DecidedBy == "" || execution.Spec.StartedBy == "" || r.Spec.DecidedBy == execution.Spec.StartedBy,
	}
}

func (j *judge) judgeResult(c simcluster.Change) {
	ar, exists := c.New.(*v1alpha1.ApprovalResult)
	if !exists {
		j.closeResult(c.Old.GetUID())
		return
	}
	r := j.results[string(ar.UID)]
	if r == nil {
		r = &resultRecord{answers: map[model.Answer]bool{}}
		j.results[string(ar.UID)] = r
		j.openResults = append(j.openResults, r)
	}
	r.ApprovalResult = ar
	verdict := model.Answer("")
	if given := meta.FindStatusCondition(ar.Status.Conditions, v1alpha1.ConditionAccepted); given != nil {
		verdict = model.Answer(given.Reason)
	}
	j.judgeVerdictOnResult(r, verdict)
}

func (j *judge) closeResult(uid types.UID) {
	j.openResults = slices.DeleteFunc(j.openResults, func(r *resultRecord) bool { return r.UID == uid })
}

// judgeVerdictOnResult judges the verdict that a result shows. It never changes, and the model gave that answer since the result was
// created.
func (j *judge) judgeVerdictOnResult(r *resultRecord, verdict model.Answer) {
	switch {
	case verdict == r.verdict:
		return
	case r.verdict != "":
		j.addFinding("the verdict on ApprovalResult %q was %s and is now %q", r.Name, r.verdict, verdict)
	case verdict == model.Accepted && !r.isRecorded:
		j.addFinding("ApprovalResult %q reads Accepted, and its execution did not take it", r.Name)
	case verdict != model.Accepted && !r.answers[verdict]:
		j.addFinding("ApprovalResult %q reads %s, which was never the answer since it was created; it was %v",
			r.Name, verdict, slices.Sorted(maps.Keys(r.answers)))
	}
	r.verdict = verdict
	j.closeResult(r.UID)
}

// recordAnswersToResults records what the contract answers now to each result that has no verdict.
func (j *judge) recordAnswersToResults() {
	for _, r := range j.openResults {
		execution := j.executions[types.UID(r.Spec.PipelineExecutionID)]
		switch {
		case execution == nil || execution.isGone || !r.concerns(execution):
			for _, found := range j.possiblePipelines(r.Spec.PipelineName) {
				r.answers[model.AnswerUnknownApproval(found)] = true
			}
		case !r.isRecorded:
			r.answers[j.answerResult(execution, r)] = true
		}
	}
}
