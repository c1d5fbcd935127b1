// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package explorer

import (
	"slices"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/stop"
	"haltline.dev/haltline/test/simcluster"
)

// waits reports whether an execution cannot go on by itself: nobody asked to stop it, and its Pipeline is not there, or no event
// told of it; or each of its actions that have not ended hangs.
func (r *record) waits(e *v1alpha1.PipelineExecution, is now) bool {
	if e.Status.PipelineRevision == "" {
		return awaitsPipeline(e) && (r.dropped() || !hasPipeline(e, is))
	}
	hang := false
	for _, s := range e.Status.Stages {
		for _, a := range s.Actions {
			if a.State == v1alpha1.ActionNotStarted || a.CompletionTime != nil {
				continue
			}
			if hang = r.hangs(e, s.Name, &a, is); !hang {
				return false
			}
		}
	}
	return hang
}

func awaitsPipeline(e *v1alpha1.PipelineExecution) bool {
	return e.Status.PipelineRevision == "" && e.Status.Stop == nil
}

func hasPipeline(e *v1alpha1.PipelineExecution, is now) bool {
	return slices.ContainsFunc(is.of(simcluster.Pipeline), func(o client.Object) bool {
		return o.(*v1alpha1.Pipeline).EffectiveName() == e.Spec.PipelineName
	})
}

// hangs reports whether an action that has not ended cannot end by itself: a quota refuses its Job; or the Job does not end, and
// is not the operator's to end.
func (r *record) hangs(e *v1alpha1.PipelineExecution, stage string, a *v1alpha1.ActionStatus, is now) bool {
	if a.Workload.UID == "" {
		return r.sim.Scenario.Refuse != nil && e.Status.Stop == nil
	}
	uid := types.UID(a.Workload.UID)
	if is[uid] == nil {
		// Another deleted the Job; the pods that it left behind have to end.
		return podHangs(uid, is)
	}
	job := is[uid].New.(*batchv1.Job)
	if !r.isToEnd(e, stage, a, is) || controllerOf(job) != e.UID {
		return isSuspended(job) || podHangs(uid, is)
	}
	return false
}

// isToEnd reports whether an action is abandoned, or has to be: a stop abandons it, or will when its time has come, so that
// nobody rests before.
func (r *record) isToEnd(e *v1alpha1.PipelineExecution, stage string, a *v1alpha1.ActionStatus, is now) bool {
	s := e.Status.Stop
	switch {
	case a.State == v1alpha1.ActionAbandoned:
		return true
	case s != nil && (s.Mode == v1alpha1.StopModeAbandon || stop.EscalationTime(s) != nil):
		return true
	}
	pin := e.Status.PipelineRevision
	return showsStop(e) && r.definition(pin, stage, a.Name).OnStop == v1alpha1.OnStopAbandon && isThere(simcluster.Revision, pin, is)
}

// isThere reports whether there is an object of a name. What a revision says is not known any more when another has deleted it.
func isThere(k simcluster.Kind, name string, is now) bool {
	return slices.ContainsFunc(is.of(k), func(o client.Object) bool { return o.GetName() == name })
}

func podHangs(job types.UID, is now) bool {
	return slices.ContainsFunc(is.of(simcluster.Pod), func(o client.Object) bool {
		pod := o.(*corev1.Pod)
		return jobOf(pod) == job && pod.DeletionTimestamp == nil && pod.Annotations[simcluster.AnnotationOutcome] == simcluster.Never
	})
}
