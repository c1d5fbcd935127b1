// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
	"haltline.dev/haltline/controllers/action"
	"haltline.dev/haltline/controllers/transition"
)

// blockedCheckDelay is when a request that has no verdict is looked at again, to see whether its stop cannot be recorded.
const blockedCheckDelay = 5 * time.Second

// blockedStops remembers of which executions the API server refuses the status that records a stop, and why. The status of the
// execution itself cannot show it. It is safe for concurrent use.
type blockedStops struct {
	mu       sync.Mutex
	messages map[types.NamespacedName]string
}

// set remembers why a stop of an execution cannot be recorded, and reports whether that is new.
func (b *blockedStops) set(key types.NamespacedName, message string) (isNew bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.messages == nil {
		b.messages = map[types.NamespacedName]string{}
	}
	isNew = b.messages[key] != message
	b.messages[key] = message
	return isNew
}

// clear forgets an execution that is gone, or whose status was written.
func (b *blockedStops) clear(key types.NamespacedName) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.messages, key)
}

// find returns why a stop of an execution cannot be recorded, or nothing.
func (b *blockedStops) find(key types.NamespacedName) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.messages[key]
}

// noteBlockedStop remembers and reports that the API server refused the status by which requests would have been answered.
func (r *PipelineExecutionReconciler) noteBlockedStop(
	ctx context.Context, execution *v1alpha1.PipelineExecution, requests []v1alpha1.StopRequest, err error,
) {
	if len(requests) == 0 || !action.IsAnswer(err) || action.IsPending(err) {
		return
	}
	message := fmt.Sprintf("The stop cannot be recorded on execution %q: %v. Trying again; if the execution is too large, remove "+
		"labels, annotations, finalizers or owners of it that nobody needs.", execution.Name, err)
	if r.Blocked.set(client.ObjectKeyFromObject(execution), message) {
		r.Reporter.reportExecution(ctx, execution, []transition.Transition{{Type: transition.StopBlocked, Message: message}})
	}
}
