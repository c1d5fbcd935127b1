// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package action

import (
	"context"
	"errors"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/plan"
)

// errNothingToRun is returned if no provider handles a definition.
var errNothingToRun = errors.New("job: Required value: an action must have a job or an approval")

// Registry finds the provider of an action.
type Registry struct {
	providers []Provider
}

// NewRegistry returns a registry of these providers. No two of them may handle the same definition or have the same
// kind of workload.
func NewRegistry(providers ...Provider) *Registry {
	return &Registry{providers: providers}
}

// Validate returns what is wrong with a definition as far as it alone shows that, or nil. An approval has no provider, since it runs
// nothing, and its schema checks all of it.
func (r *Registry) Validate(definition *v1alpha1.Action) error {
	if isApproval(definition) {
		return nil
	}
	p := r.findByDefinition(definition)
	if p == nil {
		return errNothingToRun
	}
	return p.Validate(definition)
}

// TryStart asks the provider of an action whether it could be started. See Provider.
func (r *Registry) TryStart(ctx context.Context, trial Trial) (Refusal, error) {
	if isApproval(trial.Definition) {
		return Refusal{}, nil
	}
	p := r.findByDefinition(trial.Definition)
	if p == nil {
		return Refusal{Message: errNothingToRun.Error()}, nil
	}
	return p.TryStart(ctx, trial)
}

func isApproval(definition *v1alpha1.Action) bool {
	return definition.Approval != nil && definition.Job == nil
}

// WorkloadKinds returns the kinds of object that do the work of the actions of a definition.
func (r *Registry) WorkloadKinds(definition *v1alpha1.PipelineDefinition) map[plan.ActionKey]plan.WorkloadKind {
	kinds := map[plan.ActionKey]plan.WorkloadKind{}
	for key, a := range plan.DefinedActions(definition) {
		if p := r.findByDefinition(a); p != nil {
			kinds[key] = p.WorkloadKind()
		}
	}
	return kinds
}

// Execute does an operation and returns what was seen. See Provider.
func (r *Registry) Execute(ctx context.Context, scope Scope, op plan.Operation) (plan.Observation, error) {
	p := r.findByWorkload(op.Workload)
	if p == nil {
		return plan.Observation{}, fmt.Errorf("action %q of stage %q: no provider for a workload of kind %q of %q",
			op.Key.Action, op.Key.Stage, op.Workload.Kind, op.Workload.APIVersion)
	}
	switch op.Type {
	case plan.OperationStart:
		return p.Start(ctx, scope, op)
	case plan.OperationFence:
		return p.Fence(ctx, scope, op)
	case plan.OperationObserve:
		return p.Observe(ctx, scope, op)
	case plan.OperationTerminate:
		return p.Terminate(ctx, scope, op)
	case plan.OperationOrphan:
		return p.Orphan(ctx, scope, op)
	}
	return plan.Observation{}, fmt.Errorf("no such operation: %d", op.Type)
}

// FindRemainingWork returns what is not gone of an execution that was deleted. See Provider.
func (r *Registry) FindRemainingWork(ctx context.Context, namespace, executionID string, now metav1.Time) (RemainingWork, error) {
	var all RemainingWork
	for _, p := range r.providers {
		work, err := p.FindRemainingWork(ctx, namespace, executionID, now)
		if err != nil {
			return RemainingWork{}, err
		}
		all.Ending = append(all.Ending, work.Ending...)
		all.LeftRunning = append(all.LeftRunning, work.LeftRunning...)
	}
	return all, nil
}

// Watches returns what the providers watch.
func (r *Registry) Watches() []Watch {
	var all []Watch
	for _, p := range r.providers {
		all = append(all, p.Watches()...)
	}
	return all
}

func (r *Registry) findByDefinition(definition *v1alpha1.Action) Provider {
	for _, p := range r.providers {
		if p.Handles(definition) {
			return p
		}
	}
	return nil
}

func (r *Registry) findByWorkload(workload v1alpha1.WorkloadReference) Provider {
	for _, p := range r.providers {
		if p.WorkloadKind() == (plan.WorkloadKind{APIVersion: workload.APIVersion, Kind: workload.Kind}) {
			return p
		}
	}
	return nil
}
