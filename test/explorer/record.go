// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package explorer

import (
	"fmt"
	"slices"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/explorer/world"
)

// Violation is an invariant that does not hold, and where in the history it broke.
type Violation struct {
	Invariant string
	// At is the position in the history; the end of it where it is about what is left.
	At   int
	Text string
}

func (v Violation) String() string {
	return fmt.Sprintf("%s after change %d: %s", v.Invariant, v.At, v.Text)
}

// record is what an invariant is checked on: all that was written, and all calls.
type record struct {
	sim     *Sim
	changes []world.Change
	calls   []*world.Call
	notes   []world.Note
	// wiped is where the status of an execution was taken away, by its uid: what was recorded before is lost with it.
	wiped map[types.UID]int
	found []Violation
}

func newRecord(s *Sim) *record {
	r := &record{sim: s, changes: s.Store.History, calls: s.Op.Calls, notes: s.Op.Notes, wiped: map[types.UID]int{}}
	for _, o := range s.Others {
		r.calls = append(slices.Clip(r.calls), o.Calls...)
		r.notes = append(slices.Clip(r.notes), o.Notes...)
	}
	for i, c := range r.changes {
		if c.By == outsider && c.Kind == world.Execution && c.Old != nil && c.New != nil && !sameStatus(c) {
			r.wiped[c.New.GetUID()] = i
		}
	}
	return r
}

func sameStatus(c world.Change) bool {
	return equality.Semantic.DeepEqual(c.Old.(*v1alpha1.PipelineExecution).Status, c.New.(*v1alpha1.PipelineExecution).Status)
}

func (r *record) violated(invariant string, at int, format string, args ...any) {
	r.found = append(r.found, Violation{invariant, at, fmt.Sprintf(format, args...)})
}

// isOperator reports whether a change is one of an operator.
func isOperator(c world.Change) bool { return c.Call > 0 }

// wipedBefore reports whether an execution's status was taken away before a change.
func (r *record) wipedBefore(uid types.UID, at int) bool {
	wiped, was := r.wiped[uid]
	return was && wiped <= at
}

func executionOf(c world.Change) (*v1alpha1.PipelineExecution, bool) {
	e, ok := c.New.(*v1alpha1.PipelineExecution)
	return e, ok && e != nil
}

func verdictOf(r *v1alpha1.StopRequest) string {
	if c := meta.FindStatusCondition(r.Status.Conditions, v1alpha1.ConditionAccepted); c != nil {
		return c.Reason
	}
	return ""
}

func isFinished(job *batchv1.Job) bool {
	return slices.ContainsFunc(job.Status.Conditions, func(c batchv1.JobCondition) bool {
		return (c.Type == batchv1.JobComplete || c.Type == batchv1.JobFailed) && c.Status == corev1.ConditionTrue
	})
}

func isSuspended(job *batchv1.Job) bool { return job.Spec.Suspend != nil && *job.Spec.Suspend }

// mayRun reports whether the Job controller may create a pod for the Job.
func mayRun(job *batchv1.Job) bool {
	return !isFinished(job) && !isSuspended(job) && *job.Spec.Parallelism > 0 && *job.Spec.Completions > 0
}

func isLive(pod *corev1.Pod) bool {
	return pod.Status.Phase != corev1.PodSucceeded && pod.Status.Phase != corev1.PodFailed
}

// controllerOf returns the uid of an object's controller, or nothing.
func controllerOf(o metav1.Object) types.UID {
	if ref := metav1.GetControllerOf(o); ref != nil {
		return ref.UID
	}
	return ""
}

// now is what there is at a point of the history.
type now map[types.UID]*world.Change

// replay calls a function at every change, with what there is after it.
func (r *record) replay(visit func(i int, c world.Change, is now)) {
	is := now{}
	for i := range r.changes {
		c := &r.changes[i]
		if c.Old != nil {
			delete(is, c.Old.GetUID())
		}
		if c.New != nil {
			is[c.New.GetUID()] = c
		}
		visit(i, *c, is)
	}
}
