// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package invariants

import (
	"slices"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/simcluster"
)

// checkOneWorkload is I4: "At most one workload ever runs for one (execution, stage, action, attempt)." The name of a Job
// depends on these four, so no two Jobs of a name may run, and a placeholder has no pod. Two exceptions: "The explorer does not
// count a Job that somebody else deleted before any status had its uid"; and if somebody else overwrote the stages, the operator
// cannot know of the first Job.
func checkOneWorkload(h *History, r *Result) {
	for _, e := range h.Lives(simcluster.Execution) {
		r.Checked++
		earlier := map[string]*Life{}
		for _, job := range h.jobsOf(e.UID) {
			if !h.jobRecord(job.UID).byOperator {
				continue
			}
			created := job.First()
			if IsPlaceholder(created.New) {
				for _, pod := range h.PodsOf(job.UID) {
					r.violate(pod.First().Position, e.UID, "the placeholder %q has a pod", job.Key.Name)
				}
				continue
			}
			slot := created.New.GetAnnotations()[v1alpha1.AnnotationStage] + "/" + created.New.GetAnnotations()[v1alpha1.AnnotationAction] +
				"/" + job.Key.Name
			if before := earlier[slot]; before != nil && !h.isWiped(e.UID, created.Position, partStages) && !h.isLostUnrecorded(before) {
				r.violate(created.Position, e.UID, "a second Job was created for action %q of stage %q",
					created.New.GetAnnotations()[v1alpha1.AnnotationAction], created.New.GetAnnotations()[v1alpha1.AnnotationStage])
			}
			earlier[slot] = job
		}
	}
}

// isLostUnrecorded reports whether somebody else deleted a Job before any status had its uid.
func (h *History) isLostUnrecorded(job *Life) bool {
	deleted := job.Removal
	for _, c := range job.Versions {
		if c.New.GetDeletionTimestamp() != nil {
			deleted = c
			break
		}
	}
	if deleted == nil || deleted.Writer != WriterOther {
		return false
	}
	entries := h.jobRecord(job.UID).entries
	return len(entries) == 0 || entries[0].position > deleted.Position
}

// attempt is one start of an action.
type attempt struct {
	execution     types.UID
	stage, action string
	number        int32
}

// workloadNames are those that executions recorded with their intents.
type workloadNames struct {
	ofAttempt map[attempt]string
	attemptOf map[string]attempt
}

// checkWorkloadNames is I4, of which a name that two attempts share, or an attempt with two names, would be a breach. Every workload in
// a status has the name that was recorded with the intent, and so has every Job that the operator creates.
func checkWorkloadNames(h *History, r *Result) {
	names := workloadNames{map[attempt]string{}, map[string]attempt{}}
	for i := range h.Changes {
		c := &h.Changes[i]
		execution, ok := c.New.(*v1alpha1.PipelineExecution)
		if !ok || !c.mayBeOperators() {
			continue
		}
		for _, stage := range execution.Status.Stages {
			for _, action := range stage.Actions {
				r.Checked++
				h.checkWorkloadName(r, c, execution, stage.Name, &action, names)
			}
		}
	}
	for _, job := range h.Lives(simcluster.Job) {
		if c := job.First(); c.Writer == WriterOperator && c.isCreation() {
			h.checkJobName(r, c)
		}
	}
}

func (h *History) checkWorkloadName(
	r *Result, c *Change, execution *v1alpha1.PipelineExecution, stage string, action *v1alpha1.ActionStatus, names workloadNames,
) {
	name, key := action.Workload.Name, attempt{execution.UID, stage, action.Name, action.Attempt}
	if name == "" {
		if action.State == v1alpha1.ActionInProgress && action.Approval == nil || action.Workload.UID != "" {
			r.violate(c.Position, execution.UID, "action %q is %s and its workload has no name", action.Name, action.State)
		}
		return
	}
	if first, known := names.ofAttempt[key]; known && first != name && !h.isWiped(execution.UID, c.Position, partStages) {
		r.violate(c.Position, execution.UID, "attempt %d of action %q has the workload %q, and its name is %q", action.Attempt, action.Name, name, first)
	}
	if other, known := names.attemptOf[name]; action.Attempt < 1 || known && other != key {
		r.violate(c.Position, execution.UID, "attempt %d of action %q has the workload %q of another", action.Attempt, action.Name, name)
	}
	names.ofAttempt[key], names.attemptOf[name] = name, key
	checkAwaitedWorkload(r, c, execution, stage, action)
}

// checkAwaitedWorkload checks that a stop waits for the workload that the status of the action has.
func checkAwaitedWorkload(r *Result, c *Change, execution *v1alpha1.PipelineExecution, stage string, action *v1alpha1.ActionStatus) {
	for _, pending := range waitingFor(execution) {
		if pending.Stage == stage && pending.Action == action.Name && (pending.Attempt != action.Attempt || pending.Workload != action.Workload) {
			r.violate(c.Position, execution.UID, "the stop waits for another workload of action %q than the one in its status", action.Name)
		}
	}
}

func waitingFor(execution *v1alpha1.PipelineExecution) []v1alpha1.PendingAction {
	if execution.Status.Stop == nil {
		return nil
	}
	return execution.Status.Stop.WaitingFor
}

// checkJobName checks that a Job that the operator created has the name of some attempt of its action.
func (h *History) checkJobName(r *Result, c *Change) {
	id := ExecutionOf(c.New)
	l := h.Execution(id)
	if l == nil {
		r.violate(c.Position, id, "Job %q is of no execution", c.Key.Name)
		return
	}
	if l.FindFirst(hasIntent(c.Key.Name)) == nil && !h.isWiped(id, h.end(), partStages) {
		r.violateUnlessLost(h, l, c.Position, id, "Job %q is the workload of no action of its execution", c.Key.Name)
	}
}

// hasIntent returns a predicate: whether an execution has a workload of that name in its status.
func hasIntent(name string) func(client.Object) bool {
	return func(o client.Object) bool {
		return slices.ContainsFunc(o.(*v1alpha1.PipelineExecution).Status.Stages, func(s v1alpha1.StageStatus) bool {
			return slices.ContainsFunc(s.Actions, func(a v1alpha1.ActionStatus) bool { return a.Workload.Name == name })
		})
	}
}
