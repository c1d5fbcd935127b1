// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package invariants

import (
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/simcluster"
)

// RetryChecks are those of executions that retry others. Not every history has such.
var RetryChecks = []Check{
	{Name: "I4 what a retry took over does not run again", AtAnyTime: true, run: checkTakenOver},
	{Name: "I5 one retry takes over an execution", AtAnyTime: true, run: checkOneRetry},
}

// isSameEnd reports whether two final statuses differ at most in the retry that they name.
func isSameEnd(old, next *v1alpha1.PipelineExecutionStatus) bool {
	before, after := old.DeepCopy(), next.DeepCopy()
	before.RetriedBy, after.RetriedBy = nil, nil
	if old.RetriedBy != nil && next.RetriedBy == nil {
		return false
	}
	if !equality.Semantic.DeepEqual(old.RetriedBy, next.RetriedBy) {
		before.Version, after.Version = 0, 0
	}
	return equality.Semantic.DeepEqual(before, after)
}

// isClaimOf reports whether a change has a final execution name another one as its retry, and changes nothing else.
func isClaimOf(c *Change, retry types.UID) bool {
	old, ok := c.Old.(*v1alpha1.PipelineExecution)
	if !ok || c.New == nil {
		return false
	}
	next := c.New.(*v1alpha1.PipelineExecution)
	return old.Status.State.IsFinal() && namesRetry(retry)(next) && isSameEnd(&old.Status, &next.Status)
}

// checkTakenOver is I4 for retries: an action that a retry took over has succeeded in the execution that ran it, has no workload in the retry,
// and stays as it is; and no Job of the retry is for it.
func checkTakenOver(h *History, r *Result) {
	for _, l := range h.Lives(simcluster.Execution) {
		taken := map[attempt]v1alpha1.ActionStatus{}
		for _, c := range l.Versions {
			execution := c.New.(*v1alpha1.PipelineExecution)
			if execution.Status.RetryOf == nil || !c.mayBeOperators() {
				continue
			}
			for key, a := range takenOver(execution) {
				r.Checked++
				first, known := taken[key]
				if !known {
					taken[key], first = a, a
					h.checkSource(r, c, key, &a)
				}
				if !equality.Semantic.DeepEqual(first, a) {
					r.violate(c.Position, l.UID, "action %s/%s was taken over and changed", key.stage, key.action)
				}
			}
		}
		h.checkNoJobs(r, l, taken)
	}
}

// takenOver returns the actions that an execution took over.
func takenOver(execution *v1alpha1.PipelineExecution) map[attempt]v1alpha1.ActionStatus {
	all := map[attempt]v1alpha1.ActionStatus{}
	for _, s := range execution.Status.Stages {
		for _, a := range s.Actions {
			if a.TakenOverFrom != "" {
				all[attempt{execution: execution.UID, stage: s.Name, action: a.Name}] = a
			}
		}
	}
	return all
}

func (h *History) checkSource(r *Result, c *Change, key attempt, a *v1alpha1.ActionStatus) {
	if a.State != v1alpha1.ActionSucceeded || a.Workload != (v1alpha1.WorkloadReference{}) {
		r.violate(c.Position, key.execution, "action %s/%s was taken over as %s, with the workload %q", key.stage, key.action, a.State, a.Workload.Name)
	}
	source := h.Execution(types.UID(a.TakenOverFrom))
	if source == nil || source.FindFirst(hasSucceeded(key)) == nil {
		r.violate(c.Position, key.execution, "action %s/%s was taken over from %s, where it did not succeed", key.stage, key.action, a.TakenOverFrom)
	}
}

// hasSucceeded returns a predicate: whether an execution ran an action, and it succeeded.
func hasSucceeded(key attempt) func(client.Object) bool {
	return func(o client.Object) bool {
		for _, s := range o.(*v1alpha1.PipelineExecution).Status.Stages {
			for _, a := range s.Actions {
				if s.Name == key.stage && a.Name == key.action && a.State == v1alpha1.ActionSucceeded && a.TakenOverFrom == "" {
					return true
				}
			}
		}
		return false
	}
}

func (h *History) checkNoJobs(r *Result, l *Life, taken map[attempt]v1alpha1.ActionStatus) {
	for _, job := range h.Lives(simcluster.Job) {
		c := job.First()
		annotations := c.New.GetAnnotations()
		key := attempt{execution: l.UID, stage: annotations[v1alpha1.AnnotationStage], action: annotations[v1alpha1.AnnotationAction]}
		if _, isTaken := taken[key]; isTaken && ExecutionOf(c.New) == l.UID && c.Writer == WriterOperator {
			r.violate(c.Position, l.UID, "Job %q is for action %s/%s, which was taken over", c.Key.Name, key.stage, key.action)
		}
	}
}

// checkOneRetry is I5 for the link between two executions: an execution is taken over by one retry at most, and names it before that.
func checkOneRetry(h *History, r *Result) {
	retryOf := map[types.UID]types.UID{}
	for _, l := range h.Lives(simcluster.Execution) {
		c := l.FindFirst(func(o client.Object) bool { return o.(*v1alpha1.PipelineExecution).Status.RetryOf != nil })
		if c == nil || !c.mayBeOperators() {
			continue
		}
		r.Checked++
		original := types.UID(c.New.(*v1alpha1.PipelineExecution).Status.RetryOf.PipelineExecutionID)
		if other, known := retryOf[original]; known {
			r.violate(c.Position, l.UID, "execution %s was taken over by %s as well", original, other)
		}
		retryOf[original] = l.UID
		source := h.Execution(original)
		if source == nil || !source.IsBefore(c.Position, namesRetry(l.UID)) {
			r.violate(c.Position, l.UID, "execution %s did not name its retry before that took it over", original)
		}
	}
}

// namesRetry returns a predicate: whether an execution names another as its retry.
func namesRetry(id types.UID) func(client.Object) bool {
	return func(o client.Object) bool {
		by := o.(*v1alpha1.PipelineExecution).Status.RetriedBy
		return by != nil && by.PipelineExecutionID == string(id)
	}
}
