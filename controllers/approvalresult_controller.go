// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/approve"
	"haltline.dev/haltline/controllers/verdict"
	"haltline.dev/haltline/internal/ownwrites"
)

// +kubebuilder:rbac:groups=pipelines.haltline.dev,resources=approvalresults,verbs=get;list;watch;delete
// +kubebuilder:rbac:groups=pipelines.haltline.dev,resources=approvalresults/status,verbs=patch

// ApprovalResultReconciler answers approval results. It alone writes them; the execution's reconciler accepts them.
type ApprovalResultReconciler struct {
	// Client reads from the cache, and writes.
	Client client.Client
	// Reporter reports what was written.
	Reporter *Reporter
	// Clock has the time that is recorded.
	Clock clock.PassiveClock

	// unknown looks for what the cache does not have.
	unknown *unknownLookups
	written ownwrites.Writes
}

// Reconcile submits a result to its execution if that waits for one, and writes the verdict on it.
func (r *ApprovalResultReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	ar := &v1alpha1.ApprovalResult{}
	if err := r.Client.Get(ctx, req.NamespacedName, ar); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if r.written.IsAhead(ar.UID, ar.Status.Version, r.Clock.Now()) {
		return ctrl.Result{RequeueAfter: lagCheckDelay}, nil
	}
	if verdict.IsFinished(ar.Status.Conditions) {
		return r.writeGeneration(ctx, ar)
	}
	execution, err := r.findExecution(ctx, ar)
	if err != nil {
		return retryExpected(ctx, err, lookupRetryDelay)
	}
	v, err := r.decideVerdict(ctx, ar, execution)
	switch {
	case err != nil:
		return retryExpected(ctx, err, lookupRetryDelay)
	case !v.Decided && !approve.IsWaitedFor(execution, ar):
		// It is a copy of another execution, which fails soon.
		return ctrl.Result{RequeueAfter: blockedCheckDelay}, nil
	}
	name := ""
	if execution != nil {
		name = execution.Name
	}
	return r.writeStatus(ctx, ar, name, approve.NextStatus(ar, v, metav1.NewTime(r.Clock.Now())))
}

// decideVerdict returns the verdict on a result.
func (r *ApprovalResultReconciler) decideVerdict(
	ctx context.Context, ar *v1alpha1.ApprovalResult, execution *v1alpha1.PipelineExecution,
) (verdict.Verdict, error) {
	if execution != nil {
		return approve.Decide(execution, ar), nil
	}
	found, err := r.unknown.pipelineExists(ctx, ar.Namespace, ar.Spec.PipelineName)
	return approve.DecideNotFound(ar, found), err
}

// findExecution returns the execution that the result is for, or nil. A result is rejected only after a live read: the action may have
// started since, or have been decided by this very result.
func (r *ApprovalResultReconciler) findExecution(ctx context.Context, ar *v1alpha1.ApprovalResult) (*v1alpha1.PipelineExecution, error) {
	execution, err := executionByID(ctx, r.Client, ar.Namespace, ar.Spec.PipelineExecutionID)
	switch {
	case err != nil:
	case execution == nil:
		execution, err = r.unknown.findExecution(ctx, ar.Namespace, ar.Spec.PipelineExecutionID)
	case approve.Decide(execution, ar).IsRejection():
		execution, err = r.unknown.rereadExecution(ctx, execution)
	}
	if err != nil {
		return nil, fmt.Errorf("looking up execution %s: %w", ar.Spec.PipelineExecutionID, err)
	}
	if execution == nil || !approve.ConcernsExecution(ar, execution) {
		return nil, nil
	}
	return execution, nil
}

// writeStatus writes the next status, if it is another one, and reports what changed.
func (r *ApprovalResultReconciler) writeStatus(
	ctx context.Context, ar *v1alpha1.ApprovalResult, executionName string, next v1alpha1.ApprovalResultStatus,
) (ctrl.Result, error) {
	if equality.Semantic.DeepEqual(next, ar.Status) {
		return ctrl.Result{}, nil
	}
	before := ar.Status
	ar.Status = next
	if err := writeStatus(ctx, r.Client, ar); err != nil {
		return ignoreConflict(ctx, err)
	}
	r.written.Note(ar.UID, ar.Status.Version, r.Clock.Now())
	r.Reporter.reportApprovalResult(ctx, ar, executionName, verdict.Transitions(before.Conditions, next.Conditions, &ar.CreationTimestamp))
	return ctrl.Result{}, nil
}

// writeGeneration makes the status of a result that is finished catch up with its generation, unless it is being deleted.
func (r *ApprovalResultReconciler) writeGeneration(ctx context.Context, ar *v1alpha1.ApprovalResult) (ctrl.Result, error) {
	status := &ar.Status
	if ar.DeletionTimestamp != nil || !observeGeneration(&status.ObservedGeneration, status.Conditions, ar.Generation) {
		return ctrl.Result{}, nil
	}
	return ignoreConflict(ctx, writeStatus(ctx, r.Client, ar))
}
