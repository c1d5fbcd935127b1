// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package explorer

import (
	"encoding/json"
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/simcluster"
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
	changes []simcluster.Change
	calls   []*simcluster.Call
	notes   []simcluster.Note
	// callOf are the calls by who made them, and their number.
	callOf map[callID]*simcluster.Call
	// wipes are those of the status of an execution, by its uid.
	wipes map[types.UID][]wiping
	// jobs are all Jobs that there were, by their uids.
	jobs map[types.UID]*life
	// pinned are the definitions that an operator pinned, by the name of the revision.
	pinned map[string]*v1alpha1.PipelineDefinition
	found  []Violation
}

type callID struct {
	by     string
	number int
}

func newRecord(s *Sim) *record {
	r := &record{
		sim: s, changes: s.Store.History, calls: s.Op.Calls, notes: s.Op.Notes, callOf: map[callID]*simcluster.Call{},
		wipes: map[types.UID][]wiping{}, jobs: map[types.UID]*life{},
		pinned: map[string]*v1alpha1.PipelineDefinition{},
	}
	for _, o := range s.Others {
		r.calls = append(slices.Clip(r.calls), o.Calls...)
		r.notes = append(slices.Clip(r.notes), o.Notes...)
	}
	for _, c := range r.calls {
		r.callOf[callID{c.By, c.Number}] = c
	}
	for i := range r.changes {
		r.index(i, &r.changes[i])
	}
	return r
}

// index takes a change into the record.
func (r *record) index(i int, c *simcluster.Change) {
	switch c.Kind {
	case simcluster.Execution:
		r.indexExecution(i, c)
	case simcluster.Job:
		r.indexJob(i, c)
	case simcluster.Revision:
		r.indexRevision(c)
	}
}

func (r *record) indexExecution(i int, c *simcluster.Change) {
	e, ok := executionOf(*c)
	if !ok {
		return
	}
	if old, was := c.Old.(*v1alpha1.PipelineExecution); was && !isOperator(*c) {
		if lost := lostParts(&old.Status, &e.Status); lost != 0 {
			r.wipes[e.UID] = append(r.wipes[e.UID], wiping{i, lost, !showsStop(e)})
		}
	}
	r.indexActions(i, e)
}

func (r *record) indexRevision(c *simcluster.Change) {
	revision, ok := c.New.(*appsv1.ControllerRevision)
	if !ok || c.Old != nil || !isOperator(*c) {
		return
	}
	spec := &v1alpha1.PipelineDefinition{}
	if err := json.Unmarshal(revision.Data.Raw, spec); err != nil {
		panic(err)
	}
	r.pinned[revision.Name] = spec
}

func (r *record) violated(invariant string, at int, format string, args ...any) {
	r.found = append(r.found, Violation{invariant, at, fmt.Sprintf(format, args...)})
}

// isOperator reports whether a change is one of an operator.
func isOperator(c simcluster.Change) bool { return c.Call > 0 }

func executionOf(c simcluster.Change) (*v1alpha1.PipelineExecution, bool) {
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
type now map[types.UID]*simcluster.Change

// of returns the objects of a kind, the oldest change first.
func (is now) of(k simcluster.Kind) []client.Object {
	var changes []*simcluster.Change
	for _, c := range is {
		if c.Kind == k {
			changes = append(changes, c)
		}
	}
	slices.SortFunc(changes, func(a, b *simcluster.Change) int { return a.Seq - b.Seq })
	objects := make([]client.Object, 0, len(changes))
	for _, c := range changes {
		objects = append(objects, c.New)
	}
	return objects
}

// execution returns an execution, where it is there.
func (is now) execution(uid types.UID) (*v1alpha1.PipelineExecution, bool) {
	if is[uid] == nil {
		return nil, false
	}
	return executionOf(*is[uid])
}

// after returns what there was after so many changes.
func (r *record) after(changes int) now {
	is := now{}
	for i := range r.changes[:changes] {
		is.apply(&r.changes[i])
	}
	return is
}

func (is now) apply(c *simcluster.Change) {
	if c.Old != nil {
		delete(is, c.Old.GetUID())
	}
	if c.New != nil {
		is[c.New.GetUID()] = c
	}
}

// replay calls a function at every change, with what there is after it.
func (r *record) replay(visit func(i int, c simcluster.Change, is now)) {
	is := now{}
	for i := range r.changes {
		c := &r.changes[i]
		is.apply(c)
		visit(i, *c, is)
	}
}
