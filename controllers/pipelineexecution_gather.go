// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/action"
	"haltline.dev/haltline/controllers/plan"
	"haltline.dev/haltline/controllers/retry"
	"haltline.dev/haltline/controllers/stop"
	"haltline.dev/haltline/controllers/workspace"
)

// facts are what a step of an execution depends on, except what is observed of its actions.
type facts struct {
	in    plan.Input
	scope action.Scope
	// pipeline is the live Pipeline that the execution can be bound to; nil if it is bound, or if there is none.
	pipeline *v1alpha1.Pipeline
	// pinErr is the error that keeps the definition from being pinned; the step goes on, and is tried again.
	pinErr error
}

// gather reads what a step depends on.
func (r *PipelineExecutionReconciler) gather(
	ctx context.Context, execution *v1alpha1.PipelineExecution, now metav1.Time,
) (*facts, error) {
	f := &facts{
		in:    plan.Input{Execution: execution, Nonce: r.Nonce(), Now: now},
		scope: action.Scope{Execution: execution, Now: now, Explain: plan.IsOverdue(&execution.Status, now)},
	}
	var err error
	if f.in.Requests, err = r.listStopRequests(ctx, execution); err != nil {
		return nil, err
	}
	if f.in.Results, err = r.listApprovalResults(ctx, execution); err != nil {
		return nil, err
	}
	switch {
	case execution.Status.PipelineRevision != "":
		err = r.gatherDefinition(ctx, execution, &f.in)
	case execution.DeletionTimestamp == nil:
		f.pipeline, err = livePipelineByName(ctx, r.Client, r.APIReader, execution.Namespace, execution.Spec.PipelineName)
	}
	return f, err
}

// gatherDefinition reads what the execution has pinned, and the Pipeline if a stage of that is to be entered.
func (r *PipelineExecutionReconciler) gatherDefinition(ctx context.Context, execution *v1alpha1.PipelineExecution, in *plan.Input) (err error) {
	in.Definition, err = r.Revisions.Load(ctx, execution.Namespace, execution.Status.PipelineRevision)
	if err == nil && plan.MayEnterStage(&execution.Status) {
		in.Pipeline, err = pipelineByName(ctx, r.Client, execution.Namespace, execution.Spec.PipelineName)
	}
	return err
}

// listStopRequests returns the stop requests for the execution that are not finished.
func (r *PipelineExecutionReconciler) listStopRequests(ctx context.Context, execution *v1alpha1.PipelineExecution) ([]v1alpha1.StopRequest, error) {
	list := &v1alpha1.StopRequestList{}
	err := r.Client.List(ctx, list, client.InNamespace(execution.Namespace), client.MatchingFields{indexOpenStopRequests: string(execution.UID)})
	if err != nil {
		return nil, fmt.Errorf("listing stop requests: %w", err)
	}
	return slices.DeleteFunc(list.Items, func(sr v1alpha1.StopRequest) bool { return !stop.ConcernsExecution(&sr, execution) }), nil
}

// completeFacts derives from the definition what else a step depends on.
func (r *PipelineExecutionReconciler) completeFacts(execution *v1alpha1.PipelineExecution, f *facts) {
	if f.in.Definition == nil {
		return
	}
	variablesOf := execution
	if f.in.Original != nil {
		variablesOf = f.in.Original
	}
	f.in.WorkloadKinds = r.Registry.WorkloadKinds(f.in.Definition)
	f.scope.Variables, f.in.Problem = plan.ResolveVariables(f.in.Definition.Variables, retry.Variables(variablesOf))
	if f.in.Problem == nil && execution.Status.StartTime == nil {
		if f.in.Problem = findDefinitionProblem(r.Registry, f.in.Definition); f.in.Problem == nil {
			f.in.Problem = findReferenceProblem(r.Registry, f.in.Definition, f.scope.Variables)
		}
	}
}

// findDefinitionProblem returns why an action of the definition could not be started, or nil. All of it is looked at
// before anything of it runs.
func findDefinitionProblem(registry *action.Registry, definition *v1alpha1.PipelineDefinition) *plan.Problem {
	if problem := findSizeProblem(definition); problem != nil {
		return problem
	}
	if problem := workspace.FindProblem(definition.Workspace); problem != nil {
		return problem
	}
	for key, a := range plan.DefinedActions(definition) {
		if err := registry.Validate(a); err != nil {
			return &plan.Problem{Reason: v1alpha1.ReasonInvalidJobTemplate, Message: fmt.Sprintf(
				"spec.stages[%q].actions[%q].%v; change the Pipeline, and start another execution.", key.Stage, key.Action, err)}
		}
	}
	return nil
}
