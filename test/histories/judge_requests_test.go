// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package histories

import (
	"cmp"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/histories/model"
	"haltline.dev/haltline/test/simcluster"
)

// requestRecord is a StopRequest as it was last committed, and what the judge knows about it.
type requestRecord struct {
	*v1alpha1.StopRequest
	// created is its place among the changes of stop requests.
	created int
	// answers are all that the model gave since the request was created.
	answers map[model.Answer]bool
	// isRecorded is true once its execution has accepted it.
	isRecorded bool
	verdict    model.Answer
}

// isFor reports whether the execution is the one that the request names, of the pipeline that it names.
func (request *requestRecord) isFor(execution *executionRecord) bool {
	return request.Spec.PipelineExecutionID == string(execution.UID) && request.Spec.PipelineName == execution.Spec.PipelineName
}

// isOlderThan reports whether it goes first, by creation time and then by name.
func (request *requestRecord) isOlderThan(other *requestRecord) bool {
	return cmp.Or(request.CreationTimestamp.Compare(other.CreationTimestamp.Time), cmp.Compare(request.Name, other.Name)) < 0
}

// findVerdict returns the verdict on a request, or nothing.
func findVerdict(r *v1alpha1.StopRequest) model.Answer {
	if c := meta.FindStatusCondition(r.Status.Conditions, v1alpha1.ConditionAccepted); c != nil {
		return model.Answer(c.Reason)
	}
	return ""
}

func (j *judge) judgeRequest(c simcluster.Change) {
	s, exists := c.New.(*v1alpha1.StopRequest)
	if !exists {
		j.closeRequest(c.Old.GetUID())
		return
	}
	request := j.requests[s.UID]
	if request == nil {
		request = &requestRecord{created: j.store.Changes(simcluster.StopRequest) - 1, answers: map[model.Answer]bool{}}
		j.requests[s.UID] = request
		j.open = append(j.open, request)
	}
	request.StopRequest = s
	j.judgeVerdict(request, findVerdict(s))
	if meta.IsStatusConditionTrue(s.Status.Conditions, v1alpha1.ConditionStopped) {
		j.judgeStopped(request)
	}
}

func (j *judge) closeRequest(uid types.UID) {
	j.open = slices.DeleteFunc(j.open, func(request *requestRecord) bool { return request.UID == uid })
}

// judgeVerdict judges the verdict that a request shows. It never changes, and the model gave that answer since the request was
// created.
func (j *judge) judgeVerdict(request *requestRecord, verdict model.Answer) {
	switch {
	case verdict == request.verdict:
		return
	case request.verdict != "":
		j.addFinding("the verdict on StopRequest %q was %s and is now %q", request.Name, request.verdict, verdict)
	case verdict == model.Accepted:
		j.judgeAccepted(request)
	case request.answers[verdict]:
	default:
		j.addFinding("StopRequest %q reads %s, which the contract never answered since it was created; it answered %v",
			request.Name, verdict, slices.Sorted(maps.Keys(request.answers)))
	}
	request.verdict = verdict
	j.closeRequest(request.UID)
}

// judgeAccepted judges a request that reads Accepted: its execution has recorded it, and reads Stopping or Stopped.
func (j *judge) judgeAccepted(request *requestRecord) {
	if !request.isRecorded {
		j.addFinding("StopRequest %q reads Accepted, and its execution did not accept it", request.Name)
		return
	}
	if request.Status.PipelineExecutionID != request.Spec.PipelineExecutionID {
		j.addFinding("StopRequest %q reads Accepted, and answers with pipelineExecutionId %q", request.Name, request.Status.PipelineExecutionID)
	}
	execution := j.executions[types.UID(request.Spec.PipelineExecutionID)]
	if state := execution.Status.State; !execution.isGone && state != v1alpha1.ExecutionStopping && state != v1alpha1.ExecutionStopped {
		j.addFinding("StopRequest %q reads Accepted, and its execution reads %q", request.Name, state)
	}
	execution.recordPromise("StopRequest "+request.Name+" reads Accepted", len(j.store.History)-1)
}

// judgeStopped judges a request that reads Stopped: its execution has ended.
func (j *judge) judgeStopped(request *requestRecord) {
	execution := j.executions[types.UID(request.Spec.PipelineExecutionID)]
	if execution == nil || request.verdict != model.Accepted || !execution.isGone && execution.state != model.Stopped {
		j.addFinding("StopRequest %q reads Stopped, and its execution has not", request.Name)
	}
}
