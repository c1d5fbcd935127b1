// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/action"
	"haltline.dev/haltline/controllers/stop"
)

// +kubebuilder:rbac:groups=pipelines.haltline.dev,resources=stoprequests,verbs=get;list;watch
// +kubebuilder:rbac:groups=pipelines.haltline.dev,resources=stoprequests/status,verbs=update

// StopRequestReconciler answers stop requests. It alone writes them; the execution's reconciler accepts them.
type StopRequestReconciler struct {
	// Client reads from the cache, and writes.
	Client client.Client
	// Live reads from the API server.
	Live client.Reader
	// Runner knows what an execution has left behind.
	Runner *action.Runner
	// Recorder tells of what was written.
	Recorder events.EventRecorder
	// Clock tells the time that is recorded.
	Clock clock.PassiveClock
}

// remainsDelay is how often it is looked whether what a deleted execution ran is gone. No event tells of that.
const remainsDelay = time.Second

// Reconcile writes the verdict on a request, and how far its stop is.
func (r *StopRequestReconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	s := &v1alpha1.StopRequest{}
	if err := r.Client.Get(ctx, request.NamespacedName, s); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if stop.Concluded(s) {
		return ctrl.Result{}, nil
	}
	e, err := r.execution(ctx, s)
	if err != nil {
		return ctrl.Result{}, err
	}
	if e == nil && isAccepted(s) {
		if remains, err := r.Runner.Remains(ctx, s.Namespace, s.Spec.PipelineExecutionID); err != nil || remains {
			return ctrl.Result{RequeueAfter: remainsDelay}, err
		}
	}
	verdict, err := r.verdict(ctx, s, e)
	if err != nil || !worthWriting(s, e, verdict) {
		return ctrl.Result{}, err
	}
	next := stop.Status(s, e, verdict, metav1.NewTime(r.Clock.Now()))
	if equality.Semantic.DeepEqual(next, s.Status) {
		return ctrl.Result{}, nil
	}
	before := s.DeepCopy()
	s.Status = next
	if err := r.Client.Status().Update(ctx, s, client.FieldOwner(action.FieldOwner)); err != nil {
		return unlessOutdated(ctx, fmt.Errorf("writing the status: %w", err))
	}
	r.tell(before, s)
	return ctrl.Result{}, nil
}

// tell tells of a verdict, and of the end of a stop, when they were written.
func (r *StopRequestReconciler) tell(before, after *v1alpha1.StopRequest) {
	for _, t := range []string{v1alpha1.ConditionAccepted, v1alpha1.ConditionStopped} {
		c := meta.FindStatusCondition(after.Status.Conditions, t)
		if c == nil || meta.FindStatusCondition(before.Status.Conditions, t) != nil {
			continue
		}
		eventType := corev1.EventTypeNormal
		if c.Status == metav1.ConditionFalse {
			eventType = corev1.EventTypeWarning
		}
		r.Recorder.Eventf(after, nil, eventType, c.Reason, "Stop", "%s", v1alpha1.BoundNote(c.Message))
	}
}

// worthWriting is false while the execution has not looked at the request yet: it will at once.
func worthWriting(s *v1alpha1.StopRequest, e *v1alpha1.PipelineExecution, v stop.Verdict) bool {
	return v.Decided || isAccepted(s) || (e != nil && e.Status.Stop != nil)
}

func isAccepted(s *v1alpha1.StopRequest) bool {
	return meta.IsStatusConditionTrue(s.Status.Conditions, v1alpha1.ConditionAccepted)
}

func (r *StopRequestReconciler) verdict(ctx context.Context, s *v1alpha1.StopRequest, e *v1alpha1.PipelineExecution) (stop.Verdict, error) {
	if e != nil {
		return stop.Decide(e, s), nil
	}
	if isAccepted(s) {
		return stop.Verdict{}, nil
	}
	found, err := r.pipelineExists(ctx, s)
	return stop.NotFound(s, found), err
}

// execution returns the execution that the request is to stop, or nil. The cache may lag behind, so what it does not
// have is looked for live, and a rejection is said on the word of the API server alone: a stop that the cache still shows
// may have ended before the request was made, and an execution may be gone.
func (r *StopRequestReconciler) execution(ctx context.Context, s *v1alpha1.StopRequest) (*v1alpha1.PipelineExecution, error) {
	e, err := executionByID(ctx, r.Client, s.Namespace, s.Spec.PipelineExecutionID)
	switch {
	case err != nil:
	case e == nil:
		e, err = r.liveExecution(ctx, s)
	case rejects(stop.Decide(e, s)):
		e, err = r.current(ctx, e)
	}
	if err != nil {
		return nil, fmt.Errorf("looking up execution %s: %w", s.Spec.PipelineExecutionID, err)
	}
	if e == nil || !stop.Concerns(s, e) {
		return nil, nil
	}
	return e, nil
}

func rejects(v stop.Verdict) bool { return v.Decided && !v.Accepted }

// pageSize bounds what one live list brings.
const pageSize = 500

// liveExecution looks through the names and ids of the namespace's executions on the API server.
func (r *StopRequestReconciler) liveExecution(ctx context.Context, s *v1alpha1.StopRequest) (*v1alpha1.PipelineExecution, error) {
	page := &metav1.PartialObjectMetadataList{}
	page.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("PipelineExecutionList"))
	for {
		err := r.Live.List(ctx, page, client.InNamespace(s.Namespace), client.Limit(pageSize), client.Continue(page.Continue))
		if err != nil {
			return nil, err
		}
		for _, m := range page.Items {
			if string(m.UID) != s.Spec.PipelineExecutionID {
				continue
			}
			return r.current(ctx, &m)
		}
		if page.Continue == "" {
			return nil, nil
		}
	}
}

// current returns an execution as it is on the API server, or nil where it is gone.
func (r *StopRequestReconciler) current(ctx context.Context, of client.Object) (*v1alpha1.PipelineExecution, error) {
	e := &v1alpha1.PipelineExecution{}
	if err := r.Live.Get(ctx, client.ObjectKeyFromObject(of), e); err != nil || e.UID != of.GetUID() {
		return nil, client.IgnoreNotFound(err)
	}
	return e, nil
}

// pipelineExists reports whether the namespace has a Pipeline of the request's pipelineName, by live reads: of the one that
// the cache has, and else of all.
func (r *StopRequestReconciler) pipelineExists(ctx context.Context, s *v1alpha1.StopRequest) (bool, error) {
	known, err := holder(ctx, r.Client, s.Namespace, s.Spec.PipelineName)
	if err != nil {
		return false, err
	}
	if known != nil {
		p := &v1alpha1.Pipeline{}
		err := r.Live.Get(ctx, client.ObjectKeyFromObject(known), p)
		if client.IgnoreNotFound(err) != nil {
			return false, fmt.Errorf("looking up Pipeline %q: %w", known.Name, err)
		}
		if err == nil && isHolder(p, s.Spec.PipelineName) {
			return true, nil
		}
	}
	return r.listsPipeline(ctx, s)
}

// listsPipeline looks for a Pipeline of the request's pipelineName among all of its namespace on the API server.
func (r *StopRequestReconciler) listsPipeline(ctx context.Context, s *v1alpha1.StopRequest) (bool, error) {
	list := &v1alpha1.PipelineList{}
	for {
		err := r.Live.List(ctx, list, client.InNamespace(s.Namespace), client.Limit(pageSize), client.Continue(list.Continue))
		if err != nil {
			return false, fmt.Errorf("listing pipelines: %w", err)
		}
		if slices.ContainsFunc(list.Items, func(p v1alpha1.Pipeline) bool { return isHolder(&p, s.Spec.PipelineName) }) {
			return true, nil
		}
		if list.Continue == "" {
			return false, nil
		}
	}
}

func isHolder(p *v1alpha1.Pipeline, pipelineName string) bool {
	return p.EffectiveName() == pipelineName && p.DeletionTimestamp == nil
}
