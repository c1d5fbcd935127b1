// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package chaos

import (
	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
)

// orphanedOnPurpose reports whether a Job was orphaned, its action was abandoned, and the Pipeline asks for that.
func (h *history) orphanedOnPurpose(job *life) bool {
	o := job.first().object
	e := h.execution(executionOf(o))
	if e == nil || job.when(isOrphan) == nil {
		return false
	}
	stage, name := o.GetAnnotations()[v1alpha1.AnnotationStage], o.GetAnnotations()[v1alpha1.AnnotationAction]
	return actionState(ofExecution(e.last().object), stage, name) == v1alpha1.ActionAbandoned &&
		onAbandon(h.pinned(e), stage, name) == v1alpha1.OnAbandonOrphan
}

// pinned returns the Pipeline that an execution runs, as its author wrote it, or nil where the history does not have it. The
// operator's revision says of which generation it is; what it holds is not asked.
func (h *history) pinned(e *life) *v1alpha1.Pipeline {
	name := ofExecution(e.last().object).Status.PipelineRevision
	for _, l := range of[*appsv1.ControllerRevision](h) {
		revision := l.last().object.(*appsv1.ControllerRevision)
		pipeline := h.lives[types.UID(revision.Labels[v1alpha1.LabelPipelineUID])]
		if revision.Name != name || pipeline == nil {
			continue
		}
		if v := pipeline.when(func(o client.Object) bool { return o.GetGeneration() == revision.Revision }); v != nil {
			return v.object.(*v1alpha1.Pipeline)
		}
	}
	return nil
}

func onAbandon(p *v1alpha1.Pipeline, stage, name string) v1alpha1.OnAbandon {
	if p == nil {
		return ""
	}
	for _, s := range p.Spec.Stages {
		for _, a := range s.Actions {
			if s.Name == stage && a.Name == name {
				return a.OnAbandon
			}
		}
	}
	return ""
}

func actionState(e *v1alpha1.PipelineExecution, stage, name string) v1alpha1.ActionState {
	for _, s := range e.Status.Stages {
		for _, a := range s.Actions {
			if s.Name == stage && a.Name == name {
				return a.State
			}
		}
	}
	return ""
}
