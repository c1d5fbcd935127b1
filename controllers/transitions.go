// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/metrics"
	"haltline.dev/haltline/controllers/transition"
	"haltline.dev/haltline/internal/text"
)

// Reporter reports transitions after they were written: each as a log line and a metric, a few as an event.
type Reporter struct {
	// Recorder records events.
	Recorder events.EventRecorder
	// Metrics count and measure.
	Metrics *metrics.Metrics
	// Clock has the time up to which durations are measured.
	Clock clock.PassiveClock
}

type eventKind struct {
	eventType, action string
}

// eventOf lists the transitions that are events. See isEvent for one that not always is.
var eventOf = map[transition.Type]eventKind{
	transition.Started:            {corev1.EventTypeNormal, "Start"},
	transition.WaitingForPipeline: {corev1.EventTypeNormal, "Start"},
	transition.TransitionDisabled: {corev1.EventTypeNormal, "Start"},
	transition.Superseded:         {corev1.EventTypeNormal, "Run"},
	transition.StartBlocked:       {corev1.EventTypeWarning, "Start"},
	transition.ActionWaiting:      {corev1.EventTypeWarning, "Run"},
	transition.WaitingForApproval: {corev1.EventTypeNormal, "Approve"},
	transition.ActionApproved:     {corev1.EventTypeNormal, "Approve"},
	transition.ActionFailed:       {corev1.EventTypeWarning, "Run"},
	transition.Succeeded:          {corev1.EventTypeNormal, "Run"},
	transition.Failed:             {corev1.EventTypeWarning, "Run"},
	transition.StopBlocked:        {corev1.EventTypeWarning, "Stop"},
	transition.Stopping:           {corev1.EventTypeNormal, "Stop"},
	transition.Escalated:          {corev1.EventTypeNormal, "Stop"},
	transition.StopInGracePeriod:  {corev1.EventTypeNormal, "Stop"},
	transition.StopWaiting:        {corev1.EventTypeWarning, "Stop"},
	transition.Stopped:            {corev1.EventTypeNormal, "Stop"},
	transition.Rejected:           {corev1.EventTypeWarning, "Stop"},
}

// reportExecution reports what happened to an execution.
func (r *Reporter) reportExecution(ctx context.Context, execution *v1alpha1.PipelineExecution, transitions []transition.Transition) {
	logger := log.FromContext(ctx).WithValues("pipelineExecutionId", execution.UID, "execution", execution.Name)
	r.report(log.IntoContext(ctx, logger), execution, "PipelineExecution", transitions)
}

// reportStopRequest reports what happened to a stop request. The execution is the name of the one that it names, if there is one.
func (r *Reporter) reportStopRequest(ctx context.Context, sr *v1alpha1.StopRequest, execution string, transitions []transition.Transition) {
	for i := range transitions {
		transitions[i].Mode = sr.Mode()
	}
	logger := log.FromContext(ctx).WithValues("pipelineExecutionId", sr.Spec.PipelineExecutionID, "stopRequest", sr.Name)
	if execution != "" {
		logger = logger.WithValues("execution", execution)
	}
	r.report(log.IntoContext(ctx, logger), sr, "StopRequest", transitions)
}

// reportApprovalResult reports what happened to an approval result. The execution is the name of the one that it names, if there is one.
func (r *Reporter) reportApprovalResult(ctx context.Context, ar *v1alpha1.ApprovalResult, execution string, transitions []transition.Transition) {
	for i := range transitions {
		transitions[i].Stage, transitions[i].Action = ar.Spec.StageName, ar.Spec.ActionName
	}
	logger := log.FromContext(ctx).WithValues("pipelineExecutionId", ar.Spec.PipelineExecutionID, "approvalResult", ar.Name)
	if execution != "" {
		logger = logger.WithValues("execution", execution)
	}
	r.report(log.IntoContext(ctx, logger), ar, metrics.KindApprovalResult, transitions)
}

func (r *Reporter) report(ctx context.Context, object client.Object, kind string, transitions []transition.Transition) {
	for _, t := range transitions {
		r.recordEvent(object, t)
		logTransition(ctx, t)
		r.Metrics.ObserveTransition(kind, t, r.Clock.Now())
	}
}

func (r *Reporter) recordEvent(object client.Object, t transition.Transition) {
	e, ok := eventOf[t.Type]
	if !ok || !isEvent(t) {
		return
	}
	reason := string(t.Type)
	if t.Verdict != "" {
		reason = t.Verdict
	}
	if _, isResult := object.(*v1alpha1.ApprovalResult); isResult {
		e.action = "Approve"
	}
	r.Recorder.Eventf(object, relatedObject(object.GetNamespace(), t.Workload), e.eventType, reason, e.action, "%s", text.BoundNote(t.Message))
}

// isEvent leaves out that a stop which abandons was published: its end follows in a moment, or else what it waits for. Each event is a
// request to the API server, which a storm of stops has other use for.
func isEvent(t transition.Transition) bool {
	return t.Type != transition.Stopping || t.Mode != v1alpha1.StopModeAbandon
}

// relatedObject returns the workload that an event is about, or nil. Two events of one reason and one object are taken
// for one.
func relatedObject(namespace string, workload v1alpha1.WorkloadReference) runtime.Object {
	if workload.Name == "" {
		return nil
	}
	related := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{
		Namespace: namespace, Name: workload.Name, UID: types.UID(workload.UID),
	}}
	related.SetGroupVersionKind(schema.FromAPIVersionAndKind(workload.APIVersion, workload.Kind))
	return related
}

// logTransition writes one line, with the fields that the transition has.
func logTransition(ctx context.Context, t transition.Transition) {
	fields := []any{"transition", t.Type}
	for _, f := range []struct{ name, value string }{
		{"stage", t.Stage}, {"action", t.Action}, {"workload", t.Workload.Name},
		{"mode", string(t.Mode)}, {"verdict", t.Verdict}, {"message", text.BoundMessage(t.Message)},
	} {
		if f.value != "" {
			fields = append(fields, f.name, f.value)
		}
	}
	log.FromContext(ctx).Info("transition", fields...)
}
