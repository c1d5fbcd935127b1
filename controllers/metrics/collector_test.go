// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	testclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
)

// fakeReader lists these executions, or returns the error.
type fakeReader struct {
	client.Reader
	executions []v1alpha1.PipelineExecution
	err        error
	// hasDeadline is set if the last call would have ended by itself.
	hasDeadline bool
}

func (r *fakeReader) List(ctx context.Context, list client.ObjectList, _ ...client.ListOption) error {
	_, r.hasDeadline = ctx.Deadline()
	list.(*v1alpha1.PipelineExecutionList).Items = r.executions
	return r.err
}

func makeCollector(executions ...v1alpha1.PipelineExecution) *Collector {
	return &Collector{Reader: &fakeReader{executions: executions}, Clock: testclock.NewFakePassiveClock(now)}
}

func formatNumber(n float64) string {
	return strconv.FormatFloat(n, 'f', -1, 64)
}

func TestCollector(t *testing.T) {
	const second = time.Second
	tests := []struct {
		name       string
		executions []v1alpha1.PipelineExecution
		counts     map[string]string
		age        string
	}{
		{"no execution", nil, nil, "0"},
		{
			"one that the operator has not looked at is in progress",
			[]v1alpha1.PipelineExecution{makeExecution(""), makeExecution(v1alpha1.ExecutionInProgress)}, map[string]string{"InProgress": "2"}, "0",
		},
		{
			"one of each state", []v1alpha1.PipelineExecution{
				makeExecution(v1alpha1.ExecutionInProgress), makeExecution(v1alpha1.ExecutionStopping, ago(7*second)), makeExecution(v1alpha1.ExecutionStopped, ago(60*second)),
				makeExecution(v1alpha1.ExecutionSucceeded), makeExecution(v1alpha1.ExecutionFailed),
			},
			map[string]string{"InProgress": "1", "Stopping": "1", "Stopped": "1", "Succeeded": "1", "Failed": "1"}, "7",
		},
		{
			"the oldest stop, by its first request",
			[]v1alpha1.PipelineExecution{
				makeExecution(v1alpha1.ExecutionStopping, ago(5*second)), makeExecution(v1alpha1.ExecutionStopping, ago(90*second), ago(second)),
				makeExecution(v1alpha1.ExecutionStopping, ago(80*second)),
			},
			map[string]string{"Stopping": "3"}, "90",
		},
		{
			"a stop that is not published waits too", []v1alpha1.PipelineExecution{makeExecution(v1alpha1.ExecutionInProgress, ago(3*second))},
			map[string]string{"InProgress": "1"}, "3",
		},
		{
			"what has ended waits for nothing", []v1alpha1.PipelineExecution{
				makeExecution(v1alpha1.ExecutionStopped, ago(3*second)), makeExecution(v1alpha1.ExecutionFailed, ago(3*second)),
				makeExecution(v1alpha1.ExecutionSucceeded, ago(3*second)),
			},
			map[string]string{"Stopped": "1", "Failed": "1", "Succeeded": "1"}, "0",
		},
		{
			"a stop without requests", []v1alpha1.PipelineExecution{{Status: v1alpha1.PipelineExecutionStatus{
				State: v1alpha1.ExecutionStopping, Stop: &v1alpha1.StopStatus{Mode: wait},
			}}}, map[string]string{"Stopping": "1"}, "0",
		},
		{
			"a clock that went back", []v1alpha1.PipelineExecution{makeExecution(v1alpha1.ExecutionStopping, ago(-60*second))},
			map[string]string{"Stopping": "1"}, "0",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			registry := prometheus.NewPedanticRegistry()
			registry.MustRegister(makeCollector(tt.executions...))
			want := map[string]string{"haltline_oldest_stop_age_seconds{}": tt.age}
			for _, state := range v1alpha1.ExecutionStates() {
				want["haltline_executions{state="+string(state)+"}"] = "0"
			}
			for state, n := range tt.counts {
				want["haltline_executions{state="+state+"}"] = n
			}
			if diff := cmp.Diff(want, gather(t, registry)); diff != "" {
				t.Errorf("gauges (-want +got):\n%s", diff)
			}
		})
	}
}

// A scrape that cannot be answered fails, and does not read as if there were no executions. It does not hang either.
func TestCollectorThatCannotList(t *testing.T) {
	reader := &fakeReader{err: errors.New("the cache has not started")}
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(&Collector{Reader: reader, Clock: testclock.NewFakePassiveClock(now)})
	families, err := registry.Gather()
	if err == nil || !strings.Contains(err.Error(), "the cache has not started") {
		t.Errorf("error %v", err)
	}
	if len(families) != 0 {
		t.Errorf("it reads %v", families)
	}
	if !reader.hasDeadline {
		t.Error("a list that hangs would hang the scrape")
	}
}

// The cache shares what it hands out.
func TestCollectorChangesNothing(t *testing.T) {
	executions := []v1alpha1.PipelineExecution{makeExecution("", ago(time.Second)), makeExecution(v1alpha1.ExecutionStopping, ago(time.Minute))}
	before := slices.Clone(executions)
	for i := range before {
		before[i] = *executions[i].DeepCopy()
	}
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(makeCollector(executions...))
	gather(t, registry)
	if diff := cmp.Diff(before, executions); diff != "" {
		t.Errorf("the executions were changed (-before +after):\n%s", diff)
	}
}
