// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package invariants

import (
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/simcluster"
)

// jobRecord is who had a Job over time.
type jobRecord struct {
	uid types.UID
	// byOperator is true if the operator created it.
	byOperator bool
	// controllers are those that it had, in their order.
	controllers []controllerSince
	// entries are those of executions that have its uid in their status.
	entries []workloadEntry
}

// controllerSince is a controller that a Job had from a position on; nobody if the uid is empty.
type controllerSince struct {
	position   uint64
	byOperator bool
	controller types.UID
}

// workloadEntry is the first status of an execution that has a Job as the workload of an action, in progress or abandoned, which a
// time limit does as well.
type workloadEntry struct {
	position      uint64
	execution     types.UID
	revision      string
	stage, action string
	abandoned     bool
}

func (h *History) indexJob(c *Change) {
	if c.New == nil {
		return
	}
	record := h.jobRecord(c.New.GetUID())
	if c.Old == nil {
		record.byOperator = c.mayBeOperators()
	}
	if c.Old == nil || controllerOf(c.Old) != controllerOf(c.New) {
		record.controllers = append(record.controllers, controllerSince{c.Position, c.mayBeOperators(), controllerOf(c.New)})
	}
}

func (h *History) jobRecord(uid types.UID) *jobRecord {
	if h.jobs[uid] == nil {
		h.jobs[uid] = &jobRecord{uid: uid}
	}
	return h.jobs[uid]
}

// indexWorkloads notes the Jobs that an execution has in its status, and for which actions.
func (h *History) indexWorkloads(c *Change, execution *v1alpha1.PipelineExecution) {
	for _, stage := range execution.Status.Stages {
		for _, action := range stage.Actions {
			if action.Workload.UID == "" {
				continue
			}
			entry := workloadEntry{
				c.Position, execution.UID, execution.Status.PipelineRevision, stage.Name, action.Name,
				action.State == v1alpha1.ActionAbandoned || action.TimedOut != nil,
			}
			record := h.jobRecord(types.UID(action.Workload.UID))
			known := func(earlier workloadEntry) bool { earlier.position = c.Position; return earlier == entry }
			if !slices.ContainsFunc(record.entries, known) {
				record.entries = append(record.entries, entry)
			}
		}
	}
}

// isRecorded reports whether an execution had the uid of the Job in its status at a position.
func (j *jobRecord) isRecorded(execution types.UID, position uint64) bool {
	return slices.ContainsFunc(j.entries, func(e workloadEntry) bool { return e.execution == execution && e.position <= position })
}

// isToEnd reports whether an execution has to end a Job, or to wait for its end, at a position.
//
// It has not if somebody else created the Job, unless the execution took it as the workload of an action; nor if the Job was
// left to go on on purpose. If somebody else took the Job away, the stop still waits for it as long as the execution is there
// and has it in its status.
func (h *History) isToEnd(job types.UID, execution *v1alpha1.PipelineExecution, position uint64) bool {
	record := h.jobs[job]
	if record == nil || !record.byOperator && !record.isRecorded(execution.UID, h.end()) {
		return false
	}
	isToEnd := false
	for _, since := range record.controllers {
		switch {
		case since.position > position:
		case since.controller == execution.UID:
			isToEnd = true
		case isToEnd && since.byOperator:
			isToEnd = !h.mayBeLeft(record, execution.UID, since.position)
		case isToEnd:
			isToEnd = !h.lives[execution.UID].isGone(position) && record.isRecorded(execution.UID, position) &&
				!h.mayBeLeft(record, execution.UID, position)
		}
	}
	return isToEnd
}

// mayBeLeft reports whether an execution may leave a Job to go on: its action is abandoned, and the definition that the
// execution runs has onAbandon: Orphan.
func (h *History) mayBeLeft(job *jobRecord, execution types.UID, position uint64) bool {
	return slices.ContainsFunc(job.entries, func(e workloadEntry) bool {
		return e.position <= position && e.execution == execution && e.abandoned &&
			h.Definition(e.revision, e.stage, e.action).OnAbandon == v1alpha1.OnAbandonOrphan
	})
}

// Definition returns an action as the author of the Pipeline wrote it, or an empty one if the history does not have it. The
// operator's revision has the generation of the Pipeline; what else it holds is not asked.
func (h *History) Definition(revision, stage, action string) v1alpha1.Action {
	pipeline := h.pinnedPipeline(revision)
	if pipeline == nil {
		return v1alpha1.Action{}
	}
	for _, s := range pipeline.Spec.Stages {
		for _, a := range s.Actions {
			if s.Name == stage && a.Name == action {
				return a
			}
		}
	}
	return v1alpha1.Action{}
}

// pinnedPipeline returns the version of a Pipeline that a revision pins, or nil.
func (h *History) pinnedPipeline(revision string) *v1alpha1.Pipeline {
	for _, l := range h.Lives(simcluster.Revision) {
		pin := l.First().New.(*appsv1.ControllerRevision)
		pipeline := h.findLife(simcluster.Pipeline, types.UID(pin.Labels[v1alpha1.LabelPipelineUID]))
		if pin.Name != revision || pipeline == nil {
			continue
		}
		if c := pipeline.FindFirst(func(o client.Object) bool { return o.GetGeneration() == pin.Revision }); c != nil {
			return c.New.(*v1alpha1.Pipeline)
		}
	}
	return nil
}

// IsOrphanedOnPurpose reports whether a Job was marked as one that goes on, and its action asks for that.
func (h *History) IsOrphanedOnPurpose(job *Life) bool {
	execution := ExecutionOf(job.First().New)
	return job.FindFirst(IsOrphan) != nil && h.mayBeLeft(h.jobRecord(job.UID), execution, h.end())
}
