// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package histories

import (
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/explorer"
	"haltline.dev/haltline/test/histories/model"
	"haltline.dev/haltline/test/simcluster"
)

// atRest judges what there is when all trouble has ended and nobody has anything to do: every request has its verdict, and
// every execution has ended but for those in which an action hangs.
func (j *judge) atRest(stuck bool) {
	if stuck {
		j.violated("the world does not come to rest")
		return
	}
	for _, o := range j.store.All(simcluster.StopRequest) {
		j.judgeConcluded(j.requests[o.GetUID()])
	}
	for _, o := range j.store.All(simcluster.Execution) {
		x := j.executions[o.GetUID()]
		switch {
		case x.DeletionTimestamp != nil:
			j.violated("execution %q was deleted and does not go", x.Name)
		case x.state.Stopping():
			j.violated("execution %q is %s, and nothing goes on", x.Name, x.state)
		case x.state == model.InProgress && !slices.Contains(x.ends(), model.InProgress):
			j.violated("execution %q is %s and nothing goes on; its actions end it %v", x.Name, x.state, x.ends())
		case string(x.state) != string(x.Status.State):
			j.violated("execution %q is %s and reads %q", x.Name, x.state, x.Status.State)
		}
	}
}

// judgeWaits judges that an execution which is still Stopping, when nobody has anything to do, waits for an action that
// hangs, and was not asked to abandon it after a time.
func (j *judge) judgeWaits(x *execution) {
	states, hangs := actionStates(&x.Status), false
	for _, a := range x.definition.model {
		hangs = hangs || a.Outcome == model.Hangs && states[a.Key] == v1alpha1.ActionInProgress
	}
	escalates := slices.ContainsFunc(recordOf(x.PipelineExecution), func(a v1alpha1.AcceptedStopRequest) bool {
		return j.requests[types.UID(a.UID)].Spec.EscalateAfterSeconds != nil
	})
	if x.state != model.StoppingByWait || !hangs || escalates {
		j.violated("execution %q is %s and nothing goes on", x.Name, x.state)
	}
}

func (j *judge) judgeConcluded(r *request) {
	x := j.executions[types.UID(r.Spec.PipelineExecutionID)]
	switch {
	case r.verdict == "":
		j.violated("StopRequest %q has no verdict", r.Name)
	case r.verdict != model.Accepted:
	case !x.gone && x.state != model.Stopped:
		j.violated("StopRequest %q was accepted, and its execution is %s", r.Name, x.state)
	case !meta.IsStatusConditionTrue(r.Status.Conditions, v1alpha1.ConditionStopped):
		j.violated("StopRequest %q was accepted, and does not read Stopped", r.Name)
	}
}

// explore adds what the invariants of the explorer find, but for I9: how much an operator may write is said there for one
// short scenario; and but for what is known.
func (j *judge) explore(s *explorer.Sim) {
	for _, v := range explorer.Check(s) {
		if v.Invariant != "I9" && j.known[concerns[v.Invariant]] == 0 {
			j.found = append(j.found, finding{v.At, v.Invariant + ": " + v.Text})
		}
	}
}
