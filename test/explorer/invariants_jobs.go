// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package explorer

import (
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/explorer/world"
)

func podOf(c *world.Change) (*corev1.Pod, bool) {
	pod, ok := c.New.(*corev1.Pod)
	return pod, ok
}

// ofExecution reports whether a pod is one of an execution: its Job is, or was when it was there. A Job that was
// orphaned, or that an outsider took away from the execution or resumed, is not the execution's to end.
func (r *record) ofExecution(pod *corev1.Pod, e *v1alpha1.PipelineExecution, is now) bool {
	if pod.Labels[v1alpha1.LabelExecutionID] != string(e.UID) {
		return false
	}
	job := types.UID(pod.Labels[batchv1.ControllerUidLabel])
	if r.isOutsiders(e, job) {
		return false
	}
	if c := is[job]; c != nil {
		return metav1.IsControlledBy(c.New, e)
	}
	return !r.released(job)
}

// isOutsiders reports whether an outsider created a Job, and the execution never took it for its own: whatever its owner
// reference says, the execution has no record of it and leaves it alone.
func (r *record) isOutsiders(e *v1alpha1.PipelineExecution, job types.UID) bool {
	for _, c := range r.changes {
		if v, ok := executionOf(c); ok && v.UID == e.UID && records(v, job) {
			return false
		}
	}
	for _, c := range r.changes {
		if c.New != nil && c.New.GetUID() == job {
			return c.By == outsider
		}
	}
	return false
}

// released reports whether a Job ended up without the controller that it had: orphaned, or taken away.
func (r *record) released(job types.UID) bool {
	released := false
	for _, c := range r.changes {
		if c.Kind == world.Job && c.New != nil && c.New.GetUID() == job {
			released = metav1.GetControllerOf(c.New) == nil || c.New.GetLabels()[v1alpha1.LabelOrphaned] != ""
		}
	}
	return released
}

// oneJobRuns is I4: "At most one Job ever runs for one (execution, stage, action, attempt)." A Job runs when it gets a
// pod.
//
// Two exceptions. docs/architecture.md: "What is left is a crash between the creation of a Job and the record of it, with
// the Job deleted by another before the operator is back: that action runs again." So a Job does not count that another
// deleted before any status had its uid. And a status that was taken away is no record.
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
			job := jobs[types.UID(o.Labels[batchv1.ControllerUidLabel])]
			if c.Old != nil || job == nil {
				continue
			}
			id := job.Labels[v1alpha1.LabelExecutionID]
			w := work{id, job.Annotations[v1alpha1.AnnotationStage], job.Annotations[v1alpha1.AnnotationAction]}
			before, was := ran[w]
			if was && before != job.UID && !r.wipedBefore(types.UID(id), i) && !r.deletedUnrecorded(before) {
				r.violated("I4", i, "a second Job runs for action %q of stage %q", w.action, w.stage)
			}
			ran[w] = job.UID
		}
	}
}

// deletedUnrecorded reports whether another deleted a Job before any status had its uid.
func (r *record) deletedUnrecorded(job types.UID) bool {
	for _, c := range r.changes {
		if e, ok := executionOf(c); ok && records(e, job) {
			return false
		}
		if c.Kind == world.Job && c.Old != nil && c.Old.GetUID() == job && (c.New == nil || c.New.GetDeletionTimestamp() != nil) {
			return !isOperator(c)
		}
	}
	return false
}

func records(e *v1alpha1.PipelineExecution, job types.UID) bool {
	for _, s := range e.Status.Stages {
		for _, a := range s.Actions {
			if a.JobUID == string(job) {
				return true
			}
		}
	}
	return false
}

// finalIsFinal is I5: "Final states are final." Nothing of a final status changes.
func finalIsFinal(r *record) {
	for i, c := range r.changes {
		e, ok := executionOf(c)
		old, was := c.Old.(*v1alpha1.PipelineExecution)
		if ok && was && isOperator(c) && old.Status.State.Final() && e.Status.State != old.Status.State {
			r.violated("I5", i, "execution %q was %s and is %s", e.Name, old.Status.State, e.Status.State)
		}
	}
}

// nothingLeftBehind is I6: "At rest nothing is left behind: no orphan Job or pod that was not asked for, no stuck
// finalizer; a namespace can always be deleted."
func nothingLeftBehind(r *record) {
	if r.sim.Stuck {
		return
	}
	store, end := r.sim.Store, len(r.changes)
	for _, k := range world.Kinds {
		for _, o := range store.All(k) {
			switch {
			case store.Terminating:
				r.violated("I6", end, "the namespace cannot be deleted: %s %q is left", k, o.GetName())
			case o.GetDeletionTimestamp() != nil:
				r.violated("I6", end, "%s %q is deleted and is still there, with finalizers %v", k, o.GetName(), o.GetFinalizers())
			}
		}
	}
	for _, o := range store.All(world.Job) {
		r.checkAskedFor(o.(*batchv1.Job), end)
	}
	for _, o := range store.All(world.Pod) {
		r.checkPodAskedFor(o.(*corev1.Pod), end)
	}
}

// checkPodAskedFor checks that a pod does not run whose execution has ended. One that an outsider made run, or took away
// from the execution, is theirs.
func (r *record) checkPodAskedFor(pod *corev1.Pod, end int) {
	e, ok := r.sim.Store.ByUID(types.UID(pod.Labels[v1alpha1.LabelExecutionID])).(*v1alpha1.PipelineExecution)
	job := types.UID(pod.Labels[batchv1.ControllerUidLabel])
	if !ok || !isLive(pod) || !e.Status.State.Final() || r.wipedBefore(e.UID, end) {
		return
	}
	if !r.released(job) && !r.resumed(job) && !r.adopted(job) && !r.isOutsiders(e, job) {
		r.violated("I6", end, "pod %q runs, and its execution is %s", pod.Name, e.Status.State)
	}
}

// checkAskedFor checks that a Job without an owner was left so by somebody on purpose.
func (r *record) checkAskedFor(job *batchv1.Job, end int) {
	if len(job.OwnerReferences) > 0 || job.Labels[v1alpha1.LabelOrphaned] != "" {
		return
	}
	for _, c := range r.changes {
		if c.Kind != world.Job || c.New == nil || c.New.GetUID() != job.UID {
			continue
		}
		left := c.Old == nil || len(c.Old.GetOwnerReferences()) > 0
		if left && len(c.New.GetOwnerReferences()) == 0 && isOperator(c) {
			r.violated("I6", end, "%s left Job %q behind without an owner", c.By, job.Name)
		}
	}
}

// resumed reports whether an outsider resumed a Job that was suspended.
func (r *record) resumed(job types.UID) bool {
	for _, c := range r.changes {
		now, ok := c.New.(*batchv1.Job)
		was, before := c.Old.(*batchv1.Job)
		if ok && before && now.UID == job && c.By == outsider && isSuspended(was) && !isSuspended(now) {
			return true
		}
	}
	return false
}

// adopted reports whether an outsider gave a Job to another controller.
func (r *record) adopted(job types.UID) bool {
	for _, c := range r.changes {
		if c.Kind == world.Job && c.Old != nil && c.New != nil && c.New.GetUID() == job && c.By == outsider &&
			controllerOf(c.New) != controllerOf(c.Old) {
			return true
		}
	}
	return false
}

// othersUntouched is I7: "An object whose controller is not this execution is never changed or deleted." The operator
// writes Jobs and no other kind that has a controller; a Job carries the uid of its execution in a label.
func othersUntouched(r *record) {
	for i, c := range r.changes {
		if !isOperator(c) || c.Old == nil || (c.Kind != world.Job && c.Kind != world.Pod && c.Kind != world.Revision) {
			continue
		}
		execution, ok := r.created(controllerOf(c.Old))
		if !ok || execution != world.Execution {
			r.violated("I7", i, "%s changed %s %q, whose controller is not an execution", c.By, c.Kind, c.Key.Name)
		}
	}
}

// created returns the kind of the object that had a uid.
func (r *record) created(uid types.UID) (world.Kind, bool) {
	for _, c := range r.changes {
		if c.New != nil && c.New.GetUID() == uid {
			return c.Kind, true
		}
	}
	return 0, false
}
