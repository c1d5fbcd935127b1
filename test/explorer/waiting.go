// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package explorer

import (
	"slices"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/test/invariants"
	"haltline.dev/haltline/test/simcluster"
)

// waitingExecutions returns the executions that cannot go on by themselves at a position.
func (r *record) waitingExecutions(position uint64) map[types.UID]bool {
	waiting := map[types.UID]bool{}
	for _, l := range r.Lives(simcluster.Execution) {
		if execution, there := l.ObjectAt(position).(*v1alpha1.PipelineExecution); there && r.isWaiting(execution, position) {
			waiting[l.UID] = true
		}
	}
	return waiting
}

// isWaiting reports whether an execution waits for its Pipeline, which is not there or whose event was dropped, or each of its
// actions that have not ended hangs.
func (r *record) isWaiting(execution *v1alpha1.PipelineExecution, position uint64) bool {
	if execution.Status.PipelineRevision == "" {
		return waitsForPipeline(execution) && (r.isEventDropped() || !r.hasPipeline(execution, position))
	}
	if execution.Status.WaitingForStage != nil {
		return r.waitsLawfully(execution, position)
	}
	hangs := false
	for _, stage := range execution.Status.Stages {
		for _, action := range stage.Actions {
			if action.State == v1alpha1.ActionNotStarted || action.CompletionTime != nil {
				continue
			}
			if hangs = r.isHanging(execution, stage.Name, &action, position); !hangs {
				return false
			}
		}
	}
	return hangs
}

func waitsForPipeline(execution *v1alpha1.PipelineExecution) bool {
	return execution.Status.PipelineRevision == "" && execution.Status.Stop == nil
}

func (r *record) hasPipeline(execution *v1alpha1.PipelineExecution, position uint64) bool {
	return slices.ContainsFunc(r.Lives(simcluster.Pipeline), func(l *invariants.Life) bool {
		pipeline, there := l.ObjectAt(position).(*v1alpha1.Pipeline)
		return there && pipeline.EffectiveName() == execution.Spec.PipelineName && !wasRefused(pipeline)
	})
}

// wasRefused reports whether a Pipeline reads that somebody else has its pipelineName, and has not changed since.
func wasRefused(pipeline *v1alpha1.Pipeline) bool {
	return slices.ContainsFunc(pipeline.Status.Conditions, func(c metav1.Condition) bool {
		return c.Reason == v1alpha1.ReasonPipelineNameTaken && c.ObservedGeneration == pipeline.Generation && pipeline.Name != pipeline.EffectiveName()
	})
}

// isHanging reports whether an action that has not ended cannot end by itself: a quota refuses its Job, or its Job does not end
// and is not the operator's to end.
func (r *record) isHanging(execution *v1alpha1.PipelineExecution, stage string, action *v1alpha1.ActionStatus, position uint64) bool {
	if action.Approval != nil {
		return !r.isToEnd(execution, stage, action, position) && !r.isDecidable(execution, stage, action, position)
	}
	if action.Workload.UID == "" {
		return r.sim.Scenario.Refuse != nil && execution.Status.Stop == nil && !isLimited(execution, action)
	}
	uid := types.UID(action.Workload.UID)
	job := r.jobAt(uid, position)
	if job == nil {
		// Somebody else deleted the Job; the pods that it left behind have to end.
		return r.hasHangingPod(uid, position)
	}
	if !r.isToEnd(execution, stage, action, position) || !metav1.IsControlledBy(job, execution) {
		return invariants.IsSuspended(job) || r.hasHangingPod(uid, position)
	}
	return false
}

// isDecidable reports whether a result is there that the approval has to take, or its time comes before the cluster comes to rest.
func (r *record) isDecidable(execution *v1alpha1.PipelineExecution, stage string, action *v1alpha1.ActionStatus, position uint64) bool {
	if action.Approval.ExpirationTime.Sub(action.StartTime.Time) <= shortApproval {
		return true
	}
	return !r.isEventDropped() && slices.ContainsFunc(r.Lives(simcluster.ApprovalResult), func(l *invariants.Life) bool {
		ar, there := l.ObjectAt(position).(*v1alpha1.ApprovalResult)
		return there && ar.Spec.PipelineExecutionID == string(execution.UID) && ar.Spec.StageName == stage && ar.Spec.ActionName == action.Name &&
			ar.Status.SubmittedTime != nil && len(ar.Status.Conditions) > 0 && !invariants.HasVerdict(ar)
	})
}

// jobAt returns a Job at a position, or nil if it was not there.
func (r *record) jobAt(uid types.UID, position uint64) *batchv1.Job {
	for _, l := range r.Lives(simcluster.Job) {
		if job, there := l.ObjectAt(position).(*batchv1.Job); there && job.UID == uid {
			return job
		}
	}
	return nil
}

// isToEnd reports whether the operator has to end an action: a stop abandons it, or will when its time has come, so that nobody
// rests before. What a revision holds is not known any more if somebody else deleted it.
func (r *record) isToEnd(execution *v1alpha1.PipelineExecution, stage string, action *v1alpha1.ActionStatus, position uint64) bool {
	stop, revision := execution.Status.Stop, execution.Status.PipelineRevision
	switch {
	case action.State == v1alpha1.ActionAbandoned, action.TimedOut != nil, isLimited(execution, action):
		return true
	case stop != nil && (stop.Mode == v1alpha1.StopModeAbandon || escalates(stop)):
		return true
	}
	return invariants.ShowsStop(execution) && r.Definition(revision, stage, action.Name).OnStop == v1alpha1.OnStopAbandon &&
		slices.ContainsFunc(r.Lives(simcluster.Revision), func(l *invariants.Life) bool {
			return l.Key.Name == revision && l.ObjectAt(position) != nil
		})
}

// isLimited reports whether a time limit ends an action some time.
func isLimited(execution *v1alpha1.PipelineExecution, action *v1alpha1.ActionStatus) bool {
	return execution.Status.Stop == nil && (execution.Status.DeadlineTime != nil || action.StartDeadlineTime != nil)
}

// escalates reports whether a stop that waits turns into one that abandons by itself.
func escalates(stop *v1alpha1.StopStatus) bool {
	last := len(stop.Requests) - 1
	return last >= 0 && stop.Requests[last].EscalationTime != nil
}

// hasHangingPod reports whether a pod of a Job never ends by itself and is not deleted.
func (r *record) hasHangingPod(job types.UID, position uint64) bool {
	return slices.ContainsFunc(r.PodsOf(job), func(l *invariants.Life) bool {
		pod, there := l.ObjectAt(position).(*corev1.Pod)
		return there && pod.Labels[batchv1.ControllerUidLabel] == string(job) && pod.DeletionTimestamp == nil && pod.Annotations[simcluster.AnnotationOutcome] == simcluster.Never
	})
}
