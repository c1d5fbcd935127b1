// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package explorer

import (
	"slices"

	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/apimachinery/pkg/types"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/stop"
	"haltline.dev/haltline/test/simcluster"
)

// oneVerdict is I1: "A StopRequest gets exactly one verdict, and it never changes." Where another wiped it, what was accepted is
// accepted again, as long as there is an execution that has recorded it, and what was rejected is rejected again.
func oneVerdict(r *record) {
	given, wiped := map[types.UID]string{}, map[types.UID]bool{}
	for i, c := range r.changes {
		s, ok := c.New.(*v1alpha1.StopRequest)
		if !ok {
			continue
		}
		verdict := verdictOf(s)
		if c.By == outsider && verdict == "" {
			wiped[s.UID] = true
		}
		again := wiped[s.UID] && (verdict == "" || verdict != accepted && (given[s.UID] != accepted || !r.historyOf(s, i).exists))
		if before, was := given[s.UID]; was && verdict != before && !again {
			r.violated("I1", i, "the verdict on StopRequest %q was %s and is %q", s.Name, before, verdict)
		}
		if verdict != "" {
			given[s.UID], wiped[s.UID] = verdict, false
		}
	}
}

// trueVerdict is I1 too: a verdict is what the rules of a stop say of what had happened when it was given, and
// "evaluated in this order; the first that holds is the verdict".
func trueVerdict(r *record) {
	known := map[types.UID]string{}
	for i, c := range r.changes {
		s, ok := c.New.(*v1alpha1.StopRequest)
		if !ok || verdictOf(s) == "" || known[s.UID] != "" {
			continue
		}
		known[s.UID] = verdictOf(s)
		h := r.historyOf(s, i)
		if r.lost(types.UID(s.Spec.PipelineExecutionID), i, theStop) {
			// The record of the stop was taken away; the verdict follows from what was left.
			continue
		}
		if why := h.contradicts(verdictOf(s)); why != "" {
			r.violated("I1", i, "the verdict on StopRequest %q is %s, but %s", s.Name, verdictOf(s), why)
		}
	}
}

// past is what had happened to the execution of a request when the request got its verdict.
type past struct {
	request          *v1alpha1.StopRequest
	exists, recorded bool
	published, final bool
	// endedBefore says that the execution was final when the request was made.
	endedBefore        bool
	inForce, abandoned bool
	pipelineMissing    bool
}

func (r *record) historyOf(s *v1alpha1.StopRequest, at int) past {
	h := past{request: s}
	h.pipelineMissing = verdictOf(s) == v1alpha1.ReasonPipelineNotFound && r.pipelineMissing(s, at)
	for _, c := range r.changes[:at+1] {
		if c.Old == nil && c.New.GetUID() == s.UID {
			h.endedBefore = h.final
		}
		if c.Old != nil && c.New == nil && string(c.Old.GetUID()) == s.Spec.PipelineExecutionID {
			h.exists = false
		}
		e, ok := executionOf(c)
		if !ok || !stop.ConcernsExecution(s, e) {
			continue
		}
		h.see(e)
	}
	return h
}

// see takes what the execution is from now on.
func (h *past) see(e *v1alpha1.PipelineExecution) {
	h.exists = true
	h.final = h.final || e.Status.State.IsFinal()
	if e.Status.Stop == nil {
		return
	}
	h.inForce = true
	h.abandoned = h.abandoned || e.Status.Stop.Mode == v1alpha1.StopModeAbandon
	if slices.ContainsFunc(e.Status.Stop.Requests, func(a v1alpha1.AcceptedStopRequest) bool { return a.UID == string(h.request.UID) }) {
		h.recorded = true
		h.published = h.published || e.Status.State == v1alpha1.ExecutionStopping || e.Status.State.IsFinal()
	}
}

// pipelineMissing reports whether there was a time, since the reconciliation began that wrote a change, when no Pipeline
// had the request's pipelineName.
func (r *record) pipelineMissing(s *v1alpha1.StopRequest, at int) bool {
	from := at
	for _, call := range r.calls {
		if w := r.changes[at]; call.By == w.By && call.Reconcile == r.reconcileOf(w) {
			from = min(from, call.Before)
		}
	}
	holders := map[types.UID]bool{}
	for i, c := range r.changes[:at] {
		if i >= from && len(holders) == 0 {
			return true
		}
		if c.Kind == simcluster.Pipeline && c.Old != nil {
			delete(holders, c.Old.GetUID())
		}
		if p, ok := c.New.(*v1alpha1.Pipeline); ok && p.EffectiveName() == s.Spec.PipelineName && p.DeletionTimestamp == nil {
			holders[p.UID] = true
		}
	}
	return len(holders) == 0
}

func (r *record) reconcileOf(w simcluster.Change) int {
	for _, call := range r.calls {
		if call.By == w.By && call.Number == w.Call {
			return call.Reconcile
		}
	}
	return -1
}

// contradicts says why a verdict is not true, or nothing.
func (h past) contradicts(verdict string) string {
	switch {
	case verdict == accepted && !h.recorded:
		return "its execution never recorded it"
	case verdict == accepted && !h.published:
		return "its execution was neither Stopping nor final"
	case verdict == accepted:
		return ""
	case h.recorded && h.exists:
		// Where the execution is gone, its record is gone with it; rule 3 is all that is left.
		return "its execution had recorded it"
	}
	return h.contradictsRejection(verdict)
}

func (h past) contradictsRejection(verdict string) string {
	switch verdict {
	case v1alpha1.ReasonPipelineNotFound:
		if h.exists || !h.pipelineMissing {
			return "its execution or its Pipeline existed"
		}
	case notStoppable:
		if h.exists && !h.final {
			return "its execution existed and was not final"
		}
	case duplicated:
		if !h.inForce {
			return "no stop was in force"
		}
		if h.endedBefore {
			return "its execution was final when the request was made"
		}
		if h.request.Spec.Abandon && !h.abandoned {
			return "the stop in force only waited, and an abandon escalates it"
		}
	}
	return ""
}

// oneWaitOneAbandon is I2: "An execution accepts at most one wait and at most one abandon, in that order." Where the record of
// the stop was taken away, it begins anew.
func oneWaitOneAbandon(r *record) {
	accepts := map[types.UID]map[v1alpha1.StopMode]int{}
	counted := map[types.UID]bool{}
	for i, c := range r.changes {
		if e, ok := executionOf(c); ok && isOperator(c) {
			r.checkRecord(i, c, e)
		} else if ok {
			if w, wiped := r.wipedAt(e.UID, i); wiped && w.lost&theStop != 0 {
				delete(accepts, e.UID)
			}
		}
		s, ok := c.New.(*v1alpha1.StopRequest)
		if !ok || verdictOf(s) != accepted || counted[s.UID] {
			continue
		}
		counted[s.UID] = true
		id := types.UID(s.Spec.PipelineExecutionID)
		if accepts[id] == nil {
			accepts[id] = map[v1alpha1.StopMode]int{}
		}
		accepts[id][s.Mode()]++
		if accepts[id][s.Mode()] > 1 {
			r.violated("I2", i, "StopRequest %q is the second accepted %s of its execution", s.Name, s.Mode())
		}
	}
}

// checkRecord checks that what an execution recorded of its stop only grows: "at most two: a wait, and an abandon that
// escalated it, append-only".
func (r *record) checkRecord(i int, c simcluster.Change, e *v1alpha1.PipelineExecution) {
	var modes []v1alpha1.StopMode
	var uids []string
	if e.Status.Stop != nil {
		for _, a := range e.Status.Stop.Requests {
			modes, uids = append(modes, a.Mode), append(uids, a.UID)
		}
	}
	if len(modes) > 2 || len(modes) == 2 && !slices.Equal(modes, []v1alpha1.StopMode{v1alpha1.StopModeWait, v1alpha1.StopModeAbandon}) {
		r.violated("I2", i, "execution %q accepted %v", e.Name, modes)
	}
	old, ok := c.Old.(*v1alpha1.PipelineExecution)
	if !ok || old.Status.Stop == nil {
		return
	}
	if len(uids) < len(old.Status.Stop.Requests) {
		r.violated("I2", i, "execution %q forgot an accepted request", e.Name)
		return
	}
	for n, a := range old.Status.Stop.Requests {
		if uids[n] != a.UID {
			r.violated("I2", i, "execution %q recorded another request in the place of %q", e.Name, a.Name)
		}
	}
	if old.Status.Stop.Mode == v1alpha1.StopModeAbandon && e.Status.Stop.Mode != v1alpha1.StopModeAbandon {
		r.violated("I2", i, "execution %q went back from abandoning to waiting", e.Name)
	}
}

// nothingStartsAfterAccepted is I3: "No Job of an execution is created after Accepted is published." The sign for it is
// the state of the execution, so nothing is created after that either, nor after any other final state. What an outsider
// creates or resumes is theirs. Where others took all signs of the stop away, it is not known any more.
//
// One exception: a placeholder, which never runs, may take the name of a Job, or of a placeholder, that was there and that
// another has deleted since.
func nothingStartsAfterAccepted(r *record) {
	stopped := map[types.UID]string{}
	freed := map[string]bool{}
	for i, c := range r.changes {
		if c.Kind == simcluster.Job && c.New == nil && !isOperator(c) {
			freed[c.Key.Name] = true
		}
		r.publish(i, c, stopped)
		job, ok := c.New.(*batchv1.Job)
		if !ok || !isOperator(c) || !starts(c, job) {
			continue
		}
		replaces := !mayRun(job) && freed[job.Name]
		if why := stopped[controllerOf(job)]; why != "" && !replaces {
			r.violated("I3", i, "%s started Job %q of an execution after %s", c.By, job.Name, why)
		}
	}
}

// publish notes that a change publishes the stop of an execution, or takes its signs away.
func (r *record) publish(i int, c simcluster.Change, stopped map[types.UID]string) {
	switch o := c.New.(type) {
	case *v1alpha1.StopRequest:
		if old, was := c.Old.(*v1alpha1.StopRequest); verdictOf(o) == accepted && (!was || verdictOf(old) == "") {
			stopped[types.UID(o.Spec.PipelineExecutionID)] = "StopRequest " + o.Name + " was accepted"
		}
	case *v1alpha1.PipelineExecution:
		if w, wiped := r.wipedAt(o.UID, i); wiped && w.unstopped {
			delete(stopped, o.UID)
		}
		if o.Status.State == v1alpha1.ExecutionStopping || o.Status.State.IsFinal() {
			stopped[o.UID] = "its state was " + string(o.Status.State)
		}
	}
}

// starts reports whether a change creates a Job, or resumes it.
func starts(c simcluster.Change, job *batchv1.Job) bool {
	return c.Old == nil || isSuspended(c.Old.(*batchv1.Job)) && !isSuspended(job)
}
