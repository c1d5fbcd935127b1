// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"

	"haltline.dev/haltline/api/v1alpha1"
)

// makeResult returns a result that approves what makeApproving waits for.
func makeResult(name string) *v1alpha1.ApprovalResult {
	return &v1alpha1.ApprovalResult{
		ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: name, UID: types.UID("uid-of-" + name), Generation: 1, CreationTimestamp: metav1.Unix(1e9, 0)},
		Spec: v1alpha1.ApprovalResultSpec{
			PipelineName: "web", PipelineExecutionID: executionUID, StageName: "s", ActionName: "approve", Status: v1alpha1.ApprovalApproved, DecidedBy: "grace",
		},
		Status: v1alpha1.ApprovalResultStatus{ObservedGeneration: -1},
	}
}

// makeApproving returns an execution whose only action waits for approval.
func makeApproving() *v1alpha1.PipelineExecution {
	execution := makeExecutionIn(v1alpha1.ExecutionInProgress)
	execution.Status.PipelineExecutionID, execution.Status.PipelineRevision = executionUID, "web-1"
	execution.Status.CurrentStage = "s"
	execution.Status.Stages = []v1alpha1.StageStatus{{Name: "s", State: v1alpha1.StageInProgress, Actions: []v1alpha1.ActionStatus{{
		Name: "approve", State: v1alpha1.ActionInProgress, Attempt: 1, Approval: &v1alpha1.ApprovalStatus{ExpirationTime: metav1.NewTime(time.Unix(5e9, 0))},
	}}}}
	return execution
}

func (op *operator) reconcileResult(name string) error {
	_, err := op.results.Reconcile(op.cluster.t.Context(), ctrl.Request{NamespacedName: types.NamespacedName{Namespace: "team", Name: name}})
	return err
}

func (cluster *fakeCluster) getResult(name string) *v1alpha1.ApprovalResult {
	cluster.t.Helper()
	ar := &v1alpha1.ApprovalResult{}
	cluster.must(cluster.raw.Get(cluster.t.Context(), types.NamespacedName{Namespace: "team", Name: name}, ar))
	return ar
}

// reasonOfResult returns the reason of the verdict on a result, or nothing.
func (cluster *fakeCluster) reasonOfResult(name string) string {
	if c := meta.FindStatusCondition(cluster.getResult(name).Status.Conditions, v1alpha1.ConditionAccepted); c != nil {
		return c.Reason
	}
	return ""
}

// A result that was not taken when its execution went can never be taken. It is rejected, and does not wait for ever.
func TestTheExecutionIsDeletedBeforeItTakesAResult(t *testing.T) {
	for name, submitted := range map[string]bool{"before it was submitted": false, "when it was submitted": true} {
		t.Run(name, func(t *testing.T) {
			cluster := newCluster(t, makePipeline(), makeApproving(), makeResult("yes"))
			op := cluster.newOperator("op")
			if submitted {
				cluster.must(op.reconcileResult("yes"))
				if got := cluster.getResult("yes"); got.Status.SubmittedTime == nil || cluster.reasonOfResult("yes") != "" {
					t.Fatalf("it is not submitted: %+v", got.Status)
				}
			}
			cluster.must(cluster.raw.Delete(t.Context(), cluster.getExecution()))
			cluster.must(op.reconcileResult("yes"))
			if got := cluster.reasonOfResult("yes"); got != v1alpha1.ReasonPipelineExecutionNotFound {
				t.Errorf("the verdict is %q", got)
			}
		})
	}
}

// A result that somebody takes back decides nothing, also if the cache still shows it.
func TestAResultIsTakenBackBeforeItIsTaken(t *testing.T) {
	cluster := newCluster(t, makePipeline(), makeApproving(), makeResult("yes"))
	op := cluster.newOperator("op")
	cluster.must(op.reconcileResult("yes"))
	op.freezeCache()
	cluster.must(cluster.raw.Delete(t.Context(), cluster.getResult("yes")))
	if _, err := op.reconcileExecution(); err != nil {
		t.Fatal(err)
	}
	if a := cluster.getExecution().Status.Stages[0].Actions[0]; a.Approval.Result != nil || a.State != v1alpha1.ActionInProgress {
		t.Errorf("it was decided: %+v", a)
	}
}

// The verdict outlives the execution that took the result.
func TestTheExecutionIsDeletedAfterItTookAResult(t *testing.T) {
	execution := makeApproving()
	cluster := newCluster(t, makePipeline(), execution, makeResult("yes"))
	op := cluster.newOperator("op")
	cluster.must(op.reconcileResult("yes"))
	if _, err := op.reconcileExecution(); err != nil {
		t.Fatal(err)
	}
	cluster.must(op.reconcileResult("yes"))
	if got := cluster.reasonOfResult("yes"); got != v1alpha1.ReasonAccepted {
		t.Fatalf("the verdict is %q", got)
	}
	cluster.must(cluster.raw.Delete(t.Context(), cluster.getExecution()))
	cluster.must(op.reconcileResult("yes"))
	if got := cluster.reasonOfResult("yes"); got != v1alpha1.ReasonAccepted {
		t.Errorf("the verdict became %q", got)
	}
}
