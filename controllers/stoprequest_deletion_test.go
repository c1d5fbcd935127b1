// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"haltline.dev/haltline/api/v1alpha1"
)

// "A request whose execution is deleted gets its end": when what the execution ran is gone, except what was left to go on. If
// somebody left work running, that is not Stopped, and the request names it.
func TestTheExecutionIsDeletedWhileItStops(t *testing.T) {
	for name, isLeft := range map[string]bool{"everything has ended": false, "a Job is left": true} {
		t.Run(name, func(t *testing.T) { checkDeletedWhileItStops(t, isLeft) })
	}
}

func checkDeletedWhileItStops(t *testing.T, isLeft bool) {
	t.Helper()
	stopped := func(cluster *fakeCluster) string {
		if c := meta.FindStatusCondition(cluster.getRequest("r").Status.Conditions, v1alpha1.ConditionStopped); c != nil {
			return string(c.Status) + "/" + c.Reason
		}
		return ""
	}
	cluster := newCluster(t, makePipeline(), makeExecution())
	op := cluster.newOperator("op")
	cluster.must(op.settle())
	cluster.createStopRequest("r", false)
	cluster.must(op.settle())
	cluster.must(cluster.raw.Delete(t.Context(), cluster.getExecution()))
	for _, name := range []string{"a", "b"} {
		cluster.must(op.reconcileRequest("r"))
		if got := stopped(cluster); got != "" {
			t.Errorf("the Job of %q is left, and the request reads Stopped=%s", name, got)
		}
		cluster.must(cluster.raw.Delete(t.Context(), cluster.findJob(name)))
	}
	cluster.must(cluster.raw.DeleteAllOf(t.Context(), &corev1.Pod{}, client.InNamespace("team")))
	orphan := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "orphan", UID: "orphan", Labels: map[string]string{
		v1alpha1.LabelExecutionID: executionUID, v1alpha1.LabelOrphaned: "true",
	}}}
	cluster.must(cluster.raw.Create(t.Context(), orphan))
	if !isLeft {
		cluster.must(op.reconcileRequest("r"))
		if got := stopped(cluster); got != "True/ExecutionDeleted" {
			t.Errorf("Stopped=%q", got)
		}
		return
	}
	// `kubectl delete --cascade=orphan` leaves Jobs without our mark, and without an owner.
	left := orphan.DeepCopy()
	left.Name, left.UID, left.ResourceVersion = "left", "left", ""
	delete(left.Labels, v1alpha1.LabelOrphaned)
	cluster.must(cluster.raw.Create(t.Context(), left))
	cluster.must(op.reconcileRequest("r"))
	finished := meta.FindStatusCondition(cluster.getRequest("r").Status.Conditions, v1alpha1.ConditionFinished)
	if got, v := stopped(cluster), describeVerdict(cluster.getRequest("r")); got != "" || v != verdictAccepted || finished == nil ||
		finished.Reason != v1alpha1.ReasonWorkLeftRunning || !strings.Contains(finished.Message, `Job "left"`) {
		t.Errorf("Stopped=%q, Accepted=%q, Finished is %+v", got, v, finished)
	}
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
