// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package chaos

import (
	"slices"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
)

func executions(h *history) []*life { return of[*v1alpha1.PipelineExecution](h) }

func requests(h *history) []*life { return of[*v1alpha1.StopRequest](h) }

func jobs(h *history) []*life { return of[*batchv1.Job](h) }

func pods(h *history) []*life { return of[*corev1.Pod](h) }

// verdict returns the verdict that a version of a request has, or nil.
func verdict(o client.Object) *metav1.Condition {
	return meta.FindStatusCondition(ofRequest(o).Status.Conditions, v1alpha1.ConditionAccepted)
}

func decided(o client.Object) bool { return verdict(o) != nil }

func accepted(o client.Object) bool { return decided(o) && verdict(o).Status == metav1.ConditionTrue }

func oneVerdict(h *history, f *findings) {
	for _, l := range requests(h) {
		f.checked++
		id, name := executionOf(l.first().object), l.first().object.GetName()
		first := l.when(decided)
		if first == nil {
			f.violate(id, "%s has no verdict", name)
			continue
		}
		for _, v := range l.versions {
			if v.rv > first.rv && !equality.Semantic.DeepEqual(verdict(v.object), verdict(first.object)) {
				f.violate(id, "the verdict on %s was %+v at %d, and is %+v at %d", name, verdict(first.object), first.rv, verdict(v.object), v.rv)
				break
			}
		}
	}
}

func justifiedVerdicts(h *history, f *findings) {
	for _, l := range requests(h) {
		v := l.when(decided)
		if v == nil {
			continue
		}
		f.checked++
		r := ofRequest(v.object)
		e := h.execution(r.Spec.PipelineExecutionID)
		if e != nil && ofExecution(e.first().object).Spec.PipelineName != r.Spec.PipelineName {
			e = nil
		}
		if e == nil && !h.justifiedWithout(l, v) || e != nil && !justified(e, r, v) {
			f.missing(h, e, r.Spec.PipelineExecutionID, "%s reads %s at %d; nothing before that says so", r.Name, verdict(r).Reason, v.rv)
		}
	}
}

// justifiedWithout reports whether a verdict follows where no execution of the pipeline has the id. A Pipeline that came
// after the request may or may not have been seen.
func (h *history) justifiedWithout(request *life, v *version) bool {
	pipeline := slices.IndexFunc(of[*v1alpha1.Pipeline](h), func(l *life) bool {
		return l.first().object.GetName() == ofRequest(v.object).Spec.PipelineName && l.first().rv < v.rv
	})
	switch verdict(v.object).Reason {
	case v1alpha1.ReasonNotStoppable:
		return pipeline >= 0
	case v1alpha1.ReasonPipelineNotFound:
		return pipeline < 0 || of[*v1alpha1.Pipeline](h)[pipeline].first().rv > request.first().rv
	}
	return false
}

// justified reports whether a verdict follows from what the execution was before it.
func justified(e *life, r *v1alpha1.StopRequest, v *version) bool {
	switch verdict(r).Reason {
	case v1alpha1.ReasonAccepted:
		return e.before(v.rv, func(o client.Object) bool { return isRecorded(ofExecution(o), r) && published(o) })
	case v1alpha1.ReasonDuplicatedStopRequest:
		return e.before(v.rv, func(o client.Object) bool { return duplicates(ofExecution(o), r) })
	case v1alpha1.ReasonNotStoppable:
		return e.before(v.rv, func(o client.Object) bool { return final(o) && !isRecorded(ofExecution(o), r) })
	}
	return false
}

func isRecorded(e *v1alpha1.PipelineExecution, r *v1alpha1.StopRequest) bool {
	return e.Status.Stop != nil && slices.ContainsFunc(e.Status.Stop.Requests, func(a v1alpha1.AcceptedStopRequest) bool { return a.UID == string(r.UID) })
}

func duplicates(e *v1alpha1.PipelineExecution, r *v1alpha1.StopRequest) bool {
	return e.Status.Stop != nil && !isRecorded(e, r) && (e.Status.Stop.Mode == v1alpha1.StopModeAbandon || !r.Spec.Abandon)
}

func published(o client.Object) bool {
	return ofExecution(o).Status.State == v1alpha1.ExecutionStopping || final(o)
}

func final(o client.Object) bool { return ofExecution(o).Status.State.IsFinal() }

func acceptedStops(h *history, f *findings) {
	for _, l := range executions(h) {
		f.checked++
		var before []v1alpha1.AcceptedStopRequest
		for _, v := range l.versions {
			after := stops(v.object)
			if !grows(before, after) {
				f.violate(string(l.uid), "at %d the accepted requests are %v, after %v", v.rv, after, before)
				break
			}
			before = after
		}
		for _, r := range requests(h) {
			if executionOf(r.first().object) == string(l.uid) && r.when(accepted) != nil && !isRecorded(ofExecution(l.last().object), ofRequest(r.last().object)) {
				f.violate(string(l.uid), "%s was accepted, and the execution does not know of it", r.first().object.GetName())
			}
		}
	}
}

func stops(o client.Object) []v1alpha1.AcceptedStopRequest {
	if s := ofExecution(o).Status.Stop; s != nil {
		return s.Requests
	}
	return nil
}

// grows reports whether nothing was taken away, and what is there is a wait, an abandon, or the one and then the other.
func grows(before, after []v1alpha1.AcceptedStopRequest) bool {
	if len(after) < len(before) || len(after) > 2 {
		return false
	}
	for i, b := range before {
		a := after[i]
		a.EscalatedTime, b.EscalatedTime = nil, nil
		if !equality.Semantic.DeepEqual(a, b) {
			return false
		}
	}
	return len(after) < 2 || after[0].Mode == v1alpha1.StopModeWait && after[1].Mode == v1alpha1.StopModeAbandon
}
