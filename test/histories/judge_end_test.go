// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package histories

import (
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/histories/model"
	"haltline.dev/haltline/test/simcluster"
)

// judgeRest judges what there is when all faults have ended and nobody has anything to do. Every request has its verdict, and
// every execution has ended, except those in which an action hangs.
func (j *judge) judgeRest(stuck bool) {
	if stuck {
		j.addFinding("the cluster does not come to rest")
		return
	}
	for _, o := range j.store.All(simcluster.StopRequest) {
		j.judgeConcluded(j.requests[o.GetUID()])
	}
	j.judgeClaimsAtRest()
	for _, r := range j.openResults {
		j.addFinding("ApprovalResult %q has no verdict", r.Name)
	}
	for _, o := range j.store.All(simcluster.Execution) {
		execution := j.executions[o.GetUID()]
		switch {
		case execution.DeletionTimestamp != nil:
			j.addFinding("execution %q was deleted and does not go", execution.Name)
		case execution.state.IsStopping():
			j.addFinding("execution %q is %s, and nothing goes on", execution.Name, execution.state)
		case execution.state == model.InProgress && !slices.Contains(execution.possibleEnds(), model.InProgress):
			j.addFinding("execution %q is %s and nothing goes on; its actions end it %v", execution.Name, execution.state, execution.possibleEnds())
		case string(execution.state) != string(execution.Status.State):
			j.addFinding("execution %q is %s and reads %q", execution.Name, execution.state, execution.Status.State)
		case execution.state == model.InProgress:
			j.judgeInProgress(execution)
		}
	}
}

// judgeWaits judges an execution that is still Stopping when nobody has anything to do: it waits for an action that hangs, and
// nobody asked to abandon it after a time.
func (j *judge) judgeWaits(execution *executionRecord) {
	states, hangs := actionStates(&execution.Status), false
	for _, a := range execution.withPeople() {
		if execution.definition.queued[a.Key] && execution.ran[a.Key] == nil {
			continue // It is kept from starting.
		}
		hangs = hangs || a.Outcome == model.Hangs && states[a.Key] == v1alpha1.ActionInProgress
	}
	escalates := slices.ContainsFunc(acceptedRequests(execution.PipelineExecution), func(a v1alpha1.AcceptedStopRequest) bool {
		return j.requests[types.UID(a.UID)].Spec.EscalateAfterSeconds != nil
	})
	if execution.state != model.StoppingByWait || !hangs || escalates {
		j.addFinding("execution %q is %s and nothing goes on", execution.Name, execution.state)
	}
}

// judgeInProgress judges what keeps an execution in progress when nobody has anything to do.
func (j *judge) judgeInProgress(execution *executionRecord) {
	j.judgeLimitsAtRest(execution)
	if execution.isRetry() && !execution.hasTakenOver() {
		j.addFinding("execution %q is to retry another, and has neither taken over anything nor been refused", execution.Name)
	}
	if execution.Status.WaitingForStage != nil {
		j.judgeWaitBeforeStage(execution)
	}
}

// judgeConcluded judges that a request has its verdict, and reads Stopped if it was accepted.
func (j *judge) judgeConcluded(request *requestRecord) {
	execution := j.executions[types.UID(request.Spec.PipelineExecutionID)]
	switch {
	case request.verdict == "":
		j.addFinding("StopRequest %q has no verdict", request.Name)
	case request.verdict != model.Accepted:
	case !execution.isGone && execution.state != model.Stopped:
		j.addFinding("StopRequest %q was accepted, and its execution is %s", request.Name, execution.state)
	case !meta.IsStatusConditionTrue(request.Status.Conditions, v1alpha1.ConditionStopped):
		j.addFinding("StopRequest %q was accepted, and does not read Stopped", request.Name)
	}
}
