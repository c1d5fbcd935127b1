// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/action"
	"haltline.dev/haltline/controllers/plan"
	"haltline.dev/haltline/internal/text"
)

// +kubebuilder:rbac:groups=pipelines.haltline.dev,resources=pipelines,verbs=get;list;watch
// +kubebuilder:rbac:groups=pipelines.haltline.dev,resources=pipelines/status,verbs=update

// PipelineReconciler shows whether a Pipeline can be run. It alone writes Pipelines, and only their status.
type PipelineReconciler struct {
	// Client reads from the cache, and writes.
	Client client.Client
	// Registry knows whether an action could be started.
	Registry *action.Registry
	// Clock has the time that is recorded.
	Clock clock.PassiveClock
}

// Reconcile writes whether a Pipeline can be run.
func (r *PipelineReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	pipeline := &v1alpha1.Pipeline{}
	if err := r.Client.Get(ctx, req.NamespacedName, pipeline); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if pipeline.DeletionTimestamp != nil {
		return ctrl.Result{}, nil
	}
	problem, canPass, err := r.findProblem(ctx, pipeline)
	if err != nil {
		return ctrl.Result{}, err
	}
	now := metav1.NewTime(r.Clock.Now())
	next := nextPipelineStatus(pipeline, problem, now)
	result := ctrl.Result{}
	if canPass {
		result.RequeueAfter = retryDelay(&next, now)
	}
	if equality.Semantic.DeepEqual(next, pipeline.Status) {
		return result, nil
	}
	pipeline.Status = next
	if err := r.Client.Status().Update(ctx, pipeline, client.FieldOwner(action.FieldOwner)); err != nil {
		return ignoreConflict(ctx, pendingIfGone(fmt.Errorf("writing the status: %w", err)))
	}
	return result, nil
}

// Bounds of how long after a refusal that can pass a Pipeline is tried again.
const (
	minRetryDelay = 10 * time.Second
	maxRetryDelay = 10 * time.Minute
)

// retryDelay returns when a Pipeline that cannot be run is tried again: the longer it could not, the later.
func retryDelay(status *v1alpha1.PipelineStatus, now metav1.Time) time.Duration {
	ready := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionReady)
	return min(max(now.Sub(ready.LastTransitionTime.Time), minRetryDelay), maxRetryDelay)
}

// findProblem returns why the Pipeline cannot be run, or nil, and whether something else than a change of it can lift that.
func (r *PipelineReconciler) findProblem(ctx context.Context, pipeline *v1alpha1.Pipeline) (problem *plan.Problem, canPass bool, err error) {
	chosen, err := pipelineByName(ctx, r.Client, pipeline.Namespace, pipeline.EffectiveName())
	if err != nil {
		return nil, false, err
	}
	if problem := findNameProblem(pipeline, chosen); problem != nil {
		return problem, false, nil
	}
	if known := meta.FindStatusCondition(pipeline.Status.Conditions, v1alpha1.ConditionReady); known != nil &&
		known.ObservedGeneration == pipeline.Generation && known.Reason == v1alpha1.ReasonValid {
		// The API server was asked about this generation.
		return nil, false, nil
	}
	if problem := findDefinitionProblem(r.Registry, pipeline.Spec.Definition()); problem != nil {
		return problem, false, nil
	}
	return r.tryStarts(ctx, pipeline)
}

// tryStarts asks the API server whether every action could be started. See findProblem.
func (r *PipelineReconciler) tryStarts(ctx context.Context, pipeline *v1alpha1.Pipeline) (problem *plan.Problem, canPass bool, err error) {
	for _, s := range pipeline.Spec.Stages {
		for _, a := range s.Actions {
			refusal, err := r.Registry.TryStart(ctx, action.Trial{
				Namespace: pipeline.Namespace, PipelineName: pipeline.EffectiveName(),
				Key: plan.ActionKey{Stage: s.Name, Action: a.Name}, Definition: &a,
			})
			if action.IsPending(err) {
				// Such as a webhook that is down.
				refusal, err = action.Refusal{Message: "job: " + err.Error(), CanPass: true}, nil
			}
			if err != nil {
				return nil, false, err
			}
			if refusal.Message != "" {
				return &plan.Problem{Reason: v1alpha1.ReasonInvalidJobTemplate, Message: fmt.Sprintf(
					"spec.stages[%q].actions[%q].%s", s.Name, a.Name, refusal.Message)}, refusal.CanPass, nil
			}
		}
	}
	return nil, false, nil
}

func nextPipelineStatus(pipeline *v1alpha1.Pipeline, problem *plan.Problem, now metav1.Time) v1alpha1.PipelineStatus {
	status := *pipeline.Status.DeepCopy()
	status.ObservedGeneration = pipeline.Generation
	status.PipelineName = pipeline.EffectiveName()
	ready := metav1.Condition{
		Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonValid,
		Message: "The pipeline can be run.", ObservedGeneration: pipeline.Generation, LastTransitionTime: now,
	}
	if problem == nil {
		meta.RemoveStatusCondition(&status.Conditions, v1alpha1.ConditionStalled)
		meta.SetStatusCondition(&status.Conditions, ready)
		return status
	}
	ready.Status, ready.Reason, ready.Message = metav1.ConditionFalse, problem.Reason, text.BoundMessage(problem.Message)
	stalled := ready
	stalled.Type, stalled.Status = v1alpha1.ConditionStalled, metav1.ConditionTrue
	meta.SetStatusCondition(&status.Conditions, ready)
	meta.SetStatusCondition(&status.Conditions, stalled)
	return status
}
