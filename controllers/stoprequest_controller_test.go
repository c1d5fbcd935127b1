// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"

	"haltline.dev/haltline/api/v1alpha1"
)

// I1: one verdict, whatever becomes of the execution.
func TestAVerdictIsNeverOverwritten(t *testing.T) {
	states := map[string]*v1alpha1.PipelineExecution{
		"stopping by it": makeExecutionIn(v1alpha1.ExecutionStopping, "r"), "stopping by another": makeExecutionIn(v1alpha1.ExecutionStopping, "first"),
		"stopped by it": makeExecutionIn(v1alpha1.ExecutionStopped, "r"), "succeeded": makeExecutionIn(v1alpha1.ExecutionSucceeded), "its record lost": makeExecutionIn(v1alpha1.ExecutionStopping),
		"running": makeExecutionIn(v1alpha1.ExecutionInProgress), "gone": nil,
	}
	verdicts := map[string]string{"stopping by it": verdictAccepted, "stopped by it": verdictAccepted, "gone": verdictNotStoppable}
	for first, before := range states {
		for then, after := range states {
			if first == "running" || first == "its record lost" {
				continue // It has no verdict yet.
			}
			t.Run(first+", then "+then, func(t *testing.T) {
				cluster := newCluster(t, makePipeline(), makeStopRequest("r", false))
				op := cluster.newOperator("op")
				setExecution(cluster, before)
				cluster.must(op.reconcileRequest("r"))
				given := meta.FindStatusCondition(cluster.getRequest("r").Status.Conditions, v1alpha1.ConditionAccepted)
				if want, known := verdicts[first]; given == nil || (known && describeVerdict(cluster.getRequest("r")) != want) {
					t.Fatalf("the verdict is %+v", given)
				}
				setExecution(cluster, after)
				cluster.must(op.reconcileRequest("r"))
				if diff := cmp.Diff(given, meta.FindStatusCondition(cluster.getRequest("r").Status.Conditions, v1alpha1.ConditionAccepted)); diff != "" {
					t.Errorf("the verdict (-before +after):\n%s", diff)
				}
				checkWrites(t, "once more", cluster.writesDuring(func() { cluster.must(op.reconcileRequest("r")) }))
			})
		}
	}
}

// "re-applying is a no-op", and so is every look at a request about which nothing is new.
func TestNoWriteWhenNothingChanges(t *testing.T) {
	tests := map[string]struct {
		execution *v1alpha1.PipelineExecution
		writes    []string
	}{
		"the execution has not looked at it":       {makeExecutionIn(v1alpha1.ExecutionInProgress), nil},
		"a new execution has not looked at it":     {makeExecutionIn(""), nil},
		"the execution is fencing":                 {makeExecutionIn(v1alpha1.ExecutionInProgress, "r"), []string{callAnswer}},
		"the execution is fencing another request": {makeExecutionIn(v1alpha1.ExecutionInProgress, "first"), []string{callAnswer}},
		"stopping":   {makeExecutionIn(v1alpha1.ExecutionStopping, "r"), []string{callAnswer}},
		"stopped":    {makeExecutionIn(v1alpha1.ExecutionStopped, "r"), []string{callAnswer}},
		"rejected":   {makeExecutionIn(v1alpha1.ExecutionFailed), []string{callAnswer}},
		"duplicated": {makeExecutionIn(v1alpha1.ExecutionStopping, "first"), []string{callAnswer}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			cluster := newCluster(t, makePipeline(), tt.execution, makeStopRequest("r", false))
			op := cluster.newOperator("op")
			checkWrites(t, "first", cluster.writesDuring(func() { cluster.must(op.reconcileRequest("r")) }), tt.writes...)
			cluster.clock.SetTime(cluster.clock.Now().Add(time.Hour))
			checkWrites(t, "an hour later", cluster.writesDuring(func() { cluster.must(op.reconcileRequest("r")) }))
		})
	}
}

// A finished request costs one read of the cache.
func TestAFinishedRequestIsLeftAlone(t *testing.T) {
	for _, execution := range []*v1alpha1.PipelineExecution{makeExecutionIn(v1alpha1.ExecutionStopped, "r"), makeExecutionIn(v1alpha1.ExecutionSucceeded)} {
		cluster := newCluster(t, execution, makeStopRequest("r", false))
		op := cluster.newOperator("op")
		cluster.must(op.reconcileRequest("r"))
		cluster.calls = nil
		cluster.must(op.reconcileRequest("r"))
		if diff := cmp.Diff([]string{"get StopRequest"}, cluster.callNames()); diff != "" {
			t.Errorf("calls (-want +got):\n%s", diff)
		}
	}
	// One that is gone is no error.
	cluster := newCluster(t)
	cluster.must(cluster.newOperator("op").reconcileRequest("gone"))
}

// An accepted request has no event of its own: its execution has them. A rejected one has a Warning, once.
func TestEventsOfARequest(t *testing.T) {
	cluster := newCluster(t, makePipeline(), makeExecutionIn(v1alpha1.ExecutionInProgress, "r"), makeStopRequest("r", false), makeStopRequest("second", false))
	op := cluster.newOperator("op")
	reconcileTwice := func(name string) []string {
		for range 2 {
			cluster.must(op.reconcileRequest(name))
		}
		return op.recordedEvents()
	}
	for _, state := range []v1alpha1.ExecutionState{v1alpha1.ExecutionInProgress, v1alpha1.ExecutionStopping, v1alpha1.ExecutionStopped} {
		setExecution(cluster, makeExecutionIn(state, "r"))
		if got := reconcileTwice("r"); got != nil {
			t.Errorf("in state %s the request has the events %q", state, got)
		}
	}
	if got := describeVerdict(cluster.getRequest("r")); got != verdictAccepted {
		t.Errorf("the verdict is %q", got)
	}
	if got := reconcileTwice("second"); len(got) != 1 || !strings.HasPrefix(got[0], "Warning PipelineExecutionNotStoppableException ") {
		t.Errorf("a rejected request has the events %q", got)
	}
}

// A verdict that could not be written has no event, and is tried again.
func TestAVerdictThatCannotBeWritten(t *testing.T) {
	conflict := apierrors.NewConflict(v1alpha1.GroupVersion.WithResource("stoprequests").GroupResource(), "r", errors.New("changed"))
	for name, fail := range map[string]error{"conflict": conflict, "no answer": errTimeout} {
		t.Run(name, func(t *testing.T) {
			cluster := newCluster(t, makeExecutionIn(v1alpha1.ExecutionStopping, "r"), makeStopRequest("r", false))
			op := cluster.newOperator("op")
			cluster.before = func(c apiCall) error {
				if c.name == callAnswer {
					return fail
				}
				return nil
			}
			got, err := op.requests.Reconcile(t.Context(), ctrl.Request{NamespacedName: types.NamespacedName{Namespace: "team", Name: "r"}})
			if err == nil && got.RequeueAfter == 0 {
				t.Error("nobody would try again")
			}
			if recorded := op.recordedEvents(); recorded != nil {
				t.Errorf("events %q", recorded)
			}
			cluster.before = nil
			cluster.must(op.reconcileRequest("r"))
			if got := describeVerdict(cluster.getRequest("r")); got != verdictAccepted {
				t.Errorf("the verdict is %q", got)
			}
		})
	}
}

// "Each transition is reported after the write that made it".
func TestARejectionThatCannotBeWrittenIsNotReported(t *testing.T) {
	cluster := newCluster(t, makeExecutionIn(v1alpha1.ExecutionStopping, "first"), makeStopRequest("r", false))
	op := cluster.newOperator("op")
	cluster.before = func(c apiCall) error {
		if c.name == callAnswer {
			return errTimeout
		}
		return nil
	}
	if err := op.reconcileRequest("r"); err == nil {
		t.Error("the write failed, and nobody would try again")
	}
	if recorded := op.recordedEvents(); recorded != nil {
		t.Errorf("nothing was written, and there are events %q", recorded)
	}
	cluster.before = nil
	cluster.must(op.reconcileRequest("r"))
	if recorded := op.recordedEvents(); len(recorded) != 1 {
		t.Errorf("events %q, want the rejection", recorded)
	}
}
