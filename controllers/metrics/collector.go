// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/utils/clock"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/verdict"
)

// errNotSynced is what a scrape gets while the executions or the stop requests are not all known.
var errNotSynced = errors.New("the cache has not read the executions and the stop requests yet")

var (
	executionsDesc = prometheus.NewDesc(namespace+"_executions",
		"Executions that this operator serves, by their state.", []string{labelState}, nil)
	oldestStopDesc = prometheus.NewDesc(namespace+"_oldest_stop_age_seconds",
		"Seconds since the acceptance of the oldest stop that still waits for work to end; 0 if none does.", nil, nil)
	oldestRequestDesc = prometheus.NewDesc(namespace+"_oldest_stop_request_age_seconds",
		"Seconds since the creation of the oldest stop request that has no verdict; 0 if each has one.", nil, nil)
)

// Collector derives metrics from the executions and the stop requests in the cache. It counts them as the cache's events tell it, so
// that a scrape costs the same however many there are. It is safe for concurrent use.
type Collector struct {
	clock clock.PassiveClock

	lock sync.Mutex
	// haveSynced report whether what was there at the start was counted, one for each informer.
	haveSynced []func() bool
	counts     map[v1alpha1.ExecutionState]int
	// stops are the times at which stops were accepted whose executions have not ended.
	stops map[types.UID]time.Time
	// requests are the times at which stop requests were created that have no verdict.
	requests map[types.UID]time.Time
}

// NewCollector returns a Collector that has counted nothing. The clock has the time up to which an age is measured.
func NewCollector(c clock.PassiveClock) *Collector {
	collector := &Collector{
		clock: c, counts: map[v1alpha1.ExecutionState]int{}, stops: map[types.UID]time.Time{}, requests: map[types.UID]time.Time{},
	}
	for _, state := range v1alpha1.ExecutionStates() {
		collector.counts[state] = 0
	}
	return collector
}

// Follow has the collector count the objects of an informer, of executions or of stop requests. It returns an error if the informer
// takes no handler any more.
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
	c.haveSynced = append(c.haveSynced, registration.HasSynced)
	return nil
}

// change counts that an object became another. An object of another kind is not counted.
func (c *Collector) change(before, after any) {
	c.lock.Lock()
	defer c.lock.Unlock()
	if tombstone, ok := before.(toolscache.DeletedFinalStateUnknown); ok {
		before = tombstone.Obj
	}
	switch o := before.(type) {
	case *v1alpha1.PipelineExecution:
		c.counts[stateOf(o)]--
		delete(c.stops, o.UID)
	case *v1alpha1.StopRequest:
		delete(c.requests, o.UID)
	}
	switch o := after.(type) {
	case *v1alpha1.PipelineExecution:
		c.counts[stateOf(o)]++
		if isStopping(o) {
			c.stops[o.UID] = o.Status.Stop.Requests[0].AcceptedTime.Time
		}
	case *v1alpha1.StopRequest:
		if isUndecided(o) {
			c.requests[o.UID] = o.CreationTimestamp.Time
		}
	}
}

// Describe sends what Collect can send.
func (c *Collector) Describe(descs chan<- *prometheus.Desc) {
	descs <- executionsDesc
	descs <- oldestStopDesc
	descs <- oldestRequestDesc
}

// Collect sends the number of executions in each state, and the ages of the oldest stop and of the oldest request without a verdict.
func (c *Collector) Collect(metrics chan<- prometheus.Metric) {
	c.lock.Lock()
	defer c.lock.Unlock()
	if !c.hasSynced() {
		metrics <- prometheus.NewInvalidMetric(executionsDesc, errNotSynced)
		return
	}
	for state, n := range c.counts {
		metrics <- prometheus.MustNewConstMetric(executionsDesc, prometheus.GaugeValue, float64(n), string(state))
	}
	metrics <- prometheus.MustNewConstMetric(oldestStopDesc, prometheus.GaugeValue, c.oldestAge(c.stops))
	metrics <- prometheus.MustNewConstMetric(oldestRequestDesc, prometheus.GaugeValue, c.oldestAge(c.requests))
}

// hasSynced reports whether all that was there at the start was counted. A collector that follows nothing has counted nothing.
func (c *Collector) hasSynced() bool {
	return len(c.haveSynced) > 0 && !slices.ContainsFunc(c.haveSynced, func(hasSynced func() bool) bool { return !hasSynced() })
}

// oldestAge returns the seconds since the oldest of the times, and 0 if there is none or all are to come.
func (c *Collector) oldestAge(times map[types.UID]time.Time) float64 {
	age := 0.0
	for _, t := range times {
		age = max(age, c.clock.Since(t).Seconds())
	}
	return age
}

// stateOf returns the state of an execution. One that the operator has not looked at yet is in progress.
func stateOf(execution *v1alpha1.PipelineExecution) v1alpha1.ExecutionState {
	if execution.Status.State == "" {
		return v1alpha1.ExecutionInProgress
	}
	return execution.Status.State
}

// isStopping reports whether a stop is recorded whose execution has not ended.
func isStopping(execution *v1alpha1.PipelineExecution) bool {
	stop := execution.Status.Stop
	return !execution.Status.State.IsFinal() && stop != nil && len(stop.Requests) > 0
}

// isUndecided reports whether a stop request has no verdict. Of one at rest the cache keeps only that it has finished.
func isUndecided(sr *v1alpha1.StopRequest) bool {
	return verdict.FindGiven(sr.Status.Conditions) == nil && !verdict.IsFinished(sr.Status.Conditions)
}
