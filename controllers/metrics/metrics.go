// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

// Package metrics defines every metric of the operator. docs/metrics.md describes them.
package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/transition"
)

// namespace is the first word of every name.
const namespace = "haltline"

// Labels.
const (
	labelKind       = "kind"
	labelTransition = "transition"
	labelMode       = "mode"
	labelVerdict    = "verdict"
	labelState      = "state"
)

// KindApprovalResult is the kind of the transitions of an approval result.
const KindApprovalResult = "ApprovalResult"

// Metrics count and measure what is written. Times are in seconds. A time that begins with the creation of an object is
// exact to a second, as its creationTimestamp is.
type Metrics struct {
	transitions         *prometheus.CounterVec
	stopRequests        *prometheus.CounterVec
	approvalResults     *prometheus.CounterVec
	stopVerdict         *prometheus.HistogramVec
	stopDuration        *prometheus.HistogramVec
	executionStartDelay prometheus.Histogram
	actionStartDelay    prometheus.Histogram
}

// New returns metrics that are registered nowhere.
func New() *Metrics {
	m := &Metrics{
		transitions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: namespace, Name: "transitions_total",
			Help: "Transitions of executions, stop requests and approval results that were written.",
		}, []string{labelKind, labelTransition}),
		stopRequests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: namespace, Name: "stop_requests_total",
			Help: "Stop requests that got their verdict.",
		}, []string{labelMode, labelVerdict}),
		approvalResults: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: namespace, Name: "approval_results_total",
			Help: "Approval results that got their verdict.",
		}, []string{labelVerdict}),
		stopVerdict: newHistogramVec("stop_verdict_seconds",
			"Seconds from the creation of a stop request to its verdict.", fastBuckets, labelMode),
		stopDuration: newHistogramVec("stop_duration_seconds",
			"Seconds from the acceptance of the first stop request of an execution until it is Stopped.", slowBuckets, labelMode),
		executionStartDelay: newHistogram("execution_start_delay_seconds",
			"Seconds from the creation of an execution until its first action is decided to start.", fastBuckets),
		actionStartDelay: newHistogram("action_start_delay_seconds",
			"Seconds from the decision to start an action until its start is confirmed.", fastBuckets),
	}
	m.countFromZero()
	return m
}

// Verdicts on stop requests and on approval results.
var (
	stopVerdicts = []string{
		v1alpha1.ReasonAccepted, v1alpha1.ReasonDuplicatedStopRequest, v1alpha1.ReasonNotStoppable, v1alpha1.ReasonPipelineNotFound,
	}
	approvalVerdicts = []string{
		v1alpha1.ReasonAccepted, v1alpha1.ReasonApprovalAlreadyCompleted, v1alpha1.ReasonApprovalNotPending, v1alpha1.ReasonApproverNotAllowed,
		v1alpha1.ReasonPipelineNotFound, v1alpha1.ReasonPipelineExecutionNotFound, v1alpha1.ReasonStageNotFound, v1alpha1.ReasonActionNotFound,
	}
)

// countFromZero has every verdict counted from the start: Prometheus sees no increase in a series that begins with 1.
func (m *Metrics) countFromZero() {
	for _, v := range stopVerdicts {
		for _, mode := range []v1alpha1.StopMode{v1alpha1.StopModeWait, v1alpha1.StopModeAbandon} {
			m.stopRequests.WithLabelValues(string(mode), v)
		}
	}
	for _, v := range approvalVerdicts {
		m.approvalResults.WithLabelValues(v)
	}
}

// Bounds of the buckets, in seconds: for what the operator does by itself, and for what waits for work to end.
var (
	fastBuckets = []float64{0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300}
	slowBuckets = []float64{0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 10800}
)

func newHistogram(name, help string, buckets []float64) prometheus.Histogram {
	return prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: namespace, Name: name, Help: help, Buckets: buckets})
}

func newHistogramVec(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: namespace, Name: name, Help: help, Buckets: buckets}, labels)
}

// Collectors returns what has to be registered.
func (m *Metrics) Collectors() []prometheus.Collector {
	return []prometheus.Collector{
		m.transitions, m.stopRequests, m.approvalResults, m.stopVerdict, m.stopDuration, m.executionStartDelay, m.actionStartDelay,
	}
}

// ObserveTransition counts a transition of an object of that kind, and measures the time that it ends.
func (m *Metrics) ObserveTransition(kind string, t transition.Transition, now time.Time) {
	m.transitions.WithLabelValues(kind, string(t.Type)).Inc()
	if kind == KindApprovalResult {
		if t.Verdict != "" {
			m.approvalResults.WithLabelValues(t.Verdict).Inc()
		}
		return
	}
	if t.Verdict != "" {
		m.stopRequests.WithLabelValues(string(t.Mode), t.Verdict).Inc()
	}
	if t.Since == nil || t.Since.IsZero() {
		return
	}
	seconds := max(now.Sub(t.Since.Time).Seconds(), 0)
	switch t.Type {
	case transition.Started:
		m.executionStartDelay.Observe(seconds)
	case transition.ActionStarted:
		m.actionStartDelay.Observe(seconds)
	case transition.Accepted, transition.Rejected:
		m.stopVerdict.WithLabelValues(string(t.Mode)).Observe(seconds)
	case transition.Stopped:
		m.stopDuration.WithLabelValues(string(t.Mode)).Observe(seconds)
	}
}
