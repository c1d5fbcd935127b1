// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/action"
	"haltline.dev/haltline/controllers/stop"
	"haltline.dev/haltline/controllers/verdict"
	"haltline.dev/haltline/internal/ownwrites"
)

// +kubebuilder:rbac:groups=pipelines.haltline.dev,resources=stoprequests,verbs=get;list;watch
// +kubebuilder:rbac:groups=pipelines.haltline.dev,resources=stoprequests/status,verbs=patch

// StopRequestReconciler answers stop requests. It alone writes them; the execution's reconciler accepts them.
type StopRequestReconciler struct {
	// Client reads from the cache, and writes.
	Client client.Client
	// Registry knows what an execution has left behind.
	Registry *action.Registry
	// Reporter reports what was written.
	Reporter *Reporter
	// Blocked remembers the stops that cannot be recorded.
	Blocked *blockedStops
	// Clock has the time that is recorded.
	Clock clock.PassiveClock

	// unknown looks for what the cache does not have.
	unknown *unknownLookups
	written ownwrites.Writes
}

// remainingWorkInterval is how often it is looked whether what a deleted execution ran is gone. No event shows that.
const remainingWorkInterval = time.Second

// Reconcile writes the verdict on a request, and how far its stop is.
func (r *StopRequestReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	sr := &v1alpha1.StopRequest{}
	if err := r.Client.Get(ctx, req.NamespacedName, sr); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if r.written.IsAhead(sr.UID, sr.Status.Version, r.Clock.Now()) {
		return ctrl.Result{RequeueAfter: lagCheckDelay}, nil
	}
	if sr.IsRestoredCopy() {
		return r.writeStatus(ctx, sr, "", stop.NextStatusOfRestoredCopy(sr))
	}
	if verdict.IsFinished(sr.Status.Conditions) {
		return writeGeneration(ctx, r.Client, sr, &sr.Status.ObservedGeneration, sr.Status.Conditions)
	}
	execution, err := r.findExecution(ctx, sr)
	if err != nil {
		return retryExpected(ctx, err, lookupRetryDelay)
	}
	if execution == nil && isAccepted(sr) {
		return r.concludeDeleted(ctx, sr)
	}
	v, err := r.decideVerdict(ctx, sr, execution)
	switch {
	case err != nil:
		return retryExpected(ctx, err, lookupRetryDelay)
	case !shouldWrite(sr, execution, v):
		return r.reportBlocked(ctx, sr, execution)
	}
	name := ""
	if execution != nil {
		name = execution.Name
	}
	return r.writeStatus(ctx, sr, name, stop.NextStatus(sr, execution, v, r.now()))
}

// reportBlocked writes on a request that the execution has not taken what keeps the stop from being recorded, if it is known.
func (r *StopRequestReconciler) reportBlocked(
	ctx context.Context, sr *v1alpha1.StopRequest, execution *v1alpha1.PipelineExecution,
) (ctrl.Result, error) {
	again := ctrl.Result{RequeueAfter: blockedCheckDelay}
	message := r.Blocked.find(client.ObjectKeyFromObject(execution))
	if message == "" {
		return again, nil
	}
	result, err := r.writeStatus(ctx, sr, execution.Name, stop.NextStatusOfBlocked(sr, message, r.now()))
	if err == nil && result.IsZero() {
		result = again
	}
	return result, err
}

// concludeDeleted writes how far an accepted request is whose execution is gone.
func (r *StopRequestReconciler) concludeDeleted(ctx context.Context, sr *v1alpha1.StopRequest) (ctrl.Result, error) {
	work, err := r.Registry.FindRemainingWork(ctx, sr.Namespace, sr.Spec.PipelineExecutionID, r.now())
	if err != nil {
		return ctrl.Result{}, err
	}
	result, err := r.writeStatus(ctx, sr, "", stop.NextStatusOfDeleted(sr, work.Ending, work.LeftRunning, r.now()))
	if len(work.Ending) > 0 && result.IsZero() {
		result.RequeueAfter = remainingWorkInterval
	}
	return result, err
}

// writeStatus writes the next status, if it is another one, and reports what changed.
func (r *StopRequestReconciler) writeStatus(
	ctx context.Context, sr *v1alpha1.StopRequest, executionName string, next v1alpha1.StopRequestStatus,
) (ctrl.Result, error) {
	if equality.Semantic.DeepEqual(next, sr.Status) {
		return ctrl.Result{}, nil
	}
	before := sr.Status
	sr.Status = next
	if err := writeStatus(ctx, r.Client, sr); err != nil {
		return ignoreConflict(ctx, err)
	}
	r.written.Note(sr.UID, sr.Status.Version, r.Clock.Now())
	r.Reporter.reportStopRequest(ctx, sr, executionName, verdict.Transitions(before.Conditions, next.Conditions, &sr.CreationTimestamp))
	return ctrl.Result{}, nil
}

// decideVerdict returns the verdict on a request that has none, or whose execution is there.
func (r *StopRequestReconciler) decideVerdict(
	ctx context.Context, sr *v1alpha1.StopRequest, execution *v1alpha1.PipelineExecution,
) (verdict.Verdict, error) {
	if execution != nil {
		return stop.Decide(execution, sr), nil
	}
	found, err := r.unknown.pipelineExists(ctx, sr.Namespace, sr.Spec.PipelineName)
	return stop.DecideNotFound(sr, found), err
}

// findExecution returns the execution that the request is to stop, or nil. A request is rejected only after a live read: a stop that the
// cache still shows may have ended before the request was made, and an execution may be gone.
func (r *StopRequestReconciler) findExecution(ctx context.Context, sr *v1alpha1.StopRequest) (*v1alpha1.PipelineExecution, error) {
	isRejection := func(e *v1alpha1.PipelineExecution) bool { return !isAccepted(sr) && stop.Decide(e, sr).IsRejection() }
	execution, err := r.unknown.lookUp(ctx, sr.Namespace, sr.Spec.PipelineExecutionID, isRejection)
	if err != nil || execution == nil || !stop.ConcernsExecution(sr, execution) {
		return nil, err
	}
	return execution, nil
}

// shouldWrite is false while the execution has not looked at the request yet: it will at once.
func shouldWrite(sr *v1alpha1.StopRequest, execution *v1alpha1.PipelineExecution, v verdict.Verdict) bool {
	return v.Decided || isAccepted(sr) || (execution != nil && stop.HasTaken(execution, sr))
}

func (r *StopRequestReconciler) now() metav1.Time {
	return metav1.NewTime(r.Clock.Now())
}

func isAccepted(sr *v1alpha1.StopRequest) bool {
	return verdict.IsAccepted(sr.Status.Conditions)
}
