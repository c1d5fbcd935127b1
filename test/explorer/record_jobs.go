// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package explorer

import (
	"slices"

	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/apimachinery/pkg/types"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/simcluster"
)

// life is what became of a Job.
type life struct {
	uid types.UID
	// byOperator says that an operator created it.
	byOperator bool
	// controllers are those that it had, in their order.
	controllers []tenure
	// records are the executions that have its uid in their status, each since a change.
	records []entry
}

// tenure is a controller that a Job had since a change; none where the uid is empty.
type tenure struct {
	at         int
	byOperator bool
	controller types.UID
}

// entry is the first status of an execution that has the Job for that of an action, in progress or abandoned.
type entry struct {
	at            int
	execution     types.UID
	revision      string
	stage, action string
	abandoned     bool
}

func (r *record) indexJob(i int, c *simcluster.Change) {
	job, ok := c.New.(*batchv1.Job)
	if !ok {
		return
	}
	j := r.life(job.UID)
	if c.Old == nil {
		j.byOperator = isOperator(*c)
	}
	if c.Old == nil || controllerOf(c.Old) != controllerOf(job) {
		j.controllers = append(j.controllers, tenure{i, isOperator(*c), controllerOf(job)})
	}
}

// life returns what is known of a Job.
func (r *record) life(uid types.UID) *life {
	if r.jobs[uid] == nil {
		r.jobs[uid] = &life{uid: uid}
	}
	return r.jobs[uid]
}

// indexActions notes of which actions an execution has the Jobs recorded.
func (r *record) indexActions(i int, e *v1alpha1.PipelineExecution) {
	for _, s := range e.Status.Stages {
		for _, a := range s.Actions {
			if a.Workload.UID == "" {
				continue
			}
			n := entry{i, e.UID, e.Status.PipelineRevision, s.Name, a.Name, a.State == v1alpha1.ActionAbandoned}
			j := r.life(types.UID(a.Workload.UID))
			known := func(before entry) bool { before.at = i; return before == n }
			if !slices.ContainsFunc(j.records, known) {
				j.records = append(j.records, n)
			}
		}
	}
}

// recorded reports whether an execution had the uid of the Job in its status at a change or before.
func (j *life) recorded(execution types.UID, at int) bool {
	return slices.ContainsFunc(j.records, func(n entry) bool { return n.execution == execution && n.at <= at })
}

// isIts reports whether a Job is an execution's to end, after a change.
//
// One that another created never is, unless the execution took it for the Job of an action. One that was left on purpose is no
// more. Nor is one that another took away; but as long as the execution is there and has it recorded, its stop waits for it.
func (r *record) isIts(j *life, e *v1alpha1.PipelineExecution, at int, is now) bool {
	if !j.byOperator && !j.recorded(e.UID, len(r.changes)) {
		return false
	}
	its := false
	for _, t := range j.controllers {
		switch {
		case t.at > at:
		case t.controller == e.UID:
			its = true
		case its && t.byOperator:
			its = !r.mayBeLeft(j, e.UID, t.at)
		case its:
			its = is[e.UID] != nil && j.recorded(e.UID, at) && !r.mayBeLeft(j, e.UID, at)
		}
	}
	return its
}

// mayBeLeft reports whether an execution was to leave a Job running on purpose: its action is abandoned, and has
// onAbandon: Orphan where it is pinned.
func (r *record) mayBeLeft(j *life, execution types.UID, at int) bool {
	return slices.ContainsFunc(j.records, func(n entry) bool {
		return n.at <= at && n.execution == execution && n.abandoned &&
			r.definition(n.revision, n.stage, n.action).OnAbandon == v1alpha1.OnAbandonOrphan
	})
}

// definition returns what an action does by a revision, or an empty definition where no operator pinned it.
func (r *record) definition(revision, stage, action string) v1alpha1.Action {
	if r.pinned[revision] == nil {
		return v1alpha1.Action{}
	}
	for _, s := range r.pinned[revision].Stages {
		for _, a := range s.Actions {
			if s.Name == stage && a.Name == action {
				return a
			}
		}
	}
	return v1alpha1.Action{}
}
