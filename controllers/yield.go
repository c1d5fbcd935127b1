// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// maxYield is how long a write waits for stops. What they hold up for longer waits before its next step, and keeps no worker.
const maxYield = time.Second

// yieldKey is the key of the function that a write calls first.
type yieldKey struct{}

// yielding returns a context in which the writes of a yieldingClient for an execution let the stops of others go first.
func (w *waitingStops) yielding(ctx context.Context, executionID types.UID) context.Context {
	return context.WithValue(ctx, yieldKey{}, func(ctx context.Context) { w.yield(ctx, executionID) })
}

// yield returns when no request holds up the work of an execution any more, when the context ends, or after maxYield.
func (w *waitingStops) yield(ctx context.Context, executionID types.UID) {
	ctx, cancel := context.WithTimeout(ctx, maxYield)
	defer cancel()
	for {
		changed, hasToWait := w.awaitTurn(executionID)
		if !hasToWait {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

// awaitTurn reports whether the work of an execution has to wait, and returns what is closed when that may have changed.
func (w *waitingStops) awaitTurn(executionID types.UID) (changed <-chan struct{}, hasToWait bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.changed, w.hasToWait(executionID, w.clock.Now())
}

// noteChange has those look again that yield.
func (w *waitingStops) noteChange() {
	close(w.changed)
	w.changed = make(chan struct{})
}

// yieldingClient lets stops go first also within the work of an execution: what has begun to start something would write several
// times before it looks whether somebody waits, and each request makes the others wait for the processors of the API server.
type yieldingClient struct{ client.Client }

// Create waits for stops, and creates an object.
func (c yieldingClient) Create(ctx context.Context, o client.Object, options ...client.CreateOption) error {
	letStopsGoFirst(ctx)
	return c.Client.Create(ctx, o, options...)
}

// Patch waits for stops, and patches an object.
func (c yieldingClient) Patch(ctx context.Context, o client.Object, patch client.Patch, options ...client.PatchOption) error {
	letStopsGoFirst(ctx)
	return c.Client.Patch(ctx, o, patch, options...)
}

// Status returns a writer that does the same with a status.
func (c yieldingClient) Status() client.SubResourceWriter {
	return yieldingStatusWriter{c.Client.Status()}
}

type yieldingStatusWriter struct{ client.SubResourceWriter }

// Patch waits for stops, and patches a status.
func (w yieldingStatusWriter) Patch(ctx context.Context, o client.Object, patch client.Patch, options ...client.SubResourcePatchOption) error {
	letStopsGoFirst(ctx)
	return w.SubResourceWriter.Patch(ctx, o, patch, options...)
}

func letStopsGoFirst(ctx context.Context) {
	if yield, ok := ctx.Value(yieldKey{}).(func(context.Context)); ok {
		yield(ctx)
	}
}
