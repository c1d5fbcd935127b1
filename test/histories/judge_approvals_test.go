// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package histories

import (
	"time"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/histories/model"
)

// approvalRecord is an approval of an execution, and what the judge knows about it.
type approvalRecord struct {
	state  model.Approval
	result string
}

// approvalStatuses returns the actions of an execution that are approvals and were started.
func approvalStatuses(status *v1alpha1.PipelineExecutionStatus) map[model.Key]v1alpha1.ActionStatus {
	found := map[model.Key]v1alpha1.ActionStatus{}
	for _, s := range status.Stages {
		for _, a := range s.Actions {
			if a.Approval != nil {
				found[model.Key{Stage: s.Name, Action: a.Name}] = a
			}
		}
	}
	return found
}

// judgeApprovals judges what a write of an execution makes of its approvals. It comes before the judgement of the actions, which has to
// know how they were decided, and after that of the stop: what a stop abandons nobody approves any more.
func (j *judge) judgeApprovals(execution *executionRecord) {
	is := approvalStatuses(&execution.Status)
	for _, a := range execution.definition.model {
		action, started := is[a.Key]
		if !started || execution.definition.actions[a.Key].Approval == nil {
			continue
		}
		record := execution.approvals[a.Key]
		if record == nil && execution.retry.takenOver[a.Key] != "" {
			record = &approvalRecord{state: model.Approved, result: action.Approval.Result.UID}
			execution.approvals[a.Key] = record
		}
		if record == nil {
			record = &approvalRecord{state: model.Waiting}
			execution.approvals[a.Key] = record
			j.judgeExpiration(execution, a.Key, &action)
		}
		if result := action.Approval.Result; result != nil && result.UID != record.result {
			j.judgeDecision(execution, a.Key, record, result)
		}
		if record.state == model.Waiting && action.State != v1alpha1.ActionInProgress {
			record.state = model.Undecided
		}
		execution.ended[a.Key] = record.state.FindOutcome()
	}
}

// judgeExpiration judges how long an approval waits: for the time that the pipeline gives it, and a second at most more.
func (j *judge) judgeExpiration(execution *executionRecord, k model.Key, action *v1alpha1.ActionStatus) {
	timeout := time.Duration(v1alpha1.DefaultApprovalTimeoutSeconds) * time.Second
	if seconds := execution.definition.actions[k].Approval.TimeoutSeconds; seconds != nil {
		timeout = time.Duration(*seconds) * time.Second
	}
	if waits := action.Approval.ExpirationTime.Sub(action.StartTime.Time); waits < timeout || waits >= timeout+2*time.Second {
		j.addFinding("approval %q of execution %q waits for %s, and was to wait for %s", k.Action, execution.Name, waits, timeout)
	}
}

// judgeDecision judges the result that an execution takes. The model has to accept it at this commit, and every older one that the
// operator had seen goes first.
func (j *judge) judgeDecision(execution *executionRecord, k model.Key, record *approvalRecord, result *v1alpha1.AcceptedApprovalResult) {
	taken := j.results[result.UID]
	switch {
	case record.result != "":
		j.addFinding("approval %q of execution %q was decided by one result, and then by %q", k.Action, execution.Name, result.Name)
		return
	case taken == nil || !taken.isFor(execution, k) || result.Status != taken.Spec.Status || result.DecidedBy != taken.Spec.DecidedBy:
		j.addFinding("execution %q takes ApprovalResult %q, which does not decide that", execution.Name, result.Name)
		return
	case execution.state == model.StoppingByAbandon:
		j.addFinding("execution %q takes ApprovalResult %q, and is %s", execution.Name, result.Name, execution.state)
	}
	answer, next := record.state.Put(taken.decision(execution, k), execution.definition.actions[k].Approval.ForbidStarter)
	if answer != model.Accepted {
		j.addFinding("execution %q takes ApprovalResult %q, which is to be answered with %s", execution.Name, result.Name, answer)
	}
	if taken.verdict != "" {
		j.addFinding("execution %q takes ApprovalResult %q, which reads %s", execution.Name, result.Name, taken.verdict)
	}
	record.state, record.result = next, result.UID
	taken.isRecorded = true
	clear(taken.answers)
}

// judgeEndOfApproval judges the end of an approval: it is what somebody decided, or its time or that of its execution is over.
func (j *judge) judgeEndOfApproval(execution *executionRecord, k model.Key, state v1alpha1.ActionState) {
	record := execution.approvals[k]
	switch {
	case record == nil:
		j.addFinding("approval %q of execution %q is %s, and never waited", k.Action, execution.Name, state)
	case record.state == model.Approved && state == v1alpha1.ActionSucceeded, record.state == model.Rejected && state == v1alpha1.ActionFailed:
	case record.state == model.Undecided && state == v1alpha1.ActionFailed && (j.isApprovalOver(execution, k) || execution.Status.TimedOutTime != nil):
	default:
		j.addFinding("approval %q of execution %q is %s, and was decided so: %s", k.Action, execution.Name, state, record.state)
	}
}

// isApprovalOver reports whether the time of an approval is up.
func (j *judge) isApprovalOver(execution *executionRecord, k model.Key) bool {
	action, started := approvalStatuses(&execution.Status)[k]
	return started && !j.store.Clock.Now().Before(action.Approval.ExpirationTime.Time)
}

// answerResult returns what the contract answers now to a result for an execution that is there.
func (j *judge) answerResult(execution *executionRecord, r *resultRecord) model.Answer {
	k := model.Key{Stage: r.Spec.StageName, Action: r.Spec.ActionName}
	switch record := execution.approvals[k]; {
	case len(execution.Status.Stages) == 0:
		return model.NotPending
	case !execution.definition.hasStage(k.Stage):
		return model.StageNotFound
	case execution.definition.model.FindOutcome(k) == "":
		return model.ActionNotFound
	case record == nil:
		answer, _ := model.NotStarted.Put(model.Result{}, false)
		return answer
	default:
		answer, _ := record.state.Put(r.decision(execution, k), execution.definition.actions[k].Approval.ForbidStarter)
		return answer
	}
}
