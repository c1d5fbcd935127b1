// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/action"
	"haltline.dev/haltline/controllers/plan"
	"haltline.dev/haltline/controllers/revision"
	"haltline.dev/haltline/controllers/stop"
	"haltline.dev/haltline/controllers/workspace"
	"haltline.dev/haltline/internal/ownwrites"
)

// The verb delete of pods is for those of an abandoned action whose Job somebody deleted, and to shorten a grace period. Jobs are never deleted; where
// OwnerReferencesPermissionEnforcement is on, config/components/owner-references adds that verb.
// +kubebuilder:rbac:groups=pipelines.haltline.dev,resources=pipelineexecutions,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=pipelines.haltline.dev,resources=pipelineexecutions/status,verbs=patch
// +kubebuilder:rbac:groups=pipelines.haltline.dev,resources=pipelineexecutions/finalizers,verbs=update
// +kubebuilder:rbac:groups=batch,resources=jobs,verbs=get;list;watch;create;patch
// +kubebuilder:rbac:groups="",resources=pods,verbs=list;watch;delete
// +kubebuilder:rbac:groups="",resources=persistentvolumeclaims,verbs=get;create
// +kubebuilder:rbac:groups="",resources=events,verbs=list
// +kubebuilder:rbac:groups="",resources=nodes,verbs=get
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

// PipelineExecutionReconciler runs and stops executions. It alone writes them.
type PipelineExecutionReconciler struct {
	// Client reads from the cache, and writes.
	Client client.Client
	// APIReader reads from the API server.
	APIReader client.Reader
	// Registry does what the status asks for.
	Registry *action.Registry
	// Workspaces are the claims that executions share.
	Workspaces *workspace.Claims
	// Revisions pin what an execution runs.
	Revisions *revision.Store
	// Reporter reports what was written.
	Reporter *Reporter
	// Blocked remembers the stops that cannot be recorded.
	Blocked *blockedStops
	// Waiting are the stop requests that other work waits for.
	Waiting *waitingStops
	// Starts bounds how many executions that nobody stops are worked on at the same time.
	Starts *startSlots
	// Clock has the time that is recorded.
	Clock clock.PassiveClock
	// Nonce returns a text that nobody can foresee, for the names of workloads.
	Nonce func() string

	unknown *unknownLookups
	written ownwrites.Writes
}

// maxSteps bounds the status writes of one reconciliation. A healthy one needs three: the intent, its confirmation, and an
// end that came at once.
const maxSteps = 8

// lagCheckDelay is when an object is looked at again that was written since the cache showed it. Its own event comes before, unless it
// is lost.
const lagCheckDelay = time.Second

// Reconcile does what the status of an execution asks for, and writes what follows, until nothing new does.
func (r *PipelineExecutionReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	defer r.Starts.wakeNext(req.NamespacedName)
	execution := &v1alpha1.PipelineExecution{}
	if err := r.Client.Get(ctx, req.NamespacedName, execution); err != nil {
		r.Blocked.clear(req.NamespacedName)
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if r.written.IsAhead(execution.UID, execution.Status.Version, r.Clock.Now()) {
		return ctrl.Result{RequeueAfter: lagCheckDelay}, nil
	}
	if execution.IsRestoredCopy() {
		return ignoreConflict(ctx, r.writeStatus(ctx, execution, plan.NextOfRestoredCopy(execution, r.now())))
	}
	own := work{req, priorityOfExecution(execution)}
	if !execution.Status.State.IsFinal() && execution.Status.Stop == nil && !r.Waiting.isAskedFor(execution.UID) {
		if again, ok := r.Starts.enter(execution, own); !ok {
			return again, nil
		}
		defer r.Starts.leave()
		if r.Starts != nil {
			ctx = r.Waiting.yielding(ctx, execution.UID)
		}
	}
	return r.runSteps(ctx, execution, own)
}

// runSteps does what the status of an execution asks for, and writes what follows, until nothing new does.
func (r *PipelineExecutionReconciler) runSteps(ctx context.Context, execution *v1alpha1.PipelineExecution, own work) (ctrl.Result, error) {
	defer r.Waiting.see(execution.UID)
	for step := range maxSteps {
		if execution.Status.State.IsFinal() {
			return writeGeneration(ctx, r.Client, execution, &execution.Status.ObservedGeneration, execution.Status.Conditions)
		}
		if again, held := r.Waiting.hold(execution.UID, own); held {
			return again, nil
		}
		settled, err := r.runStep(ctx, execution, step == 0)
		if err != nil {
			return retryExpected(ctx, err, plan.RetryAfter(execution, r.now()))
		}
		if settled {
			return ctrl.Result{RequeueAfter: plan.RequeueAfter(&execution.Status, r.now())}, nil
		}
	}
	return ctrl.Result{}, errors.New("the execution did not settle")
}

// runStep does what the status asks for, and writes the status that follows. It reports whether that one asks for nothing
// new. In the first step the execution is as old as the cache.
func (r *PipelineExecutionReconciler) runStep(ctx context.Context, execution *v1alpha1.PipelineExecution, first bool) (settled bool, err error) {
	f, err := r.gather(ctx, execution, r.now())
	if err != nil {
		return false, err
	}
	if err := r.bindPipeline(ctx, execution, f); err != nil {
		// It is shown if it lasts.
		return false, action.PendingIfAnswer(err)
	}
	r.completeFacts(execution, f)
	operations := listOperations(execution, f.in.Definition)
	if stop.HasNew(&execution.Status, f.in.Requests) {
		operations = plan.BeforeRecording(operations, r.Blocked.find(client.ObjectKeyFromObject(execution)) != "")
	}
	if first && plan.HasStart(operations) {
		// Nothing is created because of the cache alone: it may be older than a stop.
		if current, err := r.isCurrent(ctx, execution); err != nil || !current {
			return true, err
		}
	}
	prepared, err := r.Workspaces.Prepare(ctx, execution, f.in.Definition, operations, r.now())
	f.in.WorkspaceUID, operations = prepared.UID, prepared.Operations
	observed, executeErr := r.executeOperations(ctx, f.scope, operations)
	f.in.Observed = prepared.Complete(observed)
	err = errors.Join(err, executeErr, r.Workspaces.Explain(ctx, execution, operations, f.in.Observed))
	err = errors.Join(action.Pending(f.pinErr), err)
	next := plan.Next(f.in)
	if equality.Semantic.DeepEqual(next, execution.Status) {
		r.noteTakenStops(execution, f.in.Requests)
		return true, err
	}
	if writeErr := r.writeStatus(ctx, execution, next); writeErr != nil {
		r.noteBlockedStop(ctx, execution, f.in.Requests, writeErr)
		return false, errors.Join(err, writeErr)
	}
	r.Blocked.clear(client.ObjectKeyFromObject(execution))
	r.noteTakenStops(execution, f.in.Requests)
	return !hasNewOperation(operations, listOperations(execution, f.in.Definition)), err
}

// noteTakenStops notes that these requests wait only for their verdict, once the state of the execution lets them have one.
func (r *PipelineExecutionReconciler) noteTakenStops(execution *v1alpha1.PipelineExecution, requests []v1alpha1.StopRequest) {
	if !plan.IsFencing(&execution.Status) {
		r.Waiting.accept(requests)
	}
}

// writeStatus writes the status and reports what changed.
func (r *PipelineExecutionReconciler) writeStatus(
	ctx context.Context, execution *v1alpha1.PipelineExecution, next v1alpha1.PipelineExecutionStatus,
) error {
	before := execution.Status
	next.Version = before.Version
	execution.Status = next
	transitions := plan.Transitions(&before, execution)
	if err := writeStatus(ctx, r.Client, execution); err != nil {
		return err
	}
	r.written.Note(execution.UID, execution.Status.Version, r.Clock.Now())
	r.Reporter.reportExecution(ctx, execution, transitions)
	return nil
}

// listOperations returns what the status of the execution asks for. Of one that is being deleted nothing more is started;
// what runs can still be stopped, since a finalizer of somebody else may keep it for long.
func listOperations(execution *v1alpha1.PipelineExecution, definition *v1alpha1.PipelineDefinition) []plan.Operation {
	return slices.DeleteFunc(plan.Operations(&execution.Status, definition), func(op plan.Operation) bool {
		return op.Type == plan.OperationStart && execution.DeletionTimestamp != nil
	})
}

// isCurrent reports whether the execution is as the API server has it. If it is not, its own event brings it back.
func (r *PipelineExecutionReconciler) isCurrent(ctx context.Context, execution *v1alpha1.PipelineExecution) (bool, error) {
	live, err := getLiveExecution(ctx, r.APIReader, execution)
	return live != nil && isSameState(live, execution), err
}

func (r *PipelineExecutionReconciler) executeOperations(
	ctx context.Context, scope action.Scope, operations []plan.Operation,
) (map[plan.ActionKey]plan.Observation, error) {
	observed := map[plan.ActionKey]plan.Observation{}
	var errs []error
	for _, op := range operations {
		o, err := r.Registry.Execute(ctx, scope, op)
		if o.Phase != 0 {
			observed[op.Key] = o
		}
		errs = append(errs, err)
	}
	return observed, errors.Join(errs...)
}

// hasNewOperation reports whether an operation must be done next that was not done just now. A workload that was just
// created is observed when its own events come.
func hasNewOperation(done, next []plan.Operation) bool {
	doneTypes := map[plan.ActionKey]plan.OperationType{}
	for _, op := range done {
		doneTypes[op.Key] = op.Type
	}
	return slices.ContainsFunc(next, func(op plan.Operation) bool {
		return op.Type != plan.OperationObserve && doneTypes[op.Key] != op.Type
	})
}

func (r *PipelineExecutionReconciler) now() metav1.Time {
	return metav1.NewTime(r.Clock.Now())
}
