// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package explorer

import (
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/simcluster"
)

// oneJobRuns is I4: "At most one Job ever runs for one (execution, stage, action, attempt)." A Job runs when it gets a
// pod.
//
// Two exceptions. docs/architecture.md: "What is left is a crash between the creation of a Job and the record of it, with
// the Job deleted by another before the operator is back: that action runs again." So a Job does not count that another
// deleted before any status had its uid. And where the stages were taken away there is no record.
func oneJobRuns(r *record) {
	type work struct{ execution, stage, action string }
	ran := map[work]types.UID{}
	jobs := map[types.UID]*batchv1.Job{}
	for i, c := range r.changes {
		switch o := c.New.(type) {
		case *batchv1.Job:
			if c.Old == nil && isOperator(c) {
				jobs[o.UID] = o
			}
		case *corev1.Pod:
			job := jobs[jobOf(o)]
			if c.Old != nil || job == nil {
				continue
			}
			id := string(controllerOf(job))
			w := work{id, job.Annotations[v1alpha1.AnnotationStage], job.Annotations[v1alpha1.AnnotationAction]}
			before, was := ran[w]
			if was && before != job.UID && !r.lost(types.UID(id), i, theStages) && !r.deletedUnrecorded(before) {
				r.violated("I4", i, "a second Job runs for action %q of stage %q", w.action, w.stage)
			}
			ran[w] = job.UID
		}
	}
}

// deletedUnrecorded reports whether another deleted a Job before any status had its uid.
func (r *record) deletedUnrecorded(job types.UID) bool {
	for i, c := range r.changes {
		if c.Kind == simcluster.Job && c.Old != nil && c.Old.GetUID() == job && (c.New == nil || c.New.GetDeletionTimestamp() != nil) {
			records := r.jobs[job].records
			return !isOperator(c) && (len(records) == 0 || records[0].at > i)
		}
	}
	return false
}

// jobOf returns the uid of a pod's Job.
func jobOf(pod *corev1.Pod) types.UID { return types.UID(pod.Labels[batchv1.ControllerUidLabel]) }

// leftOnPurpose is what I5 and I6 say of work that is left to go on: it was "orphaned on purpose", where its action is
// abandoned and its pinned definition has onAbandon: Orphan; and the Job is marked "so that a person can find it".
func leftOnPurpose(r *record) {
	for i, c := range r.changes {
		job, ok := c.New.(*batchv1.Job)
		if !ok || !isOperator(c) {
			continue
		}
		marked := isMarked(job)
		old, was := c.Old.(*batchv1.Job)
		if !was {
			if marked {
				r.violated("I5", i, "Job %q is created as one that was orphaned", job.Name)
			}
			continue
		}
		from := controllerOf(old)
		released := from != "" && controllerOf(job) != from
		switch {
		case !released && marked == isMarked(old):
		case released && !marked:
			r.violated("I6", i, "%s left Job %q behind, and nothing marks it", c.By, job.Name)
		case !released:
			r.violated("I6", i, "%s marked Job %q as orphaned, and it is owned", c.By, job.Name)
		case !r.mayBeLeft(r.life(job.UID), from, i):
			r.violated("I5", i, "%s left Job %q behind, and no abandoned action asks for that", c.By, job.Name)
		}
	}
}

func isMarked(job *batchv1.Job) bool { return job.Labels[v1alpha1.LabelOrphaned] == "true" }

// nothingLeftBehind is I6: "At rest nothing is left behind: no orphan Job or pod that was not asked for, no stuck
// finalizer; a namespace can always be deleted." Of Jobs without an owner leftOnPurpose tells.
func nothingLeftBehind(r *record) {
	if r.sim.Stuck {
		return
	}
	store, end := r.sim.Store, len(r.changes)
	for _, k := range simcluster.Kinds {
		for _, o := range store.All(k) {
			switch {
			case store.Terminating:
				r.violated("I6", end, "the namespace cannot be deleted: %s %q is left", k, o.GetName())
			case o.GetDeletionTimestamp() != nil:
				r.violated("I6", end, "%s %q is deleted and is still there, with finalizers %v", k, o.GetName(), o.GetFinalizers())
			}
		}
	}
	is := r.after(end)
	for _, o := range is.of(simcluster.Execution) {
		if e := o.(*v1alpha1.PipelineExecution); e.Status.State.IsFinal() && !r.lost(e.UID, end, theStages) {
			r.checkEnded("I6", end, e, is)
		}
	}
}

// checkEnded checks that nothing of an execution runs, or can.
func (r *record) checkEnded(invariant string, i int, e *v1alpha1.PipelineExecution, is now) {
	for _, o := range is.of(simcluster.Job) {
		if job := o.(*batchv1.Job); mayRun(job) && job.DeletionTimestamp == nil && r.isIts(r.jobs[job.UID], e, i, is) {
			r.violated(invariant, i, "execution %q is %s and its Job %q may run", e.Name, e.Status.State, job.Name)
		}
	}
	for _, o := range is.of(simcluster.Pod) {
		pod := o.(*corev1.Pod)
		if j := r.jobs[jobOf(pod)]; j != nil && isLive(pod) && r.isIts(j, e, i, is) {
			r.violated(invariant, i, "execution %q is %s and pod %q of it is %s", e.Name, e.Status.State, pod.Name, pod.Status.Phase)
		}
	}
}
