// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/cache"
	"k8s.io/client-go/util/flowcontrol"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/retention"
	"haltline.dev/haltline/controllers/verdict"
)

// +kubebuilder:rbac:groups=pipelines.haltline.dev,resources=pipelineexecutions;stoprequests,verbs=delete

// How fast finished objects are deleted.
const (
	// deletionsPerSecond is more than an operator with two processors starts executions, so that what is kept stays bounded however long the
	// load lasts. It is not more than that needs: the garbage collector takes two requests for each Job and each pod of an execution.
	deletionsPerSecond = 50
	// deletionPause is when it goes on after deletionBurst were deleted. Each time all finished executions of a pipeline are listed,
	// which can be many.
	deletionPause = 5 * time.Second
	// deletionBurst is what comes together in a pause. If it were less, the pauses would bound the deletions and not their rate.
	deletionBurst = deletionsPerSecond * int(deletionPause/time.Second)
	// maxDeletions is how many a reconciliation tries at most, and nextRound when the next one goes on. An API server can be so slow that
	// the rate bounds nothing: then it is the turn of another pipeline, and no reconciliation lasts until its time is over.
	maxDeletions = 2 * deletionBurst
	nextRound    = time.Millisecond
	// retentionDelay is when the finished executions of a pipeline are looked at after one has finished. None is deleted that early.
	retentionDelay = 10 * time.Second
	// refusalPause is when a deletion is tried again that the API server has refused. As many refusals are remembered as maxRefusals.
	refusalPause = 5 * time.Minute
	maxRefusals  = 10_000
)

// newDeletionLimiter returns what bounds deletions. Executions have one and requests another, so that neither delays the other.
func newDeletionLimiter(c clock.PassiveClock) flowcontrol.PassiveRateLimiter {
	return flowcontrol.NewTokenBucketPassiveRateLimiterWithClock(deletionsPerSecond, deletionBurst, c)
}

// RetentionReconciler deletes the finished executions of a pipeline that its history and their TTL do not keep. A request names a
// namespace and a pipelineName.
type RetentionReconciler struct {
	// Client reads from the cache, and deletes.
	Client client.Client
	// APIReader reads from the API server.
	APIReader client.Reader
	// Limiter bounds the deletions.
	Limiter flowcontrol.PassiveRateLimiter
	// Clock has the time that ages are measured by.
	Clock clock.PassiveClock
	// Refused has the uids of the executions that the API server has refused to delete a short time ago. See newRefusals.
	Refused *cache.LRUExpireCache
}

// newRefusals returns what remembers refusals.
func newRefusals(c clock.PassiveClock) *cache.LRUExpireCache {
	return cache.NewLRUExpireCacheWithClock(maxRefusals, c)
}

// MaxConcurrentReconciles is 1: the deletions are few.
func (r *RetentionReconciler) MaxConcurrentReconciles() int { return 1 }

// Reconcile deletes some of the executions that have expired, the oldest first, and comes back for the others.
func (r *RetentionReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	finished, err := r.listFinished(ctx, req.Namespace, req.Name)
	if err != nil {
		return ctrl.Result{}, err
	}
	pipeline, err := pipelineByName(ctx, r.Client, req.Namespace, req.Name)
	if err != nil {
		return ctrl.Result{}, err
	}
	expired, next := retention.Expired(finished, retention.LimitsOf(pipeline), r.Clock.Now())
	tried := 0
	for _, execution := range expired {
		isKept, err := r.isKept(ctx, execution)
		switch {
		case err != nil:
			return ctrl.Result{}, err
		case isKept:
			next = soonest(next, retention.MinAge)
			continue
		case tried == maxDeletions:
			return ctrl.Result{RequeueAfter: nextRound}, nil
		case !r.Limiter.TryAccept():
			return ctrl.Result{RequeueAfter: deletionPause}, nil
		}
		tried++
		retry, err := r.tryDelete(ctx, execution)
		if err != nil {
			return ctrl.Result{}, err
		}
		next = soonest(next, retry)
	}
	return ctrl.Result{RequeueAfter: next}, nil
}

// tryDelete deletes an execution, and returns when to try it again; 0 if it is gone. What the API server refuses, because of a policy
// of the cluster for example, must not keep the others. Without an answer it returns an error.
func (r *RetentionReconciler) tryDelete(ctx context.Context, execution *v1alpha1.PipelineExecution) (time.Duration, error) {
	if waits, err := r.isWaitedForLive(ctx, execution); err != nil || waits {
		return retention.MinAge, err
	}
	err := deleteFinished(ctx, r.Client, execution)
	switch {
	case err == nil:
		return 0, nil
	case apierrors.IsConflict(err):
		return retentionDelay, nil
	case !apierrors.IsForbidden(err) && !apierrors.IsInvalid(err):
		return 0, err
	}
	log.FromContext(ctx).Error(err, "the API server refuses to delete a finished execution", "execution", execution.Name, "again", refusalPause)
	r.Refused.Add(execution.UID, nil, refusalPause)
	return refusalPause, nil
}

// listFinished returns the finished executions of a pipeline, as the cache keeps them. They must not be changed.
func (r *RetentionReconciler) listFinished(ctx context.Context, namespace, pipelineName string) ([]*v1alpha1.PipelineExecution, error) {
	list := &v1alpha1.PipelineExecutionList{}
	err := r.Client.List(ctx, list, client.InNamespace(namespace), client.MatchingFields{indexFinishedOf: pipelineName}, client.UnsafeDisableDeepCopy)
	if err != nil {
		return nil, fmt.Errorf("listing the finished executions of pipeline %q: %w", pipelineName, err)
	}
	finished := make([]*v1alpha1.PipelineExecution, len(list.Items))
	for i := range list.Items {
		finished[i] = &list.Items[i]
	}
	return finished, nil
}

// isKept reports whether an execution is not deleted now: a stop request waits on it, or its deletion was refused a short time ago.
func (r *RetentionReconciler) isKept(ctx context.Context, execution *v1alpha1.PipelineExecution) (bool, error) {
	if _, wasRefused := r.Refused.Get(execution.UID); wasRefused {
		return true, nil
	}
	return r.isWaitedFor(ctx, execution)
}

// isWaitedFor reports whether a stop request or an approval result for an execution is not finished.
func (r *RetentionReconciler) isWaitedFor(ctx context.Context, execution *v1alpha1.PipelineExecution) (bool, error) {
	id := string(execution.UID)
	list := &v1alpha1.StopRequestList{}
	err := r.Client.List(ctx, list, client.InNamespace(execution.Namespace), client.MatchingFields{indexOpenStopRequests: id})
	if err != nil {
		return false, err
	}
	if len(list.Items) > 0 {
		return true, nil
	}
	results := &v1alpha1.ApprovalResultList{}
	err = r.Client.List(ctx, results, client.InNamespace(execution.Namespace), client.MatchingFields{indexOpenApprovalResults: id})
	return len(results.Items) > 0, err
}

// isWaitedForLive reports whether a request that an execution has accepted is there and not finished. It asks the API server: such a
// request learns how the stop ended from the execution, and a cache can lag. Any other request gets its verdict without the execution.
func (r *RetentionReconciler) isWaitedForLive(ctx context.Context, execution *v1alpha1.PipelineExecution) (bool, error) {
	if execution.Status.State != v1alpha1.ExecutionStopped {
		return false, nil
	}
	live := &v1alpha1.PipelineExecution{}
	if err := r.APIReader.Get(ctx, client.ObjectKeyFromObject(execution), live); err != nil || live.Status.Stop == nil {
		return false, client.IgnoreNotFound(err)
	}
	for _, accepted := range live.Status.Stop.Requests {
		sr := &v1alpha1.StopRequest{}
		err := r.APIReader.Get(ctx, client.ObjectKey{Namespace: live.Namespace, Name: accepted.Name}, sr)
		if client.IgnoreNotFound(err) != nil {
			return false, err
		}
		if err == nil && string(sr.UID) == accepted.UID && !verdict.IsFinished(sr.Status.Conditions) {
			return true, nil
		}
	}
	return false, nil
}

// deleteFinished deletes an object if it is still as the cache has it, and what it owns after it.
func deleteFinished(ctx context.Context, c client.Client, o client.Object) error {
	uid, version := o.GetUID(), o.GetResourceVersion()
	target := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Namespace: o.GetNamespace(), Name: o.GetName()}}
	kind := "StopRequest"
	switch o.(type) {
	case *v1alpha1.PipelineExecution:
		kind = "PipelineExecution"
	case *v1alpha1.ApprovalResult:
		kind = "ApprovalResult"
	}
	target.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(kind))
	err := c.Delete(ctx, target, client.Preconditions{UID: &uid, ResourceVersion: &version}, client.PropagationPolicy(metav1.DeletePropagationBackground))
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("deleting the finished %s %q: %w", kind, o.GetName(), err)
	}
	return nil
}

// soonest returns the shorter of two times to wait, of which 0 is none.
func soonest(a, b time.Duration) time.Duration {
	if a == 0 || b == 0 {
		return max(a, b)
	}
	return min(a, b)
}

// RequestRetentionReconciler deletes finished requests of a kind that have a TTL.
type RequestRetentionReconciler struct {
	// Kind is an empty StopRequest or ApprovalResult.
	Kind client.Object
	// Client reads from the cache, and deletes.
	Client client.Client
	// Limiter bounds the deletions.
	Limiter flowcontrol.PassiveRateLimiter
	// Clock has the time that ages are measured by.
	Clock clock.PassiveClock
}

// Reconcile deletes a request whose time has come.
func (r *RequestRetentionReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	o, ok := r.Kind.DeepCopyObject().(client.Object)
	if !ok {
		return ctrl.Result{}, fmt.Errorf("%T is no object", r.Kind)
	}
	if err := r.Client.Get(ctx, req.NamespacedName, o); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	ttl, conditions := lifetimeOf(o)
	switch after, ends := retention.RequestExpiresAfter(o, ttl, conditions, r.Clock.Now()); {
	case !ends:
		return ctrl.Result{}, nil
	case after > 0:
		return ctrl.Result{RequeueAfter: after}, nil
	case !r.Limiter.TryAccept():
		return ctrl.Result{RequeueAfter: deletionPause}, nil
	}
	return ignoreConflict(ctx, deleteFinished(ctx, r.Client, o))
}
