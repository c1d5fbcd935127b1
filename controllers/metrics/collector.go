// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
)

// collectTimeout bounds how long a scrape waits for the cache.
const collectTimeout = 5 * time.Second

var (
	executionsDesc = prometheus.NewDesc(namespace+"_executions",
		"Executions in the cluster, by their state.", []string{labelState}, nil)
	oldestStopDesc = prometheus.NewDesc(namespace+"_oldest_stop_age_seconds",
		"Seconds since the acceptance of the oldest stop that still waits for work to end; 0 if none does.", nil, nil)
)

// Collector derives metrics from the executions in the cache, whenever it is scraped.
type Collector struct {
	// Reader reads from the cache. What it returns is not changed.
	Reader client.Reader
	// Clock has the time up to which an age is measured.
	Clock clock.PassiveClock
}

// Describe sends what Collect can send.
func (c *Collector) Describe(descs chan<- *prometheus.Desc) {
	descs <- executionsDesc
	descs <- oldestStopDesc
}

// Collect sends the number of executions in each state, and the age of the oldest stop.
func (c *Collector) Collect(metrics chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), collectTimeout)
	defer cancel()
	list := &v1alpha1.PipelineExecutionList{}
	if err := c.Reader.List(ctx, list, client.UnsafeDisableDeepCopy); err != nil {
		metrics <- prometheus.NewInvalidMetric(executionsDesc, err)
		return
	}
	counts := map[v1alpha1.ExecutionState]int{}
	for _, state := range v1alpha1.ExecutionStates() {
		counts[state] = 0
	}
	age := 0.0
	for i := range list.Items {
		counts[stateOf(&list.Items[i])]++
		age = max(age, c.stopAge(&list.Items[i]))
	}
	for state, n := range counts {
		metrics <- prometheus.MustNewConstMetric(executionsDesc, prometheus.GaugeValue, float64(n), string(state))
	}
	metrics <- prometheus.MustNewConstMetric(oldestStopDesc, prometheus.GaugeValue, age)
}

// stateOf returns the state of an execution. One that the operator has not looked at yet is in progress.
func stateOf(execution *v1alpha1.PipelineExecution) v1alpha1.ExecutionState {
	if execution.Status.State == "" {
		return v1alpha1.ExecutionInProgress
	}
	return execution.Status.State
}

// stopAge returns the seconds since the stop of an execution that has not ended was accepted, or 0.
func (c *Collector) stopAge(execution *v1alpha1.PipelineExecution) float64 {
	stop := execution.Status.Stop
	if execution.Status.State.IsFinal() || stop == nil || len(stop.Requests) == 0 {
		return 0
	}
	return c.Clock.Since(stop.Requests[0].AcceptedTime.Time).Seconds()
}
