// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/action"
	"haltline.dev/haltline/controllers/plan"
	"haltline.dev/haltline/controllers/stop"
)

// facts are what a step of an execution depends on, but for what is observed of its actions.
type facts struct {
	in  plan.Input
	run action.Run
	// held is the error that keeps the definition from being pinned; the step goes on, and is tried again.
	held error
}

func (r *PipelineExecutionReconciler) gather(ctx context.Context, e *v1alpha1.PipelineExecution) (facts, error) {
	f := facts{in: plan.Input{Execution: e, Now: r.now()}, run: action.Run{Execution: e}}
	f.run.Now, f.run.Explain = f.in.Now, plan.Overdue(&e.Status, f.in.Now)
	var err error
	if f.in.Requests, err = r.requests(ctx, e); err != nil {
		return f, err
	}
	if e.Status.PipelineRevision == "" {
		err = r.takePipeline(ctx, e, &f)
	} else {
		f.in.Pipeline, err = r.pinned(ctx, e.Namespace, e.Status.PipelineRevision)
	}
	if err != nil || f.in.Pipeline == nil {
		return f, err
	}
	f.run.Variables, f.in.Problem = plan.Variables(f.in.Pipeline, &e.Spec)
	if f.in.Problem == nil && e.Status.StartTime == nil {
		f.in.Problem = templateProblem(f.in.Pipeline)
	}
	return f, nil
}

// requests returns the stop requests that concern the execution and are not concluded.
func (r *PipelineExecutionReconciler) requests(ctx context.Context, e *v1alpha1.PipelineExecution) ([]v1alpha1.StopRequest, error) {
	list := &v1alpha1.StopRequestList{}
	err := r.Client.List(ctx, list, client.InNamespace(e.Namespace), client.MatchingFields{indexOpenRequests: string(e.UID)})
	if err != nil {
		return nil, fmt.Errorf("listing stop requests: %w", err)
	}
	return slices.DeleteFunc(list.Items, func(s v1alpha1.StopRequest) bool { return !stop.Concerns(&s, e) }), nil
}

// takePipeline looks for the Pipeline that an execution waits for. Where it is there, the execution is made its
// dependent, and pinned to it unless a stop came first. What the API server refuses is said in the status.
func (r *PipelineExecutionReconciler) takePipeline(ctx context.Context, e *v1alpha1.PipelineExecution, f *facts) error {
	if e.DeletionTimestamp != nil {
		return nil
	}
	p, err := r.livePipeline(ctx, e)
	if err != nil || p == nil {
		return err
	}
	err = r.own(ctx, p, e)
	if err == nil && len(f.in.Requests) == 0 {
		f.in.Revision, err = r.pin(ctx, p)
	}
	switch {
	case err == nil:
		f.in.Pipeline = &p.Spec
		return nil
	case len(f.in.Requests) > 0 && !apierrors.IsConflict(err):
		// A stop does not depend on who owns the execution.
		return nil
	case apierrors.IsForbidden(err) || apierrors.IsInvalid(err):
		f.held, f.in.Held = err, fmt.Sprintf("Trying again: %v", err)
		return nil
	default:
		return err
	}
}

// livePipeline returns the Pipeline of the execution as the API server has it, or nil. The cache may hold one that was
// deleted since; as an owner it would have the garbage collector delete the execution.
func (r *PipelineExecutionReconciler) livePipeline(ctx context.Context, e *v1alpha1.PipelineExecution) (*v1alpha1.Pipeline, error) {
	cached, err := holder(ctx, r.Client, e.Namespace, e.Spec.PipelineName)
	if err != nil || cached == nil {
		return nil, err
	}
	p := &v1alpha1.Pipeline{}
	if err := r.Live.Get(ctx, client.ObjectKeyFromObject(cached), p); err != nil {
		return nil, client.IgnoreNotFound(err)
	}
	if p.UID != cached.UID || p.DeletionTimestamp != nil {
		// The cache's next event brings the execution back.
		return nil, nil
	}
	return p, nil
}

// own makes the Pipeline an owner of the execution, so that deleting the one deletes the other.
func (r *PipelineExecutionReconciler) own(ctx context.Context, p *v1alpha1.Pipeline, e *v1alpha1.PipelineExecution) error {
	before := e.DeepCopy()
	if err := controllerutil.SetOwnerReference(p, e, r.Client.Scheme(), controllerutil.WithBlockOwnerDeletion(true)); err != nil {
		return fmt.Errorf("owning the execution: %w", err)
	}
	if slices.EqualFunc(before.OwnerReferences, e.OwnerReferences, func(a, b metav1.OwnerReference) bool { return a.UID == b.UID }) {
		e.OwnerReferences = before.OwnerReferences
		return nil
	}
	patch := client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
	if err := r.Client.Patch(ctx, e, patch, client.FieldOwner(action.FieldOwner)); err != nil {
		return fmt.Errorf("owning the execution: %w", err)
	}
	return nil
}

// templateProblem returns why an action of the pipeline could not be created, or nil. The whole pipeline is looked at
// before anything of it runs.
func templateProblem(p *v1alpha1.PipelineSpec) *plan.Problem {
	for _, s := range p.Stages {
		for _, a := range s.Actions {
			if _, err := action.Decode(&a); err != nil {
				return &plan.Problem{Reason: v1alpha1.ReasonInvalidJobTemplate, Message: fmt.Sprintf(
					"spec.stages[%q].actions[%q].%v; change the Pipeline, and start another execution.", s.Name, a.Name, err)}
			}
		}
	}
	return nil
}
