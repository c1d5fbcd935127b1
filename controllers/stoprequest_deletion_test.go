// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"haltline.dev/haltline/api/v1alpha1"
)

// "A request whose execution is deleted gets its end": when what the execution ran is gone, except what was left to go on.
func TestTheExecutionIsDeletedWhileItStops(t *testing.T) {
	cluster := newCluster(t, makePipeline(), makeExecution())
	op := cluster.newOperator("op")
	cluster.must(op.settle())
	cluster.createStopRequest("r", false)
	cluster.must(op.settle())
	cluster.must(cluster.raw.Delete(t.Context(), cluster.getExecution()))
	for _, name := range []string{"a", "b"} {
		cluster.must(op.reconcileRequest("r"))
		if got := describeEnd(cluster.getRequest("r")); got != "" {
			t.Errorf("the Job of %q is left, and the request reads %s", name, got)
		}
		cluster.deleteJob(name)
	}
	// What an abandon left to go on bears our mark.
	orphan := makeLeftJob("orphan")
	orphan.Labels[v1alpha1.LabelOrphaned] = "true"
	cluster.must(cluster.raw.Create(t.Context(), orphan))
	cluster.must(op.reconcileRequest("r"))
	if got, v := describeEnd(cluster.getRequest("r")), describeVerdict(cluster.getRequest("r")); got != "Stopped ExecutionDeleted" || v != verdictAccepted {
		t.Errorf("it ended %q, its verdict is %q", got, v)
	}
}

// I5: `kubectl delete --cascade=orphan` leaves a Job without an owner. It runs on, so the request does not read Stopped.
func TestTheExecutionIsDeletedAndItsWorkLeft(t *testing.T) {
	cluster := newCluster(t, makePipelineOf("a"), makeExecution())
	op := cluster.newOperator("op")
	cluster.must(op.settle())
	cluster.createStopRequest("r", false)
	cluster.must(op.settle())
	left := cluster.findJob("a")
	left.OwnerReferences = nil
	cluster.must(cluster.raw.Update(t.Context(), left))
	cluster.must(cluster.raw.Delete(t.Context(), cluster.getExecution()))
	cluster.must(op.reconcileRequest("r"))
	sr := cluster.getRequest("r")
	if got, v := describeEnd(sr), describeVerdict(sr); got != " WorkLeftRunning" || v != verdictAccepted {
		t.Errorf("it ended %q, its verdict is %q", got, v)
	}
	if c := meta.FindStatusCondition(sr.Status.Conditions, v1alpha1.ConditionFinished); !strings.Contains(c.Message, left.Name) {
		t.Errorf("%q does not name Job %q", c.Message, left.Name)
	}
	// It ended, whatever becomes of the Job.
	cluster.deleteJob("a")
	writes := cluster.writesDuring(func() { cluster.must(op.reconcileRequest("r")) })
	if len(writes) > 0 {
		t.Errorf("writes %v", writes)
	}
}

// describeEnd returns the state and the reason that a finished request ended with.
func describeEnd(sr *v1alpha1.StopRequest) string {
	if c := meta.FindStatusCondition(sr.Status.Conditions, v1alpha1.ConditionFinished); c != nil {
		return string(sr.Status.State) + " " + c.Reason
	}
	return ""
}

// makeLeftJob returns a Job of the execution without an owner.
func makeLeftJob(name string) *batchv1.Job {
	return &batchv1.Job{ObjectMeta: metav1.ObjectMeta{
		Namespace: "team", Name: name, UID: types.UID(name), Labels: map[string]string{v1alpha1.LabelExecutionID: executionUID},
	}}
}

// A request that was not accepted when its execution went can never be accepted. It is rejected, and does not wait for ever.
func TestTheExecutionIsDeletedBeforeTheVerdict(t *testing.T) {
	cluster := newCluster(t, makePipeline(), makeExecutionIn(v1alpha1.ExecutionInProgress, "r"), makeStopRequest("r", false))
	op := cluster.newOperator("op")
	cluster.must(op.reconcileRequest("r"))
	if got := describeVerdict(cluster.getRequest("r")); got != "" {
		t.Fatalf("the verdict is %q", got)
	}
	cluster.must(cluster.raw.Delete(t.Context(), cluster.getExecution()))
	cluster.must(op.reconcileRequest("r"))
	if got := describeVerdict(cluster.getRequest("r")); got != verdictNotStoppable {
		t.Errorf("the verdict is %q, want %q", got, verdictNotStoppable)
	}
}
