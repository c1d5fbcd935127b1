// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/action"
	"haltline.dev/haltline/controllers/plan"
)

// +kubebuilder:rbac:groups=pipelines.haltline.dev,resources=pipelines,verbs=get;list;watch
// +kubebuilder:rbac:groups=pipelines.haltline.dev,resources=pipelines/status,verbs=update

// PipelineReconciler says whether a Pipeline can be run. It alone writes Pipelines, and only their status.
type PipelineReconciler struct {
	// Client reads from the cache, and writes.
	Client client.Client
	// Runner knows whether the API server would take a Job.
	Runner *action.Runner
	// Clock tells the time that is recorded.
	Clock clock.PassiveClock
}

// Reconcile writes whether a Pipeline can be run.
func (r *PipelineReconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	p := &v1alpha1.Pipeline{}
	if err := r.Client.Get(ctx, request.NamespacedName, p); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if p.DeletionTimestamp != nil {
		return ctrl.Result{}, nil
	}
	problem, err := r.problem(ctx, p)
	if err != nil {
		return ctrl.Result{}, err
	}
	next := pipelineStatus(p, problem, metav1.NewTime(r.Clock.Now()))
	if equality.Semantic.DeepEqual(next, p.Status) {
		return ctrl.Result{}, nil
	}
	p.Status = next
	if err := r.Client.Status().Update(ctx, p, client.FieldOwner(action.FieldOwner)); err != nil {
		return unlessOutdated(ctx, fmt.Errorf("writing the status: %w", err))
	}
	return ctrl.Result{}, nil
}

// problem returns why the Pipeline cannot be run, or nil.
func (r *PipelineReconciler) problem(ctx context.Context, p *v1alpha1.Pipeline) (*plan.Problem, error) {
	first, err := holder(ctx, r.Client, p.Namespace, p.EffectiveName())
	if err != nil {
		return nil, err
	}
	if first != nil && first.UID != p.UID {
		return &plan.Problem{Reason: v1alpha1.ReasonPipelineNameTaken, Message: fmt.Sprintf(
			"spec.pipelineName: the older Pipeline %q has the pipelineName %q; delete one of the two.", first.Name, p.EffectiveName())}, nil
	}
	if known := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionReady); known != nil &&
		known.ObservedGeneration == p.Generation && known.Reason == v1alpha1.ReasonValid {
		// The API server was asked about this generation.
		return nil, nil
	}
	return r.templates(ctx, p)
}

// templates asks the API server about the Job of every action.
func (r *PipelineReconciler) templates(ctx context.Context, p *v1alpha1.Pipeline) (*plan.Problem, error) {
	if problem := templateProblem(&p.Spec); problem != nil {
		return problem, nil
	}
	trial := &v1alpha1.PipelineExecution{ObjectMeta: metav1.ObjectMeta{Namespace: p.Namespace, Name: p.Name, UID: p.UID}}
	for _, s := range p.Spec.Stages {
		for _, a := range s.Actions {
			key := plan.Key{Stage: s.Name, Action: a.Name}
			refusal, err := r.Runner.Check(ctx, action.Run{Execution: trial}, plan.Task{
				Verb: plan.Start, Key: key, JobName: plan.JobName(trial, key), Definition: a,
			})
			if err != nil {
				return nil, err
			}
			if refusal != "" {
				return &plan.Problem{Reason: v1alpha1.ReasonInvalidJobTemplate, Message: fmt.Sprintf(
					"spec.stages[%q].actions[%q].%s", s.Name, a.Name, refusal)}, nil
			}
		}
	}
	return nil, nil
}

func pipelineStatus(p *v1alpha1.Pipeline, problem *plan.Problem, now metav1.Time) v1alpha1.PipelineStatus {
	status := *p.Status.DeepCopy()
	status.ObservedGeneration = p.Generation
	status.PipelineName = p.EffectiveName()
	ready := metav1.Condition{
		Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonValid,
		Message: "The pipeline can be run.", ObservedGeneration: p.Generation, LastTransitionTime: now,
	}
	if problem == nil {
		meta.RemoveStatusCondition(&status.Conditions, v1alpha1.ConditionStalled)
		meta.SetStatusCondition(&status.Conditions, ready)
		return status
	}
	ready.Status, ready.Reason, ready.Message = metav1.ConditionFalse, problem.Reason, v1alpha1.BoundMessage(problem.Message)
	stalled := ready
	stalled.Type, stalled.Status = v1alpha1.ConditionStalled, metav1.ConditionTrue
	meta.SetStatusCondition(&status.Conditions, ready)
	meta.SetStatusCondition(&status.Conditions, stalled)
	return status
}
