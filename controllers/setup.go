// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

// Package controllers reconciles the kinds of Haltline. A reconciler gathers what there is, has package action do what the
// status asks for, asks the packages plan and stop what follows, writes that into the status, and reports what changed.
package controllers

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/action"
	"haltline.dev/haltline/controllers/action/job"
	"haltline.dev/haltline/controllers/metrics"
	"haltline.dev/haltline/controllers/revision"
	"haltline.dev/haltline/controllers/workspace"
	"haltline.dev/haltline/internal/slots"
)

// Options bound the work of the controllers.
type Options struct {
	// Clock has the time that is recorded.
	Clock clock.PassiveClock
	// Nonce returns a text that nobody can foresee, such as rand.Text.
	Nonce func() string
	// MaxConcurrentReconciles is how many objects of a kind are worked on at the same time.
	MaxConcurrentReconciles int
	// ReconciliationTimeout ends a reconciliation that hangs; it is tried again.
	ReconciliationTimeout time.Duration
}

// Dependencies are what the controllers work with.
type Dependencies struct {
	// Client reads from the cache, and writes.
	Client client.Client
	// APIReader reads from the API server.
	APIReader client.Reader
	// Recorder records events.
	Recorder events.EventRecorder
	// Metrics count and measure what is written.
	Metrics *metrics.Metrics
	// Clock has the time that is recorded.
	Clock clock.PassiveClock
	// Nonce returns a text that nobody can foresee.
	Nonce func() string
	// Workers is how many objects of a kind are worked on at the same time; 0 if somebody else bounds that.
	Workers int
}

// Controller is a reconciler with what brings objects to it.
type Controller struct {
	Name       string
	Reconciler reconcile.Reconciler
	Watches    []Watch
	// Waitlists put objects back into its queue.
	Waitlists []*waitlist
}

// NewControllers returns the controllers of Haltline.
func NewControllers(d Dependencies) []Controller {
	d.Client = yieldingClient{d.Client}
	registry := newRegistry(d.Client, d.APIReader, d.Clock)
	revisions := &revision.Store{Client: d.Client, APIReader: d.APIReader, LargeSteps: slots.New(largeReads)}
	workspaces := &workspace.Claims{Client: d.Client, APIReader: d.APIReader}
	reporter := &Reporter{Recorder: d.Recorder, Metrics: d.Metrics, Clock: d.Clock}
	executionDeletions, requestDeletions := newDeletionLimiter(d.Clock), newDeletionLimiter(d.Clock)
	blocked, waiting := &blockedStops{}, newWaitingStops(d.Client, d.Clock)
	starts, unknown := newStartSlots(d.Workers), newUnknownLookups(d.Client, d.APIReader)
	return []Controller{
		{Name: "approvalresult", Reconciler: &ApprovalResultReconciler{
			Client: d.Client, Reporter: reporter, Clock: d.Clock, unknown: unknown,
		}, Watches: approvalResultWatches(d.Client)},
		{Name: "approvalresultretention", Reconciler: &RequestRetentionReconciler{
			Kind: &v1alpha1.ApprovalResult{}, Client: d.Client, Limiter: requestDeletions, Clock: d.Clock,
		}, Watches: requestRetentionWatches(&v1alpha1.ApprovalResult{})},
		{Name: "pipeline", Reconciler: &PipelineReconciler{
			Client: d.Client, APIReader: newLargeReader(d.APIReader), Registry: registry, Workspaces: workspaces, Limiter: newCheckLimiter(), Clock: d.Clock,
		}, Watches: pipelineWatches(d.Client)},
		{Name: "pipelineexecution", Reconciler: &PipelineExecutionReconciler{
			Client: d.Client, APIReader: newLargeReader(d.APIReader), Registry: registry, Revisions: revisions, Reporter: reporter,
			Workspaces: workspaces,
			Blocked:    blocked, Waiting: waiting, Starts: starts, Clock: d.Clock, Nonce: d.Nonce, unknown: unknown,
		}, Watches: executionWatches(d.Client, registry.Watches(), waiting), Waitlists: append(starts.waitlists(), waiting.held)},
		{Name: "requestretention", Reconciler: &RequestRetentionReconciler{
			Kind: &v1alpha1.StopRequest{}, Client: d.Client, Limiter: requestDeletions, Clock: d.Clock,
		}, Watches: requestRetentionWatches(&v1alpha1.StopRequest{})},
		{Name: "retention", Reconciler: &RetentionReconciler{
			Client: d.Client, APIReader: d.APIReader, Limiter: executionDeletions, Clock: d.Clock, Refused: newRefusals(d.Clock),
		}, Watches: retentionWatches()},
		{Name: "revision", Reconciler: &RevisionReconciler{
			Client: d.Client, APIReader: d.APIReader, Revisions: revisions, Clock: d.Clock,
		}, Watches: revisionWatches()},
		{Name: "stoprequest", Reconciler: &StopRequestReconciler{
			Client: d.Client, Registry: registry, Blocked: blocked, Reporter: reporter, Clock: d.Clock, unknown: unknown,
		}, Watches: stopRequestWatches(d.Client)},
	}
}

// newRegistry returns the providers of all kinds of action. Adding a kind is one more line here.
func newRegistry(c client.Client, apiReader client.Reader, clock clock.PassiveClock) *action.Registry {
	return action.NewRegistry(
		&job.Provider{Client: c, APIReader: apiReader, LargeReads: slots.New(largePages), Explanations: job.NewExplanations(clock)},
	)
}

// Setup registers every controller with the manager, and the metrics of the operator with registerer. It returns an error
// if one cannot be.
func Setup(ctx context.Context, mgr ctrl.Manager, registerer prometheus.Registerer, o Options) error {
	if err := setupIndexes(ctx, mgr.GetFieldIndexer()); err != nil {
		return fmt.Errorf("indexing: %w", err)
	}
	d := Dependencies{
		Client: mgr.GetClient(), APIReader: mgr.GetAPIReader(), Recorder: mgr.GetEventRecorder("haltline"),
		Metrics: metrics.New(), Clock: o.Clock, Nonce: o.Nonce, Workers: o.MaxConcurrentReconciles,
	}
	collector := metrics.NewCollector(o.Clock)
	if err := followCache(ctx, mgr.GetCache(), collector); err != nil {
		return fmt.Errorf("counting the executions and the stop requests: %w", err)
	}
	for _, c := range append(d.Metrics.Collectors(), collector) {
		if err := registerer.Register(c); err != nil {
			return fmt.Errorf("registering metrics: %w", err)
		}
	}
	for _, c := range NewControllers(d) {
		if err := setupController(mgr, c, o); err != nil {
			return fmt.Errorf("setting up controller %q: %w", c.Name, err)
		}
	}
	return nil
}

// followCache has the collector count the executions and the stop requests of the cache.
func followCache(ctx context.Context, c cache.Cache, collector *metrics.Collector) error {
	for _, o := range []client.Object{&v1alpha1.PipelineExecution{}, &v1alpha1.StopRequest{}} {
		informer, err := c.GetInformer(ctx, o, cache.BlockUntilSynced(false))
		if err != nil {
			return err
		}
		if err := collector.Follow(informer); err != nil {
			return err
		}
	}
	return nil
}

// An object whose reconciliation failed is tried again after firstRetry, then after twice that, and so on up to lastRetry: a
// person who mends what kept a stop should not wait long to see it.
const (
	firstRetry = 5 * time.Millisecond
	lastRetry  = 15 * time.Second
)

// countWorkers returns how many objects a reconciler works on at the same time: fewer than the others if it bounds that itself.
func countWorkers(r reconcile.Reconciler, o Options) int {
	if bounded, ok := r.(interface{ MaxConcurrentReconciles() int }); ok {
		return min(o.MaxConcurrentReconciles, bounded.MaxConcurrentReconciles())
	}
	return o.MaxConcurrentReconciles
}

func setupController(mgr ctrl.Manager, c Controller, o Options) error {
	b := ctrl.NewControllerManagedBy(mgr).Named(c.Name).WithOptions(controller.Options{
		MaxConcurrentReconciles: countWorkers(c.Reconciler, o),
		ReconciliationTimeout:   o.ReconciliationTimeout,
		RateLimiter:             workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](firstRetry, lastRetry),
	})
	for _, w := range c.Watches {
		if _, metadataOnly := w.Object.(*metav1.PartialObjectMetadata); metadataOnly {
			b = b.WatchesMetadata(w.Object, w.Handler, builder.WithPredicates(w.Predicates...))
		} else {
			b = b.Watches(w.Object, w.Handler, builder.WithPredicates(w.Predicates...))
		}
	}
	for _, l := range c.Waitlists {
		b = b.WatchesRawSource(source.Func(l.start))
	}
	return b.Complete(c.Reconciler)
}
