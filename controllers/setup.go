// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

// Package controllers reconciles the kinds of Haltline. A reconciler gathers what there is, asks the packages stop and
// plan what should be, has package action carry it out, and writes the status.
package controllers

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"haltline.dev/haltline/controllers/action"
)

// Options bound the work of the controllers.
type Options struct {
	// Clock tells the time that is recorded.
	Clock clock.PassiveClock
	// MaxConcurrentReconciles is how many objects of a kind are worked on at the same time.
	MaxConcurrentReconciles int
	// ReconciliationTimeout ends a reconciliation that hangs; it is tried again.
	ReconciliationTimeout time.Duration
}

// Dependencies are what the controllers work with.
type Dependencies struct {
	// Client reads from the cache, and writes.
	Client client.Client
	// Live reads from the API server.
	Live client.Reader
	// Recorder tells of what was written.
	Recorder events.EventRecorder
	// Clock tells the time that is recorded.
	Clock clock.PassiveClock
}

// Controller is a reconciler with what brings objects to it.
type Controller struct {
	Name       string
	Reconciler reconcile.Reconciler
	Watches    []Watch
}

// Watch says which objects the events of a kind bring to a reconciler.
type Watch struct {
	// Object stands for the kind; for its metadata alone where it is a PartialObjectMetadata.
	Object client.Object
	// Handler maps an event to the objects to reconcile.
	Handler handler.EventHandler
	// Predicates all have to let an event pass.
	Predicates []predicate.Predicate
}

// All returns the controllers of Haltline.
func All(d Dependencies) []Controller {
	runner := &action.Runner{Client: d.Client, Live: d.Live}
	return []Controller{
		{"pipeline", &PipelineReconciler{Client: d.Client, Runner: runner, Clock: d.Clock}, pipelineWatches(d.Client)},
		{"pipelineexecution", &PipelineExecutionReconciler{
			Client: d.Client, Live: d.Live, Runner: runner, Recorder: d.Recorder, Clock: d.Clock,
		}, executionWatches(d.Client)},
		{"stoprequest", &StopRequestReconciler{
			Client: d.Client, Live: d.Live, Runner: runner, Recorder: d.Recorder, Clock: d.Clock,
		}, stopRequestWatches(d.Client)},
	}
}

// Setup registers every controller with the manager. It returns an error when one cannot be.
func Setup(ctx context.Context, mgr ctrl.Manager, o Options) error {
	if err := setupIndexes(ctx, mgr.GetFieldIndexer()); err != nil {
		return fmt.Errorf("indexing: %w", err)
	}
	d := Dependencies{
		Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Recorder: mgr.GetEventRecorder("haltline"), Clock: o.Clock,
	}
	for _, c := range All(d) {
		if err := setup(mgr, c, o); err != nil {
			return fmt.Errorf("setting up controller %q: %w", c.Name, err)
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

func setup(mgr ctrl.Manager, c Controller, o Options) error {
	b := ctrl.NewControllerManagedBy(mgr).Named(c.Name).WithOptions(controller.Options{
		MaxConcurrentReconciles: o.MaxConcurrentReconciles,
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
	return b.Complete(c.Reconciler)
}
