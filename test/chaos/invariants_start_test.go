// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package chaos

import (
	"slices"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
)

func isPlaceholder(o client.Object) bool { return o.GetLabels()[v1alpha1.LabelPlaceholder] == "true" }

// nothingStarts: when a stop is published, all that the execution will ever have is there, fences included.
func nothingStarts(h *history, f *findings) {
	for _, r := range requests(h) {
		v := r.when(accepted)
		if v == nil {
			continue
		}
		f.checked++
		id, since := executionOf(v.object), v.rv
		if e := h.execution(id); e != nil {
			if p := e.when(published); p != nil {
				since = min(since, p.rv)
			}
		}
		for _, j := range h.jobsOf(id) {
			if created := j.first(); created.rv > since && !h.holdsLostName(j) {
				f.missing(h, j, id, "%s was created at %d, after the stop that %s asked for was published at %d", tell(&created), created.rv, v.object.GetName(), since)
			}
		}
	}
}

// holdsLostName reports whether a Job is the placeholder that takes the name of one that ran and that another deleted. Its
// action had started, so that this one may come after a stop was published.
func (h *history) holdsLostName(placeholder *life) bool {
	created := placeholder.first()
	id := executionOf(created.object)
	e := h.execution(id)
	if e == nil || !isPlaceholder(created.object) {
		return false
	}
	return slices.ContainsFunc(h.jobsOf(id), func(lost *life) bool {
		return lost.first().object.GetName() == created.object.GetName() && !isPlaceholder(lost.first().object) &&
			lost.gone != nil && lost.gone.low < created.rv &&
			e.before(created.rv, func(o client.Object) bool { return records(ofExecution(o), lost.uid) })
	})
}

// records reports whether an execution knows that a Job was created for it.
func records(e *v1alpha1.PipelineExecution, job types.UID) bool {
	return slices.ContainsFunc(e.Status.Stages, func(s v1alpha1.StageStatus) bool {
		return slices.ContainsFunc(s.Actions, func(a v1alpha1.ActionStatus) bool { return a.Workload.UID == string(job) })
	})
}

// oneJob: no action has two Jobs that may run. A placeholder has no pod.
func oneJob(h *history, f *findings) {
	for _, e := range executions(h) {
		f.checked++
		of := map[string]*life{}
		for _, j := range h.jobsOf(string(e.uid)) {
			o := j.first().object
			if isPlaceholder(o) {
				if len(h.podsOf(j.uid)) > 0 {
					f.violate(string(e.uid), "the placeholder %s had a pod", o.GetName())
				}
				continue
			}
			key := o.GetAnnotations()[v1alpha1.AnnotationStage] + "/" + o.GetAnnotations()[v1alpha1.AnnotationAction]
			if other := of[key]; other != nil {
				f.violate(string(e.uid), "%s has two Jobs, created at %d and %d", key, other.first().rv, j.first().rv)
			}
			of[key] = j
		}
	}
}
