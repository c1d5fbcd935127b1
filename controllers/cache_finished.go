// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/verdict"
	"haltline.dev/haltline/internal/intern"
)

// Finished objects are most of what a cluster has of ours, and nothing is done with them any more. So the cache keeps of them only
// what finds them and what a verdict depends on.

// sharedStrings are those that many finished objects have: names of namespaces, pipelines and revisions, and states.
var sharedStrings intern.Table

// isExecutionAtRest reports whether nothing of an execution will be written again: it has ended, its status is its own, not that of
// the object which a restore copied, and has caught up with its generation. A deletion moves the generation, and is not followed.
func isExecutionAtRest(execution *v1alpha1.PipelineExecution) bool {
	status := &execution.Status
	return status.State.IsFinal() && status.PipelineExecutionID == string(execution.UID) &&
		(status.ObservedGeneration == execution.Generation || execution.DeletionTimestamp != nil)
}

// isRequestAtRest reports whether nothing of a request will be written again. See isExecutionAtRest.
func isRequestAtRest(o client.Object, observedGeneration int64, conditions []metav1.Condition) bool {
	return verdict.IsFinished(conditions) && (observedGeneration == o.GetGeneration() || o.GetDeletionTimestamp() != nil)
}

// stripExecutionAtRest leaves of an execution at rest its name and ids, its pipeline and its revision, and how and when it ended. The
// record of its stop is left out: a request without a verdict is answered after a live read.
func stripExecutionAtRest(execution *v1alpha1.PipelineExecution) {
	keep, isKept := execution.Annotations[v1alpha1.AnnotationKeep]
	stripMetadataAtRest(&execution.ObjectMeta)
	if isKept {
		execution.Annotations = map[string]string{v1alpha1.AnnotationKeep: keep[:0]}
	}
	shareTypeMeta(&execution.TypeMeta)
	execution.Spec.PipelineName = sharedStrings.Intern(execution.Spec.PipelineName)
	execution.Spec.Variables, execution.Spec.RetryOf, execution.Spec.StartedBy, execution.Spec.TimeoutSeconds = nil, nil, "", nil
	status := &execution.Status
	execution.Status = v1alpha1.PipelineExecutionStatus{
		ObservedGeneration: status.ObservedGeneration, Version: status.Version, PipelineExecutionID: string(execution.UID),
		State:            v1alpha1.ExecutionState(sharedStrings.Intern(string(status.State))),
		PipelineRevision: sharedStrings.Intern(status.PipelineRevision), CompletionTime: status.CompletionTime,
	}
}

// stripStopRequestAtRest leaves of a request at rest its name and ids, and how and when it ended.
func stripStopRequestAtRest(sr *v1alpha1.StopRequest) {
	stripMetadataAtRest(&sr.ObjectMeta)
	shareTypeMeta(&sr.TypeMeta)
	sr.Spec.PipelineName = sharedStrings.Intern(sr.Spec.PipelineName)
	sr.Spec.Reason, sr.Spec.RequestedBy, sr.Spec.EscalateAfterSeconds, sr.Spec.GracePeriodSeconds = "", "", nil, nil
	status := &sr.Status
	sr.Status = v1alpha1.StopRequestStatus{
		ObservedGeneration: status.ObservedGeneration, Version: status.Version, Conditions: keepFinished(status.Conditions),
	}
}

// stripApprovalResultAtRest leaves of a result at rest its name and ids, and how and when it ended.
func stripApprovalResultAtRest(ar *v1alpha1.ApprovalResult) {
	stripMetadataAtRest(&ar.ObjectMeta)
	shareTypeMeta(&ar.TypeMeta)
	ar.Spec.PipelineName = sharedStrings.Intern(ar.Spec.PipelineName)
	ar.Spec.StageName, ar.Spec.ActionName = sharedStrings.Intern(ar.Spec.StageName), sharedStrings.Intern(ar.Spec.ActionName)
	ar.Spec.Summary, ar.Spec.DecidedBy = "", ""
	status := &ar.Status
	ar.Status = v1alpha1.ApprovalResultStatus{
		ObservedGeneration: status.ObservedGeneration, Version: status.Version, Conditions: keepFinished(status.Conditions),
	}
}

// keepFinished returns the condition Finished without its message.
func keepFinished(conditions []metav1.Condition) []metav1.Condition {
	kept := make([]metav1.Condition, 0, 1)
	for _, c := range conditions {
		if c.Type == v1alpha1.ConditionFinished {
			kept = append(kept, metav1.Condition{
				Type: v1alpha1.ConditionFinished, Status: metav1.ConditionTrue, LastTransitionTime: c.LastTransitionTime,
				ObservedGeneration: c.ObservedGeneration, Reason: sharedStrings.Intern(c.Reason),
			})
		}
	}
	return kept
}

func stripMetadataAtRest(meta *metav1.ObjectMeta) {
	*meta = metav1.ObjectMeta{
		Name: meta.Name, Namespace: sharedStrings.Intern(meta.Namespace), UID: meta.UID, ResourceVersion: meta.ResourceVersion,
		Generation: meta.Generation, CreationTimestamp: meta.CreationTimestamp, DeletionTimestamp: meta.DeletionTimestamp,
	}
}

func shareTypeMeta(meta *metav1.TypeMeta) {
	meta.Kind, meta.APIVersion = sharedStrings.Intern(meta.Kind), sharedStrings.Intern(meta.APIVersion)
}

// isAtRest reports whether nothing of an object will be written again.
func isAtRest(o client.Object) bool {
	switch o := o.(type) {
	case *v1alpha1.PipelineExecution:
		return isExecutionAtRest(o)
	case *v1alpha1.StopRequest:
		return !o.IsRestoredCopy() && isRequestAtRest(o, o.Status.ObservedGeneration, o.Status.Conditions)
	case *v1alpha1.ApprovalResult:
		return !o.IsRestoredCopy() && isRequestAtRest(o, o.Status.ObservedGeneration, o.Status.Conditions)
	}
	return false
}

// unlessAtRest passes no event that leaves an object at rest: its reconciler would only see that there is nothing to do. A start of
// the operator would reconcile every object that has ever finished otherwise. One event can be the end of an object and the
// beginning of another under its name; it passes.
var unlessAtRest = predicate.Funcs{
	CreateFunc: func(e event.CreateEvent) bool { return !isAtRest(e.Object) },
	UpdateFunc: func(e event.UpdateEvent) bool {
		return !isAtRest(e.ObjectNew) || isReplacement(e)
	},
}
