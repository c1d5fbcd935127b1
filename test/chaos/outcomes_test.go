// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package chaos

import (
	"slices"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/invariants"
	"haltline.dev/haltline/test/simcluster"
)

// Outcomes of executions and of their work, beside their states.
const (
	stoppedByWait       = "stopped by a wait"
	stoppedByAbandon    = "stopped by an abandon"
	stoppedByEscalation = "stopped by a wait that escalated"
	stoppedByBoth       = "stopped by a wait and then an abandon"
	stoppedAtWork       = "stopped when work was in progress"

	rowJobs          = "Jobs"
	rowPlaceholders  = "placeholders"
	rowFoundByFences = "Jobs that a fence found running"
	rowOrphans       = "Jobs orphaned on purpose"
	rowPods          = "pods"
)

// addOutcomes adds what a history has to a phase of the report.
func (h *history) addOutcomes(r *report, phase string) {
	states, verdicts, results := &counts{}, &counts{}, &counts{}
	for _, l := range h.Lives(simcluster.Execution) {
		last := l.Last().New.(*v1alpha1.PipelineExecution)
		states.add(string(last.Status.State))
		if last.Status.State == v1alpha1.ExecutionStopped {
			states.add(describeStop(last))
		}
		if last.Status.State == v1alpha1.ExecutionStopped && l.FindFirst(isStoppingAtWork) != nil {
			states.add(stoppedAtWork)
		}
		addWaits(states, l)
	}
	for _, l := range h.Lives(simcluster.StopRequest) {
		if verdict := invariants.VerdictOf(l.Last().New.(*v1alpha1.StopRequest)); verdict != "" {
			verdicts.add(verdict)
		}
	}
	for _, l := range h.Lives(simcluster.ApprovalResult) {
		if verdict := invariants.VerdictOfResult(l.Last().New.(*v1alpha1.ApprovalResult)); verdict != "" {
			results.add(verdict)
		}
	}
	r.addAll(phase, sectionStates, states.all())
	r.addAll(phase, sectionVerdicts, verdicts.all())
	r.addAll(phase, sectionResults, results.all())
	h.addWork(r, phase)
	r.add(phase, sectionLog, "entries", len(h.entries))
	r.add(phase, sectionLog, "unanswered requests", len(h.unanswered))
}

func (h *history) addWork(r *report, phase string) {
	jobs := h.Lives(simcluster.Job)
	count := func(is func(*invariants.Life) bool) int {
		return len(slices.DeleteFunc(slices.Clone(jobs), func(l *invariants.Life) bool { return !is(l) }))
	}
	r.add(phase, sectionWork, rowJobs, len(jobs))
	r.add(phase, sectionWork, rowPlaceholders, count(func(l *invariants.Life) bool { return invariants.IsPlaceholder(l.First().New) }))
	r.add(phase, sectionWork, rowFoundByFences, count(h.wasFoundByFence))
	r.add(phase, sectionWork, rowOrphans, count(h.IsOrphanedOnPurpose))
	r.add(phase, sectionWork, rowPods, len(h.Lives(simcluster.Pod)))
}

// wasFoundByFence reports whether a Job was not in the status of its execution yet when the execution accepted a stop.
func (h *history) wasFoundByFence(job *invariants.Life) bool {
	execution := h.Execution(invariants.ExecutionOf(job.First().New))
	if execution == nil || invariants.IsPlaceholder(job.First().New) {
		return false
	}
	stopped := execution.FindFirst(func(o client.Object) bool {
		return invariants.AcceptedRequests(o.(*v1alpha1.PipelineExecution)) != nil
	})
	confirmed := func(o client.Object) bool { return isConfirmed(o.(*v1alpha1.PipelineExecution), job.UID) }
	return stopped != nil && !execution.IsBefore(stopped.Position+1, confirmed) && execution.FindFirst(confirmed) != nil
}

// isConfirmed reports whether an execution has the uid of a Job in its status.
func isConfirmed(execution *v1alpha1.PipelineExecution, job types.UID) bool {
	return hasAction(execution, func(a *v1alpha1.ActionStatus) bool { return a.Workload.UID == string(job) })
}

func hasAction(execution *v1alpha1.PipelineExecution, is func(*v1alpha1.ActionStatus) bool) bool {
	return slices.ContainsFunc(execution.Status.Stages, func(s v1alpha1.StageStatus) bool {
		return slices.ContainsFunc(s.Actions, func(a v1alpha1.ActionStatus) bool { return is(&a) })
	})
}

// describeStop returns which requests stopped an execution.
func describeStop(execution *v1alpha1.PipelineExecution) string {
	requests := invariants.AcceptedRequests(execution)
	switch {
	case len(requests) > 1:
		return stoppedByBoth
	case len(requests) == 1 && requests[0].EscalatedTime != nil:
		return stoppedByEscalation
	case len(requests) == 1 && requests[0].Mode == v1alpha1.StopModeAbandon:
		return stoppedByAbandon
	}
	return stoppedByWait
}

// isStoppingAtWork reports whether an execution is Stopping and an action with a Job is in progress or being abandoned.
func isStoppingAtWork(o client.Object) bool {
	execution := o.(*v1alpha1.PipelineExecution)
	return execution.Status.State == v1alpha1.ExecutionStopping &&
		hasAction(execution, func(a *v1alpha1.ActionStatus) bool { return hasWorkload(a) && a.CompletionTime == nil })
}
