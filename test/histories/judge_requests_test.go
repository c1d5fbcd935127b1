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

// request is a StopRequest as it was last committed, and what is known of it.
type request struct {
	*v1alpha1.StopRequest
	// created is its place among the changes of stop requests.
	created int
	// answers are those that the model gave at some moment since the request was created.
	answers map[model.Answer]bool
	// recorded says that its execution has accepted it.
	recorded bool
	verdict  model.Answer
}

// concerns reports whether the execution is the one that the request names, of the pipeline that it names.
func (r *request) concerns(x *execution) bool {
	return r.Spec.PipelineExecutionID == string(x.UID) && r.Spec.PipelineName == x.Spec.PipelineName
}

// olderThan reports whether it goes before another: by creation time, then by name.
func (r *request) olderThan(other *request) bool {
	return cmp.Or(r.CreationTimestamp.Compare(other.CreationTimestamp.Time), cmp.Compare(r.Name, other.Name)) < 0
}

func verdictOf(r *v1alpha1.StopRequest) model.Answer {
	if c := meta.FindStatusCondition(r.Status.Conditions, v1alpha1.ConditionAccepted); c != nil {
		return model.Answer(c.Reason)
	}
	return ""
}

func (j *judge) seeRequest(c simcluster.Change) {
	s, exists := c.New.(*v1alpha1.StopRequest)
	if !exists {
		j.close(c.Old.GetUID())
		return
	}
	r := j.requests[s.UID]
	if r == nil {
		r = &request{created: j.store.Changes(simcluster.StopRequest) - 1, answers: map[model.Answer]bool{}}
		j.requests[s.UID] = r
		j.open = append(j.open, r)
	}
	r.StopRequest = s
	j.judgeVerdict(r, verdictOf(s))
	if meta.IsStatusConditionTrue(s.Status.Conditions, v1alpha1.ConditionStopped) {
		j.judgeStopped(r)
	}
}

func (j *judge) close(uid types.UID) {
	j.open = slices.DeleteFunc(j.open, func(r *request) bool { return r.UID == uid })
}

// judgeVerdict judges the answer that a write gives: it is never another, and it is one that the model gave.
func (j *judge) judgeVerdict(r *request, verdict model.Answer) {
	switch {
	case verdict == r.verdict:
		return
	case r.verdict != "":
		j.violated("the verdict on StopRequest %q was %s and is now %q", r.Name, r.verdict, verdict)
	case verdict == model.Accepted:
		j.judgeAccepted(r)
	case r.answers[verdict]:
	default:
		j.violated("StopRequest %q reads %s, which the contract never answered since it was created; it answered %v",
			r.Name, verdict, slices.Sorted(maps.Keys(r.answers)))
	}
	r.verdict = verdict
	j.close(r.UID)
}

// judgeAccepted judges that a request reads Accepted: its execution has recorded it, and is in a Stopping state or Stopped.
func (j *judge) judgeAccepted(r *request) {
	if !r.recorded {
		j.violated("StopRequest %q reads Accepted, and its execution did not accept it", r.Name)
		return
	}
	if r.Status.PipelineExecutionID != r.Spec.PipelineExecutionID {
		j.violated("StopRequest %q reads Accepted, and answers with pipelineExecutionId %q", r.Name, r.Status.PipelineExecutionID)
	}
	x := j.executions[types.UID(r.Spec.PipelineExecutionID)]
	if state := x.Status.State; !x.gone && state != v1alpha1.ExecutionStopping && state != v1alpha1.ExecutionStopped {
		j.violated("StopRequest %q reads Accepted, and its execution reads %q", r.Name, state)
	}
	x.promise("StopRequest "+r.Name+" reads Accepted", len(j.store.History)-1)
}

// judgeStopped judges that a request reads Stopped: its execution has ended.
func (j *judge) judgeStopped(r *request) {
	x := j.executions[types.UID(r.Spec.PipelineExecutionID)]
	if x == nil || r.verdict != model.Accepted || !x.gone && x.state != model.Stopped {
		j.violated("StopRequest %q reads Stopped, and its execution has not", r.Name)
	}
}
