// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

// Package controllers reconciles the kinds of Haltline. A reconciler gathers what there is, asks the packages stop and
// plan what should be, has package action carry it out, and writes the status.
package controllers

import (
	"context"
	"fmt"
	"time"

	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/controller"

	"haltline.dev/haltline/controllers/action"
)

// Options bound the work of the reconcilers.
type Options struct {
	// Clock tells the time that is recorded.
	Clock clock.PassiveClock
	// MaxConcurrentReconciles is how many objects of a kind are worked on at the same time.
	MaxConcurrentReconciles int
	// ReconciliationTimeout ends a reconciliation that hangs; it is tried again.
	ReconciliationTimeout time.Duration
}

func (o Options) controller() controller.Options {
	return controller.Options{
		MaxConcurrentReconciles: o.MaxConcurrentReconciles,
		ReconciliationTimeout:   o.ReconciliationTimeout,
	}
}

// Setup registers every reconciler with the manager. It returns an error when one cannot be.
func Setup(ctx context.Context, mgr ctrl.Manager, o Options) error {
	if err := setupIndexes(ctx, mgr.GetFieldIndexer()); err != nil {
		return fmt.Errorf("indexing: %w", err)
	}
	recorder := mgr.GetEventRecorder("haltline")
	runner := &action.Runner{Client: mgr.GetClient(), Live: mgr.GetAPIReader()}
	reconcilers := []interface {
		setup(mgr ctrl.Manager, o Options) error
	}{
		&PipelineReconciler{Client: mgr.GetClient(), Runner: runner, Clock: o.Clock},
		&PipelineExecutionReconciler{Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Runner: runner, Recorder: recorder, Clock: o.Clock},
		&StopRequestReconciler{Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Recorder: recorder, Clock: o.Clock},
	}
	for _, r := range reconcilers {
		if err := r.setup(mgr, o); err != nil {
			return fmt.Errorf("setting up %T: %w", r, err)
		}
	}
	return nil
}
