// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

// Package action does what package plan asks for. A Provider does it for one kind of action, in a folder of its own; the
// Registry finds the provider of an action.
package action

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/plan"
)

// FieldOwner is the field manager of what the operator writes.
const FieldOwner = "haltline"

// Scope is an execution with what its operations need.
type Scope struct {
	Execution *v1alpha1.PipelineExecution
	// Variables of the execution, in the order of their declaration.
	Variables []v1alpha1.Variable
	// Explain asks for the reason why work goes on that a stop waits for. It costs a read for each such action.
	Explain bool
	// Now is the time that an explanation is about.
	Now metav1.Time
}

// Trial is an action whose start is tried and not carried out.
type Trial struct {
	// Namespace and PipelineName are those of the pipeline.
	Namespace, PipelineName string
	Key                     plan.ActionKey
	Definition              *v1alpha1.Action
	// Values are those that the definition may refer to; nil if there are none.
	Values plan.Values
	// Workspace is what the containers would mount; nil if they would mount nothing.
	Workspace *plan.Mount
}

// Refusal is why an action could not be started. It is empty if it could.
type Refusal struct {
	// Message has the words of the API server, and names the field if they do.
	Message string
	// CanPass is whether something else than a change of the definition can lift it, such as a change of a policy.
	CanPass bool
}

// Provider does the work of one kind of action. Every method can be called again with the same arguments; that does no
// harm. An observation without a phase means that nothing was learned. An error beside an observation means that the
// operation must be tried again.
type Provider interface {
	// WorkloadKind returns the kind of object that does the work.
	WorkloadKind() plan.WorkloadKind
	// Handles reports whether a definition is of this kind.
	Handles(definition *v1alpha1.Action) bool
	// Validate returns what is wrong with a definition as far as it alone shows that, with the path of the field within
	// the action; or nil.
	Validate(definition *v1alpha1.Action) error
	// TryStart asks the API server whether it would create the workload, and creates nothing. The error is one that can pass.
	TryStart(ctx context.Context, trial Trial) (Refusal, error)

	// Start creates the workload of an unconfirmed intent.
	Start(ctx context.Context, scope Scope, op plan.Operation) (plan.Observation, error)
	// Fence keeps the workload of an unconfirmed intent from ever being created, or observes that it was.
	Fence(ctx context.Context, scope Scope, op plan.Operation) (plan.Observation, error)
	// Observe looks how far the workload is.
	Observe(ctx context.Context, scope Scope, op plan.Operation) (plan.Observation, error)
	// Terminate ends the workload of an abandoned action, and observes whether nothing of it runs any more.
	Terminate(ctx context.Context, scope Scope, op plan.Operation) (plan.Observation, error)
	// Orphan lets the workload of an abandoned action go on outside the execution.
	Orphan(ctx context.Context, scope Scope, op plan.Operation) (plan.Observation, error)

	// FindRemainingWork returns what is not gone of an execution that was deleted. What an abandon left to go on outside the
	// execution does not count.
	FindRemainingWork(ctx context.Context, namespace, executionID string, now metav1.Time) (RemainingWork, error)
	// Watches returns the kinds whose events can change what Observe, Terminate or Orphan return.
	Watches() []Watch
}

// RemainingWork is what is not gone of an execution that was deleted. Each is a kind with a name, such as: Job "web-1".
type RemainingWork struct {
	// Ending is what ends without anybody's help.
	Ending []string
	// LeftRunning is what runs on without an owner, because somebody deleted the execution and left it.
	LeftRunning []string
}

// Watch is a kind of object that belongs to executions. Its objects have the label LabelExecutionID.
type Watch struct {
	// Object stands for the kind; for its metadata alone if it is a PartialObjectMetadata.
	Object client.Object
	// Cache is which objects the cache keeps, and what of them.
	Cache cache.ByObject
	// Predicates all have to let an event pass that brings an execution back.
	Predicates []predicate.Predicate
	// Follower is told of every object of the kind, whatever the predicates are; nil if nobody wants to know.
	Follower Follower
}

// Follower is told which objects the cache comes to know, and which it loses. It must not change them.
type Follower interface {
	// Appeared is called when an object is there. It may be called again.
	Appeared(ctx context.Context, o client.Object)
	// Vanished is called when an object is not there any more, with what was last known of it.
	Vanished(ctx context.Context, o client.Object)
}

// OnlyDeletes passes the events of objects that are gone.
var OnlyDeletes = predicate.Funcs{
	CreateFunc:  func(event.CreateEvent) bool { return false },
	UpdateFunc:  func(event.UpdateEvent) bool { return false },
	GenericFunc: func(event.GenericEvent) bool { return false },
	DeleteFunc:  func(event.DeleteEvent) bool { return true },
}

// SelectLabeled selects the objects that have a label, whatever its value. It panics if the label is not valid.
func SelectLabeled(label string) labels.Selector {
	requirement, err := labels.NewRequirement(label, selection.Exists, nil)
	if err != nil {
		panic(err)
	}
	return labels.NewSelector().Add(*requirement)
}
