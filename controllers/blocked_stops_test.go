// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"slices"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
)

// A stop that the API server does not let be recorded is shown on the request, with an event on both, and is recorded once it can be.
func TestAStopThatCannotBeRecorded(t *testing.T) {
	cluster := newCluster(t, makePipelineOf("a"), makeExecution())
	op := cluster.newOperator("op")
	cluster.must(op.settle())
	op.recordedEvents()
	cluster.createStopRequest("r", true)
	tooLarge := apierrors.NewRequestEntityTooLargeError("etcdserver: request is too large")
	cluster.before = func(c apiCall) error {
		if c.name == callWriteStatus {
			return tooLarge
		}
		return nil
	}
	request := ctrl.Request{NamespacedName: client.ObjectKey{Namespace: "team", Name: "r"}}
	if result, err := op.requests.Reconcile(t.Context(), request); err != nil || result.RequeueAfter != blockedCheckDelay {
		t.Errorf("before it is known: %+v, %v", result, err)
	}
	for range 2 {
		if _, err := op.reconcileExecution(); err == nil {
			t.Error("the write was not tried again")
		}
	}
	if result, err := op.requests.Reconcile(t.Context(), request); err != nil || result.RequeueAfter == 0 {
		t.Errorf("nobody looks again: %+v, %v", result, err)
	}
	c := meta.FindStatusCondition(cluster.getRequest("r").Status.Conditions, v1alpha1.ConditionReconciling)
	if c == nil || c.Reason != v1alpha1.ReasonStopBlocked || !strings.Contains(c.Message, "request is too large") {
		t.Errorf("the request shows %+v", c)
	}
	recorded := slices.DeleteFunc(op.recordedEvents(), func(e string) bool { return !strings.HasPrefix(e, "Warning StopBlocked") })
	if len(recorded) != 2 {
		t.Errorf("events %q, want one on the execution and one on the request", recorded)
	}
	cluster.before = nil
	cluster.must(op.settle())
	if !isAccepted(cluster.getRequest("r")) {
		t.Errorf("the request reads %+v", cluster.getRequest("r").Status.Conditions)
	}
	if message := op.executions.Blocked.find(client.ObjectKey{Namespace: "team", Name: "run-1"}); message != "" {
		t.Errorf("it is still remembered: %s", message)
	}
}
