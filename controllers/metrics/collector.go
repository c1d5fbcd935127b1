// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"errors"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/utils/clock"

	"haltline.dev/haltline/api/v1alpha1"
)

// errNotSynced is what a scrape gets while the executions are not all known.
var errNotSynced = errors.New("the cache has not read the executions yet")

var (
	executionsDesc = prometheus.NewDesc(namespace+"_executions",
		"Executions that this operator serves, by their state.", []string{labelState}, nil)
	oldestStopDesc = prometheus.NewDesc(namespace+"_oldest_stop_age_seconds",
		"Seconds since the acceptance of the oldest stop that still waits for work to end; 0 if none does.", nil, nil)
)

// Collector derives metrics from the executions in the cache. It counts them as the cache's events tell it, so that a scrape costs
// the same however many there are. It is safe for concurrent use.
type Collector struct {
	clock clock.PassiveClock

	lock sync.Mutex
	// hasSynced reports whether the executions that were there at the start were counted; nil reports that they were not.
	hasSynced func() bool
	counts    map[v1alpha1.ExecutionState]int
	// stops are the times at which stops were accepted whose executions have not ended.
	stops map[types.UID]time.Time
}

// NewCollector returns a Collector that has counted nothing. The clock has the time up to which an age is measured.
func NewCollector(c clock.PassiveClock) *Collector {
	collector := &Collector{clock: c, counts: map[v1alpha1.ExecutionState]int{}, stops: map[types.UID]time.Time{}}
	for _, state := range v1alpha1.ExecutionStates() {
		collector.counts[state] = 0
	}
	return collector
}

// Follow has the collector count the executions of an informer.
func (c *Collector) Follow(informer interface {
	AddEventHandler(toolscache.ResourceEventHandler) (toolscache.ResourceEventHandlerRegistration, error)
},
) error {
	registration, err := informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
		AddFunc:    func(o any) { c.change(nil, o) },
		UpdateFunc: c.change,
		DeleteFunc: func(o any) { c.change(o, nil) },
	})
	if err != nil {
		return err
	}
	c.lock.Lock()
	defer c.lock.Unlock()
	c.hasSynced = registration.HasSynced
	return nil
}

// change counts that an object became another. What is no execution is not there.
func (c *Collector) change(before, after any) {
	c.lock.Lock()
	defer c.lock.Unlock()
	if tombstone, ok := before.(toolscache.DeletedFinalStateUnknown); ok {
		before = tombstone.Obj
	}
	if execution, ok := before.(*v1alpha1.PipelineExecution); ok {
		c.counts[stateOf(execution)]--
		delete(c.stops, execution.UID)
	}
	if execution, ok := after.(*v1alpha1.PipelineExecution); ok {
		c.counts[stateOf(execution)]++
		if isStopping(execution) {
			c.stops[execution.UID] = execution.Status.Stop.Requests[0].AcceptedTime.Time
		}
	}
}

// Describe sends what Collect can send.
func (c *Collector) Describe(descs chan<- *prometheus.Desc) {
	descs <- executionsDesc
	descs <- oldestStopDesc
}

// Collect sends the number of executions in each state, and the age of the oldest stop.
func (c *Collector) Collect(metrics chan<- prometheus.Metric) {
	c.lock.Lock()
	defer c.lock.Unlock()
	if c.hasSynced == nil || !c.hasSynced() {
		metrics <- prometheus.NewInvalidMetric(executionsDesc, errNotSynced)
		return
	}
	for state, n := range c.counts {
		metrics <- prometheus.MustNewConstMetric(executionsDesc, prometheus.GaugeValue, float64(n), string(state))
	}
	age := 0.0
	for _, accepted := range c.stops {
		age = max(age, c.clock.Since(accepted).Seconds())
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

// isStopping reports whether a stop was accepted whose execution has not ended.
func isStopping(execution *v1alpha1.PipelineExecution) bool {
	stop := execution.Status.Stop
	return !execution.Status.State.IsFinal() && stop != nil && len(stop.Requests) > 0
}
