// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package explorer

import (
	"encoding/json"
	"strconv"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/stop"
	"haltline.dev/haltline/test/explorer/world"
)

// converges is I8: "When faults end, everything converges". Every execution has ended and every request is concluded,
// but for what waits for a person.
func converges(r *record) {
	end := len(r.changes)
	if r.sim.Stuck {
		r.violated("I8", end, "the world did not come to rest")
		return
	}
	for _, o := range r.sim.Store.All(world.Execution) {
		e := o.(*v1alpha1.PipelineExecution)
		if !e.Status.State.Final() && !r.waitsForPerson(e) {
			r.violated("I8", end, "execution %q is %q and nothing goes on", e.Name, e.Status.State)
		}
	}
	for _, o := range r.sim.Store.All(world.StopRequest) {
		s := o.(*v1alpha1.StopRequest)
		e, ok := r.sim.Store.ByUID(types.UID(s.Spec.PipelineExecutionID)).(*v1alpha1.PipelineExecution)
		stopping := ok && !e.Status.State.Final() && verdictOf(s) == accepted
		if !stop.Concluded(s) && !stopping {
			r.violated("I8", end, "StopRequest %q has the verdict %q and is not concluded", s.Name, verdictOf(s))
		}
	}
}

// waitsForPerson reports whether an execution cannot go on by itself: its Pipeline is not there and nobody asked to stop
// it; an action hangs that nobody abandoned, or that another has suspended or taken over.
func (r *record) waitsForPerson(e *v1alpha1.PipelineExecution) bool {
	if r.sim.Scenario.Refuse != nil && e.Status.Stop == nil {
		// The quota that refuses its Jobs has to be raised.
		return true
	}
	if e.Status.PipelineRevision == "" && e.Status.Stop == nil {
		for _, o := range r.sim.Store.All(world.Pipeline) {
			if o.(*v1alpha1.Pipeline).EffectiveName() == e.Spec.PipelineName {
				return false
			}
		}
		return true
	}
	for _, s := range e.Status.Stages {
		for _, a := range s.Actions {
			if a.JobUID != "" && a.CompletionTime == nil && r.hangs(types.UID(a.JobUID), a.State == v1alpha1.ActionAbandoned) {
				return true
			}
		}
	}
	return false
}

func (r *record) hangs(uid types.UID, abandoned bool) bool {
	job, ok := r.sim.Store.ByUID(uid).(*batchv1.Job)
	if !ok {
		return r.podHangs(uid)
	}
	if r.adopted(uid) {
		return isSuspended(job) || r.podHangs(uid)
	}
	return !abandoned && (isSuspended(job) || r.podHangs(uid))
}

func (r *record) podHangs(job types.UID) bool {
	for _, o := range r.sim.Store.All(world.Pod) {
		pod := o.(*corev1.Pod)
		if pod.Labels[batchv1.ControllerUidLabel] == string(job) && pod.DeletionTimestamp == nil &&
			pod.Annotations[world.AnnotationOutcome] == world.Never {
			return true
		}
	}
	return false
}

// thenWritesStop is I8: "and then writes stop". A restarted operator sees everything anew and finds nothing to do. An
// event that was dropped is made good by that, so where one was, it may.
func thenWritesStop(r *record) {
	for _, t := range r.sim.Trouble {
		if strings.HasPrefix(t.What, "drop") {
			return
		}
	}
	for i, c := range r.changes[r.sim.Settled:] {
		r.violated("I8", r.sim.Settled+i, "when all was done, a restarted operator still had %s %q written, by %s", c.Kind, c.Key.Name, c.By)
		return
	}
}

// Bounds of I9. A reconciliation writes a status at most eight times, and does a few things for each action.
const (
	maxWritesOfReconcile = 16
	maxNotesOfReconcile  = 16
	maxStatusBytes       = 16 << 10
	maxWritesOfRun       = 200
)

// bounded is I9: "Status, events and writes for each reconcile are bounded; rejections live on the StopRequest, never on
// the execution."
func bounded(r *record) {
	writes, notes := map[string]int{}, map[int]int{}
	total := 0
	for _, c := range r.calls {
		if !c.Writes() {
			continue
		}
		total++
		id := c.By + "/" + c.Controller + "/" + strconv.Itoa(c.Reconcile)
		writes[id]++
		if writes[id] == maxWritesOfReconcile+1 {
			r.violated("I9", c.Before, "reconciliation %s wrote more than %d times", id, maxWritesOfReconcile)
		}
	}
	if total > maxWritesOfRun && !r.sim.Stuck {
		r.violated("I9", len(r.changes), "the operator wrote %d times", total)
	}
	for _, n := range r.notes {
		notes[n.Reconcile]++
		if notes[n.Reconcile] == maxNotesOfReconcile+1 {
			r.violated("I9", len(r.changes), "reconciliation %d recorded more than %d events", n.Reconcile, maxNotesOfReconcile)
		}
	}
	for i, c := range r.changes {
		e, ok := executionOf(c)
		if !ok {
			continue
		}
		if size := jsonSize(e.Status); size > maxStatusBytes {
			r.violated("I9", i, "the status of execution %q has %d bytes", e.Name, size)
		}
		for _, condition := range e.Status.Conditions {
			if strings.HasSuffix(condition.Reason, "Exception") {
				r.violated("I9", i, "execution %q shows the rejection %s", e.Name, condition.Reason)
			}
		}
	}
}

// guarded is I10: "A delete carries a UID precondition; a write that decides carries a resourceVersion." Every status
// decides; a patch of a Job carries at least the uid.
func guarded(r *record) {
	for _, c := range r.calls {
		switch {
		case (c.Verb == "delete" || c.Verb == "patch") && !c.Guarded:
			r.violated("I10", c.Before, "call %d, %s, would hit another object of that name", c.Number, c)
		case c.Verb == "update-status" && !c.Versioned:
			r.violated("I10", c.Before, "call %d, %s, overwrites what it has not seen", c.Number, c)
		}
	}
}

func jsonSize(status v1alpha1.PipelineExecutionStatus) int {
	raw, err := json.Marshal(status)
	if err != nil {
		panic(err)
	}
	return len(raw)
}
