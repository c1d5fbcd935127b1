// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package explorer

import (
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/simcluster"
)

// finalIsFinal is I5: "Final states are final." A final status is the record of what happened, and nothing of it changes, not
// even to be put better. On the way to it, nothing undoes a stop.
func finalIsFinal(r *record) {
	for i, c := range r.changes {
		e, ok := executionOf(c)
		old, was := c.Old.(*v1alpha1.PipelineExecution)
		if !ok || !was || !isOperator(c) {
			continue
		}
		from, to := old.Status.State, e.Status.State
		switch {
		case from.IsFinal() && from != to:
			r.violated("I5", i, "execution %q was %s and is %s", e.Name, from, to)
		case from.IsFinal() && !equality.Semantic.DeepEqual(old.Status, e.Status):
			r.violated("I5", i, "the status of execution %q changed when it was %s", e.Name, from)
		case from == v1alpha1.ExecutionStopping && to != from && to != v1alpha1.ExecutionStopped:
			r.violated("I5", i, "execution %q was %s and is %q", e.Name, from, to)
		case old.Status.Stop != nil && to.IsFinal() && to != v1alpha1.ExecutionStopped:
			r.violated("I5", i, "execution %q was asked to stop and is %s", e.Name, to)
		}
	}
}

// stoppedMeansStopped is I5: "Stopped is written only when every action that was in progress has ended, is gone, or was
// orphaned on purpose." It holds of every final state. Where the stages were taken away it is not known what ran.
func stoppedMeansStopped(r *record) {
	r.replay(func(i int, c simcluster.Change, is now) {
		e, ok := executionOf(c)
		if !ok || !isOperator(c) || !e.Status.State.IsFinal() || r.lost(e.UID, i, theStages) {
			return
		}
		r.checkEnded("I5", i, e, is)
		for _, s := range e.Status.Stages {
			for _, a := range s.Actions {
				if a.State != v1alpha1.ActionNotStarted && a.CompletionTime == nil {
					r.violated("I5", i, "execution %q is %s and action %q of stage %q has not ended", e.Name, e.Status.State, a.Name, s.Name)
				}
			}
		}
	})
}

// requestsReadStopped is I5 as a person reads it who waits for the request: it reads Stopped when its execution does, or is gone.
func requestsReadStopped(r *record) {
	r.replay(func(i int, c simcluster.Change, is now) {
		s, ok := c.New.(*v1alpha1.StopRequest)
		if !ok || !meta.IsStatusConditionTrue(s.Status.Conditions, v1alpha1.ConditionStopped) {
			return
		}
		e, there := is.execution(types.UID(s.Spec.PipelineExecutionID))
		if there && !e.Status.State.IsFinal() && !r.lost(e.UID, i, theState) {
			r.violated("I5", i, "StopRequest %q reads Stopped, and execution %q is %s", s.Name, e.Name, e.Status.State)
		}
	})
}
