// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package chaos

import (
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
)

// What executions and their work came to, beside their states.
const (
	stoppedByWait       = "stopped by a wait"
	stoppedByAbandon    = "stopped by an abandon"
	stoppedByEscalation = "stopped by a wait that escalated"
	stoppedByBoth       = "stopped by a wait and then an abandon"
	stoppedAtWork       = "stopped when work was in progress"

	rowJobs    = "Jobs"
	rowFences  = "placeholders"
	rowFound   = "Jobs that a fence found running"
	rowOrphans = "Jobs orphaned on purpose"
	rowPods    = "pods"
)

// enter writes what a history has into a phase of the ledger.
func (h *history) enter(l *ledger, phase string) {
	states, verdicts := &counts{}, &counts{}
	for _, e := range executions(h) {
		last := ofExecution(e.last().object)
		states.add(string(last.Status.State))
		if last.Status.State == v1alpha1.ExecutionStopped {
			states.add(howStopped(last))
		}
		if last.Status.State == v1alpha1.ExecutionStopped && wasAtWork(e) {
			states.add(stoppedAtWork)
		}
	}
	for _, r := range requests(h) {
		if c := verdict(r.last().object); c != nil {
			verdicts.add(c.Reason)
		}
	}
	l.addAll(phase, sectionStates, states.all())
	l.addAll(phase, sectionVerdicts, verdicts.all())
	fences := slices.DeleteFunc(jobs(h), func(j *life) bool { return !isPlaceholder(j.first().object) })
	orphans := slices.DeleteFunc(jobs(h), func(j *life) bool { return !h.orphanedOnPurpose(j) })
	l.add(phase, sectionWork, rowJobs, len(jobs(h)))
	l.add(phase, sectionWork, rowFences, len(fences))
	l.add(phase, sectionWork, rowFound, h.foundByFences())
	l.add(phase, sectionWork, rowOrphans, len(orphans))
	l.add(phase, sectionWork, rowPods, len(pods(h)))
	l.add(phase, sectionLog, "entries", len(h.entries))
	l.add(phase, sectionLog, "unanswered requests", len(h.lost))
}

// foundByFences is how many Jobs were not recorded yet when their execution accepted a stop.
func (h *history) foundByFences() int {
	n := 0
	for _, j := range jobs(h) {
		e := h.execution(executionOf(j.first().object))
		if e == nil || isPlaceholder(j.first().object) {
			continue
		}
		stopped := e.when(func(o client.Object) bool { return stops(o) != nil })
		recorded := func(o client.Object) bool { return records(ofExecution(o), j.uid) }
		if stopped != nil && !e.before(stopped.rv+1, recorded) && e.when(recorded) != nil {
			n++
		}
	}
	return n
}

func howStopped(e *v1alpha1.PipelineExecution) string {
	stops := stops(e)
	switch {
	case len(stops) > 1:
		return stoppedByBoth
	case len(stops) == 1 && stops[0].EscalatedTime != nil:
		return stoppedByEscalation
	case len(stops) == 1 && stops[0].Mode == v1alpha1.StopModeAbandon:
		return stoppedByAbandon
	}
	return stoppedByWait
}

// wasAtWork reports whether an action with a Job was in progress, or being abandoned, while its execution was Stopping.
func wasAtWork(e *life) bool {
	return e.when(func(o client.Object) bool {
		x := ofExecution(o)
		return x.Status.State == v1alpha1.ExecutionStopping && slices.ContainsFunc(x.Status.Stages, func(s v1alpha1.StageStatus) bool {
			return slices.ContainsFunc(s.Actions, func(a v1alpha1.ActionStatus) bool { return a.Workload.UID != "" && a.CompletionTime == nil })
		})
	}) != nil
}
