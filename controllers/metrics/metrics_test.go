// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"bufio"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/transition"
)

const (
	wait    = v1alpha1.StopModeWait
	abandon = v1alpha1.StopModeAbandon
)

// now is a moment that begins a second.
var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// ago returns a time that much before now.
func ago(d time.Duration) *metav1.Time {
	return &metav1.Time{Time: now.Add(-d)}
}

// registerAll registers all metrics of the operator.
func registerAll(t *testing.T, m *Metrics, executions ...v1alpha1.PipelineExecution) *prometheus.Registry {
	t.Helper()
	collector, informer := follow(t)
	informer.list(executions...)
	registry := prometheus.NewPedanticRegistry()
	for _, c := range append(m.Collectors(), collector) {
		if err := registry.Register(c); err != nil {
			t.Fatal(err)
		}
	}
	return registry
}

// gather returns what a scrape reads: each counter and gauge with its value, each histogram with its count and sum.
func gather(t *testing.T, gatherer prometheus.Gatherer) map[string]string {
	t.Helper()
	families, err := gatherer.Gather()
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]string{}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			var labels []string
			for _, label := range metric.GetLabel() {
				labels = append(labels, label.GetName()+"="+label.GetValue())
			}
			name := family.GetName() + "{" + strings.Join(labels, ",") + "}"
			if h := metric.GetHistogram(); h != nil {
				values[name] = formatNumber(float64(h.GetSampleCount())) + " of " + formatNumber(h.GetSampleSum())
			} else {
				values[name] = formatNumber(metric.GetCounter().GetValue() + metric.GetGauge().GetValue())
			}
		}
	}
	return values
}

// TestObserveTransition is the table of what each transition counts and measures.
func TestObserveTransition(t *testing.T) {
	const execution, request = "PipelineExecution", "StopRequest"
	const startDelay, actionDelay = "haltline_execution_start_delay_seconds{}", "haltline_action_start_delay_seconds{}"
	const none = "0 of 0"
	tests := []struct {
		name       string
		kind       string
		transition transition.Transition
		want       map[string]string
	}{
		{
			"an execution starts", execution, transition.Transition{Type: transition.Started, Since: ago(2 * time.Second)},
			map[string]string{"haltline_transitions_total{kind=PipelineExecution,transition=Started}": "1", startDelay: "1 of 2", actionDelay: none},
		},
		{
			"an action starts", execution, transition.Transition{Type: transition.ActionStarted, Since: ago(500 * time.Millisecond)},
			map[string]string{"haltline_transitions_total{kind=PipelineExecution,transition=ActionStarted}": "1", startDelay: none, actionDelay: "1 of 0.5"},
		},
		{
			"an action that ended is counted and not measured", execution, transition.Transition{Type: transition.ActionSucceeded, Since: ago(time.Hour)},
			map[string]string{"haltline_transitions_total{kind=PipelineExecution,transition=ActionSucceeded}": "1", startDelay: none, actionDelay: none},
		},
		{
			"a wait is accepted", request,
			transition.Transition{Type: transition.Accepted, Mode: wait, Verdict: v1alpha1.ReasonAccepted, Since: ago(3 * time.Second)},
			map[string]string{
				"haltline_transitions_total{kind=StopRequest,transition=Accepted}": "1",
				"haltline_stop_requests_total{mode=Wait,verdict=Accepted}":         "1",
				"haltline_stop_verdict_seconds{mode=Wait}":                         "1 of 3", startDelay: none, actionDelay: none,
			},
		},
		{
			"an abandon is rejected", request,
			transition.Transition{Type: transition.Rejected, Mode: abandon, Verdict: v1alpha1.ReasonDuplicatedStopRequest, Since: ago(time.Second)},
			map[string]string{
				"haltline_transitions_total{kind=StopRequest,transition=Rejected}":                  "1",
				"haltline_stop_requests_total{mode=Abandon,verdict=DuplicatedStopRequestException}": "1",
				"haltline_stop_verdict_seconds{mode=Abandon}":                                       "1 of 1", startDelay: none, actionDelay: none,
			},
		},
		{
			"a request is done", request, transition.Transition{Type: transition.RequestDone, Mode: wait},
			map[string]string{"haltline_transitions_total{kind=StopRequest,transition=RequestDone}": "1", startDelay: none, actionDelay: none},
		},
		{
			"an execution is stopped", execution, transition.Transition{Type: transition.Stopped, Mode: abandon, Since: ago(time.Minute)},
			map[string]string{
				"haltline_transitions_total{kind=PipelineExecution,transition=Stopped}": "1",
				"haltline_stop_duration_seconds{mode=Abandon}":                          "1 of 60", startDelay: none, actionDelay: none,
			},
		},
		{
			"an execution is stopped whose record was lost", execution, transition.Transition{Type: transition.Stopped},
			map[string]string{"haltline_transitions_total{kind=PipelineExecution,transition=Stopped}": "1", startDelay: none, actionDelay: none},
		},
		{
			"an object without a time of creation", execution, transition.Transition{Type: transition.Started, Since: &metav1.Time{}},
			map[string]string{"haltline_transitions_total{kind=PipelineExecution,transition=Started}": "1", startDelay: none, actionDelay: none},
		},
		{
			// The clock of the API server may be ahead of ours.
			"a time to come", execution, transition.Transition{Type: transition.Started, Since: ago(-time.Minute)},
			map[string]string{"haltline_transitions_total{kind=PipelineExecution,transition=Started}": "1", startDelay: "1 of 0", actionDelay: none},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := New()
			registry := prometheus.NewPedanticRegistry()
			registry.MustRegister(m.Collectors()...)
			m.ObserveTransition(tt.kind, tt.transition, now)
			got := gather(t, registry)
			maps.DeleteFunc(got, func(_, value string) bool { return value == "0" })
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("metrics (-want +got):\n%s", diff)
			}
		})
	}
}

// A rejection is an increase also if it is the first of its kind.
func TestVerdictsAreCountedFromZero(t *testing.T) {
	m := New()
	registry := registerAll(t, m)
	before := gather(t, registry)
	for _, v := range stopVerdicts {
		for _, mode := range []v1alpha1.StopMode{wait, abandon} {
			m.ObserveTransition("StopRequest", transition.Transition{Type: transition.Rejected, Mode: mode, Verdict: v}, now)
		}
	}
	for _, v := range approvalVerdicts {
		m.ObserveTransition(KindApprovalResult, transition.Transition{Type: transition.Rejected, Verdict: v}, now)
	}
	counted := 0
	for name, value := range gather(t, registry) {
		if strings.HasPrefix(name, "haltline_stop_requests_total") || strings.HasPrefix(name, "haltline_approval_results_total") {
			counted++
			if before[name] != "0" || value != "1" {
				t.Errorf("%s goes from %q to %q, want 0 to 1", name, before[name], value)
			}
		}
	}
	if counted != 2*len(stopVerdicts)+len(approvalVerdicts) {
		t.Errorf("%d verdicts are counted", counted)
	}
}

// No duration of any transition is negative, however wrong a clock is.
func TestDurationsAreNeverNegative(t *testing.T) {
	m := New()
	for _, transitionType := range []transition.Type{transition.Started, transition.ActionStarted, transition.Accepted, transition.Rejected, transition.Stopped} {
		for _, since := range []*metav1.Time{ago(-time.Nanosecond), ago(-24 * time.Hour), {Time: time.Unix(1<<40, 0)}, nil} {
			m.ObserveTransition("k", transition.Transition{Type: transitionType, Mode: wait, Since: since}, now)
		}
	}
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(m.Collectors()...)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	measured := 0
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			if h := metric.GetHistogram(); h != nil && h.GetSampleCount() > 0 {
				measured++
				if h.GetSampleSum() != 0 {
					t.Errorf("%s has the sum %v of times to come", family.GetName(), h.GetSampleSum())
				}
			}
		}
	}
	if measured != 4 {
		t.Errorf("%d histograms have measured, want all 4", measured)
	}
}

// observeOneOfEach lets every metric have a value.
func observeOneOfEach(m *Metrics) {
	for _, tr := range []transition.Transition{
		{Type: transition.Started, Since: ago(time.Second)}, {Type: transition.ActionStarted, Since: ago(time.Second)},
		{Type: transition.Accepted, Mode: wait, Verdict: v1alpha1.ReasonAccepted, Since: ago(time.Second)},
		{Type: transition.Stopped, Mode: wait, Since: ago(time.Second)},
	} {
		m.ObserveTransition("PipelineExecution", tr, now)
	}
	m.ObserveTransition(KindApprovalResult, transition.Transition{Type: transition.Accepted, Verdict: v1alpha1.ReasonAccepted}, now)
}

// Names, units and help are as Prometheus wants them (https://prometheus.io/docs/practices/naming/).
func TestMetricsHaveNoLint(t *testing.T) {
	m := New()
	registry := registerAll(t, m)
	observeOneOfEach(m)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	problems, err := promlint.NewWithMetricFamilies(families).Lint()
	if err != nil || len(families) != 10 {
		t.Fatalf("%d metrics, %v", len(families), err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

// No label holds the name of an object, so that the number of series does not grow with the number of executions.
func TestLabelsAreBounded(t *testing.T) {
	m := New()
	registry := registerAll(t, m)
	observeOneOfEach(m)
	m.ObserveTransition("PipelineExecution", transition.Transition{
		Type: transition.ActionFailed, Stage: "a-stage", Action: "an-action", Message: "a-message",
		Workload: v1alpha1.WorkloadReference{Name: "a-workload", UID: "a-uid"},
	}, now)
	for name := range gather(t, registry) {
		for _, part := range []string{"a-stage", "an-action", "a-message", "a-workload", "a-uid"} {
			if strings.Contains(name, part) {
				t.Errorf("%s holds %q", name, part)
			}
		}
	}
}

// Every metric is described in docs/metrics.md, with its type and its labels, and no other is.
func TestDocsListTheMetrics(t *testing.T) {
	m := New()
	registry := registerAll(t, m, makeExecution(v1alpha1.ExecutionStopping, ago(time.Second)))
	observeOneOfEach(m)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	registered := map[string]string{}
	for _, family := range families {
		var labels []string
		for _, label := range family.GetMetric()[0].GetLabel() {
			labels = append(labels, label.GetName())
		}
		registered[family.GetName()] = strings.ToLower(family.GetType().String()) + " " + strings.Join(labels, ",")
	}
	if diff := cmp.Diff(registered, readDocumentedMetrics(t)); diff != "" {
		t.Errorf("docs/metrics.md (-registered +documented):\n%s", diff)
	}
}

var codeSpan = regexp.MustCompile("`([^`]+)`")

// readDocumentedMetrics returns the type and the labels of each metric that a table of docs/metrics.md lists.
func readDocumentedMetrics(t *testing.T) map[string]string {
	t.Helper()
	file, err := os.Open(filepath.Join("..", "..", "docs", "metrics.md"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	documented := map[string]string{}
	for scanner := bufio.NewScanner(file); scanner.Scan(); {
		cells := strings.Split(strings.Trim(scanner.Text(), "|"), "|")
		name := codeSpan.FindStringSubmatch(cells[0])
		if len(cells) < 3 || name == nil || !strings.HasPrefix(name[1], namespace+"_") {
			continue
		}
		var labels []string
		for _, label := range codeSpan.FindAllStringSubmatch(cells[2], -1) {
			labels = append(labels, label[1])
		}
		slices.Sort(labels)
		documented[name[1]] = strings.TrimSpace(cells[1]) + " " + strings.Join(labels, ",")
	}
	return documented
}

// The buckets rise, and there are not many of them: each is a series.
func TestBuckets(t *testing.T) {
	for _, buckets := range [][]float64{fastBuckets, slowBuckets} {
		if !slices.IsSorted(buckets) || len(buckets) != len(slices.Compact(slices.Clone(buckets))) || len(buckets) > 20 || buckets[0] <= 0 {
			t.Errorf("buckets %v", buckets)
		}
	}
}

func makeExecution(state v1alpha1.ExecutionState, acceptedTimes ...*metav1.Time) v1alpha1.PipelineExecution {
	execution := v1alpha1.PipelineExecution{Status: v1alpha1.PipelineExecutionStatus{State: state}}
	if len(acceptedTimes) == 0 {
		return execution
	}
	execution.Status.Stop = &v1alpha1.StopStatus{Mode: wait}
	for _, accepted := range acceptedTimes {
		execution.Status.Stop.Requests = append(execution.Status.Stop.Requests, v1alpha1.AcceptedStopRequest{AcceptedTime: ptr.Deref(accepted, metav1.Time{})})
	}
	return execution
}
