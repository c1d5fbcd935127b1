// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package histories

import (
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/histories/model"
	"haltline.dev/haltline/test/simcluster"
)

// execution is a PipelineExecution as it was last committed, and what is known of it.
type execution struct {
	*v1alpha1.PipelineExecution
	definition *definition
	// state that the model has it in.
	state model.State
	gone  bool
	// promised says where people can read that nothing more starts; empty where they cannot.
	promised   string
	promisedAt int
	// ended is how the Jobs of actions ended; lost are actions whose Job somebody deleted.
	ended map[model.Key]model.Outcome
	lost  map[model.Key]bool
	// ran is the Job that an action ran.
	ran map[model.Key]*job
	// lostPipeline says that its Pipeline was deleted, and with it what the execution runs.
	lostPipeline bool
}

// promise notes that people were told that nothing more of the execution starts.
func (x *execution) promise(where string, at int) {
	if x.promised == "" {
		x.promised, x.promisedAt = where, at
	}
}

func (j *judge) seeExecution(c simcluster.Change) {
	e, exists := c.New.(*v1alpha1.PipelineExecution)
	if !exists {
		x := j.executions[c.Old.GetUID()]
		x.gone = true
		return
	}
	x := j.executions[e.UID]
	if x == nil {
		x = &execution{
			PipelineExecution: e, definition: j.definitions[e.Spec.PipelineName], state: model.InProgress,
			ended: map[model.Key]model.Outcome{}, lost: map[model.Key]bool{}, ran: map[model.Key]*job{},
		}
		j.executions[e.UID] = x
		j.order = append(j.order, e.UID)
		return
	}
	if equality.Semantic.DeepEqual(x.Status, e.Status) {
		x.PipelineExecution = e
		return
	}
	if x.state.Final() {
		j.violated("execution %q is %s, which is final, and its status is written", e.Name, x.state)
	}
	before := x.PipelineExecution
	x.PipelineExecution = e
	j.judgeRecord(x, recordOf(before), recordOf(e), c.By)
	j.judgeActions(x, &before.Status)
	j.judgeState(x, before.Status.State)
}

// running are the executions that have not ended.
func (j *judge) running() []types.UID {
	return slices.DeleteFunc(slices.Clone(j.order), func(uid types.UID) bool {
		x := j.executions[uid]
		return x.gone || x.state.Final()
	})
}

func recordOf(e *v1alpha1.PipelineExecution) []v1alpha1.AcceptedStopRequest {
	if e.Status.Stop == nil {
		return nil
	}
	return e.Status.Stop.Requests
}

// judgeRecord judges what an execution records of its stop. Each request that it records is one that the model accepts
// at this very commit.
func (j *judge) judgeRecord(x *execution, before, now []v1alpha1.AcceptedStopRequest, by string) {
	if len(now) < len(before) {
		j.violated("execution %q forgot a request that it had accepted", x.Name)
		return
	}
	for n, a := range now {
		switch {
		case n >= len(before):
			j.judgeAcceptance(x, a, by)
		case a.UID != before[n].UID:
			j.violated("execution %q records StopRequest %q in the place of %q", x.Name, a.Name, before[n].Name)
		case a.EscalatedTime != nil && before[n].EscalatedTime == nil:
			j.judgeEscalation(x, a)
		}
	}
	if stop := x.Status.Stop; stop != nil && (stop.Mode == v1alpha1.StopModeAbandon) != (x.state == model.StoppingByAbandon) {
		j.violated("execution %q is %s, and its stop has the mode %s", x.Name, x.state, stop.Mode)
	}
}

func (j *judge) judgeAcceptance(x *execution, a v1alpha1.AcceptedStopRequest, by string) {
	r := j.requests[types.UID(a.UID)]
	if r == nil || !r.concerns(x) {
		j.violated("execution %q accepts StopRequest %q, which does not ask to stop it", x.Name, a.Name)
		return
	}
	answer, next := x.state.Stop(r.Spec.Abandon)
	if answer != model.Accepted {
		j.violated("execution %q, %s, accepts StopRequest %q, which the contract answers with %s", x.Name, x.state, r.Name, answer)
	}
	for _, other := range j.open {
		earlier, _ := x.state.Stop(other.Spec.Abandon)
		if other.concerns(x) && !other.recorded && other.olderThan(r) && other.created < j.viewed[by][simcluster.StopRequest] && earlier == model.Accepted {
			j.violated("execution %q accepts StopRequest %q before %q, which is older", x.Name, r.Name, other.Name)
		}
	}
	x.state = next
	r.recorded = true
	clear(r.answers)
}

// judgeEscalation judges that a stop which waits turns into one that abandons: it was asked to, and for then.
func (j *judge) judgeEscalation(x *execution, a v1alpha1.AcceptedStopRequest) {
	r := j.requests[types.UID(a.UID)]
	if r == nil || r.Spec.EscalateAfterSeconds == nil || x.state != model.StoppingByWait {
		j.violated("execution %q, %s, escalates, and nobody asked for that", x.Name, x.state)
		return
	}
	if waited := a.EscalatedTime.Sub(a.AcceptedTime.Time); waited < time.Duration(*r.Spec.EscalateAfterSeconds)*time.Second {
		j.violated("execution %q escalates after %s, and was asked to after %d seconds", x.Name, waited, *r.Spec.EscalateAfterSeconds)
	}
	x.state = model.StoppingByAbandon
}

// judgeState judges the state that an execution shows.
func (j *judge) judgeState(x *execution, before v1alpha1.ExecutionState) {
	shown := x.Status.State
	switch shown {
	case before:
	case v1alpha1.ExecutionInProgress:
		if before != "" {
			j.violated("execution %q was %s and is InProgress again", x.Name, before)
		}
	case v1alpha1.ExecutionStopping:
		if !x.state.Stopping() {
			j.violated("execution %q is Stopping, and nobody asked to stop it", x.Name)
		}
		x.promise("its execution reads Stopping", len(j.store.History)-1)
	default:
		j.judgeEnd(x, model.State(shown))
	}
}

// judgeEnd judges that an execution ends: as the model says, and with nothing left that runs.
func (j *judge) judgeEnd(x *execution, end model.State) {
	if !x.state.MayBecome(end) {
		j.violated("execution %q, %s, ends %s", x.Name, x.state, end)
	} else if end != model.Stopped && !slices.Contains(x.ends(), end) {
		j.violated("execution %q ends %s, and its actions end it %v", x.Name, end, x.ends())
	}
	x.state = end
	x.promise("its execution reads "+string(end), len(j.store.History)-1)
	j.judgeQuiet(x)
}

// ends are the states in which the execution may end that nobody stops. An action whose Job was deleted by another has
// failed, unless its end was seen before.
func (x *execution) ends() []model.State {
	pipelines := []model.Pipeline{x.definition.model}
	for _, a := range x.definition.model {
		if x.lost[a.Key] {
			for _, p := range pipelines {
				pipelines = append(pipelines, p.With(a.Key, model.Fails))
			}
		}
	}
	var ends []model.State
	for _, p := range pipelines {
		ends = append(ends, p.Ends())
	}
	if x.lostPipeline {
		ends = append(ends, model.Failed)
	}
	return ends
}
