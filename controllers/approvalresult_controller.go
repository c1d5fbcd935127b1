// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"

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
	if ar.IsRestoredCopy() {
		return r.writeStatus(ctx, ar, "", approve.NextStatusOfRestoredCopy(ar))
	}
	if verdict.IsFinished(ar.Status.Conditions) {
		return writeGeneration(ctx, r.Client, ar, &ar.Status.ObservedGeneration, ar.Status.Conditions)
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
	isRejection := func(e *v1alpha1.PipelineExecution) bool { return approve.Decide(e, ar).IsRejection() }
	execution, err := r.unknown.lookUp(ctx, ar.Namespace, ar.Spec.PipelineExecutionID, isRejection)
	if err != nil || execution == nil || !approve.ConcernsExecution(ar, execution) {
		return nil, err
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
