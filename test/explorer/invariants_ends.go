// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package explorer

import (
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/simcluster"
)

// waitLetsFinish is a sentence of the contract: "You choose to either stop the pipeline execution by completing in-progress
// actions without starting subsequent actions, or by abandoning in-progress actions." A stop that waits abandons those alone
// whose onStop asks for it.
func waitLetsFinish(r *record) {
	for i, c := range r.changes {
		e, ok := executionOf(c)
		if !ok || !isOperator(c) || e.Status.Stop == nil || e.Status.Stop.Mode != v1alpha1.StopModeWait || r.lost(e.UID, i, theStop) {
			continue
		}
		for _, s := range e.Status.Stages {
			for _, a := range s.Actions {
				if a.State == v1alpha1.ActionAbandoned && !r.abandonedOnStop(s.Name, a.Name) {
					r.violated("wait", i, "a stop that waits abandons action %q of stage %q", a.Name, s.Name)
				}
			}
		}
	}
}

// abandonedOnStop reports whether a Pipeline has an action of that name with onStop: Abandon.
func (r *record) abandonedOnStop(stage, action string) bool {
	for _, c := range r.changes {
		p, ok := c.New.(*v1alpha1.Pipeline)
		if !ok {
			continue
		}
		for _, s := range p.Spec.Stages {
			for _, a := range s.Actions {
				if s.Name == stage && a.Name == action && a.OnStop == v1alpha1.OnStopAbandon {
					return true
				}
			}
		}
	}
	return false
}

// deletedMeansGone is I5 where the execution is deleted: its request reads Stopped "when what the execution ran is gone".
func deletedMeansGone(r *record) {
	executions := map[types.UID]*v1alpha1.PipelineExecution{}
	told := map[types.UID]bool{}
	r.replay(func(i int, c simcluster.Change, is now) {
		if e, ok := executionOf(c); ok {
			executions[e.UID] = e
		}
		s, ok := c.New.(*v1alpha1.StopRequest)
		if !ok || told[s.UID] || !meta.IsStatusConditionTrue(s.Status.Conditions, v1alpha1.ConditionStopped) {
			return
		}
		told[s.UID] = true
		id := types.UID(s.Spec.PipelineExecutionID)
		if e := executions[id]; e != nil && is[id] == nil && !r.lost(id, i, theStages) {
			r.checkEnded("I5", i, e, is)
		}
	})
}
