// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/flowcontrol"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/action"
	"haltline.dev/haltline/controllers/workspace"
	"haltline.dev/haltline/internal/ownwrites"
	"haltline.dev/haltline/internal/text"
)

// +kubebuilder:rbac:groups=pipelines.haltline.dev,resources=pipelines,verbs=get;list;watch
// +kubebuilder:rbac:groups=pipelines.haltline.dev,resources=pipelines/status,verbs=patch

// PipelineReconciler shows whether a Pipeline can be run, and gives its stages to executions. It alone writes Pipelines, and only their
// status.
type PipelineReconciler struct {
	// Client reads from the cache, and writes.
	Client client.Client
	// APIReader reads from the API server.
	APIReader client.Reader
	// Registry knows whether an action could be started.
	Registry *action.Registry
	// Workspaces try the claims of Pipelines.
	Workspaces *workspace.Claims
	// Limiter bounds the dry runs of all Pipelines.
	Limiter flowcontrol.RateLimiter
	// Clock has the time that is recorded.
	Clock clock.PassiveClock

	// progresses are how far the checks are that have not ended well.
	progresses checkProgresses
	written    ownwrites.Writes
}

// Reconcile writes whether a Pipeline can be run, and who has each of its stages.
func (r *PipelineReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	pipeline := &v1alpha1.Pipeline{}
	err := r.Client.Get(ctx, req.NamespacedName, pipeline)
	if apierrors.IsNotFound(err) || err == nil && pipeline.DeletionTimestamp != nil {
		r.progresses.forget(req.NamespacedName)
		return ctrl.Result{}, nil
	}
	if err != nil {
		return ignoreConflict(ctx, err)
	}
	if r.written.IsAhead(pipeline.UID, pipeline.Status.Version, r.Clock.Now()) {
		return ctrl.Result{RequeueAfter: lagCheckDelay}, nil
	}
	checked, checkErr := r.check(ctx, pipeline)
	now := metav1.NewTime(r.Clock.Now())
	next := *pipeline.Status.DeepCopy()
	if checkErr == nil {
		next = nextPipelineStatus(pipeline, checked, now)
	}
	// The stages do not wait for a check that the API server keeps.
	again, err := r.setStages(ctx, pipeline, &next, now)
	if err == nil {
		err = r.writeNext(ctx, pipeline, next)
	}
	if err = errors.Join(checkErr, err); err != nil {
		return ignoreConflict(ctx, err)
	}
	return ctrl.Result{RequeueAfter: soonest(checked.retryAfter, again)}, nil
}

// writeNext writes a status if it is another one.
func (r *PipelineReconciler) writeNext(ctx context.Context, pipeline *v1alpha1.Pipeline, next v1alpha1.PipelineStatus) error {
	if equality.Semantic.DeepEqual(next, pipeline.Status) {
		return nil
	}
	pipeline.Status = next
	err := writeStatus(ctx, r.Client, pipeline)
	if err == nil {
		r.written.Note(pipeline.UID, pipeline.Status.Version, r.Clock.Now())
	}
	return err
}

// MaxConcurrentReconciles is how many Pipelines are worked on at the same time.
func (r *PipelineReconciler) MaxConcurrentReconciles() int { return maxChecks }

// nextPipelineStatus returns the status of a Pipeline of which something is known.
func nextPipelineStatus(pipeline *v1alpha1.Pipeline, checked checkResult, now metav1.Time) v1alpha1.PipelineStatus {
	status := *pipeline.Status.DeepCopy()
	status.ObservedGeneration = pipeline.Generation
	status.PipelineName = pipeline.EffectiveName()
	status.CheckedDefinition = checked.definition
	set := func(name string, value metav1.ConditionStatus, reason, message string) {
		meta.SetStatusCondition(&status.Conditions, metav1.Condition{
			Type: name, Status: value, Reason: reason, Message: text.BoundMessage(message),
			ObservedGeneration: pipeline.Generation, LastTransitionTime: now,
		})
	}
	for _, name := range outdatedConditions(checked) {
		meta.RemoveStatusCondition(&status.Conditions, name)
	}
	switch problem := checked.problem; {
	case problem == nil && checked.warnings != "":
		set(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonValid,
			"The pipeline can be run. The API server warns about its Jobs; the condition Warnings has its words.")
	case problem == nil:
		set(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonValid, "The pipeline can be run.")
	case checked.isPending:
		set(v1alpha1.ConditionReady, metav1.ConditionUnknown, problem.Reason, problem.Message)
		set(v1alpha1.ConditionReconciling, metav1.ConditionTrue, problem.Reason, problem.Message)
	default:
		set(v1alpha1.ConditionReady, metav1.ConditionFalse, problem.Reason, problem.Message)
		set(v1alpha1.ConditionStalled, metav1.ConditionTrue, problem.Reason, problem.Message)
	}
	if checked.warnings != "" {
		set(v1alpha1.ConditionWarnings, metav1.ConditionTrue, v1alpha1.ReasonJobWarnings, checked.warnings)
	}
	return status
}

// outdatedConditions returns which conditions are not there, since each is there only while it is True.
func outdatedConditions(checked checkResult) []string {
	var outdated []string
	if !checked.isPending {
		outdated = append(outdated, v1alpha1.ConditionReconciling)
	}
	if checked.problem == nil || checked.isPending {
		outdated = append(outdated, v1alpha1.ConditionStalled)
	}
	if checked.warnings == "" {
		outdated = append(outdated, v1alpha1.ConditionWarnings)
	}
	return outdated
}
