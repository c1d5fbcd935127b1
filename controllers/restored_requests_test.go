// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"haltline.dev/haltline/api/v1alpha1"
)

// A restore brought a request with the answer of another one. It gets a verdict of its own, whether the other one had ended or not.
func TestARestoredStopRequestIsDecidedAnew(t *testing.T) {
	finished := makeFinishedRequest().Status
	accepted := *finished.DeepCopy()
	meta.RemoveStatusCondition(&accepted.Conditions, v1alpha1.ConditionFinished)
	for name, status := range map[string]v1alpha1.StopRequestStatus{"finished": finished, "accepted": accepted} {
		t.Run(name, func(t *testing.T) {
			for _, tt := range []struct {
				execution *v1alpha1.PipelineExecution
				want      string
			}{
				{nil, verdictNotStoppable},
				{makeExecutionIn(v1alpha1.ExecutionInProgress), verdictAccepted},
			} {
				cluster := newCluster(t, makePipelineOf("a"))
				setExecution(cluster, tt.execution)
				sr := makeStopRequest("r", false)
				sr.Status = status
				sr.Status.UID = "another"
				cluster.must(cluster.raw.Create(t.Context(), sr))
				op := cluster.newOperator("op")
				cluster.must(op.settle())
				got := cluster.getRequest("r")
				if describeVerdict(got) != tt.want || got.Status.UID != string(got.UID) {
					t.Errorf("want %s: the verdict is %q, of the request %q", tt.want, describeVerdict(got), got.Status.UID)
				}
				checkWrites(t, "nothing more", cluster.writesDuring(func() { cluster.must(op.settle()) }))
			}
		})
	}
}

// A result that a restore brought with the answer of another one decides nothing that the other one decided.
func TestARestoredApprovalResultIsDecidedAnew(t *testing.T) {
	ar := makeResult("yes")
	ar.Spec.PipelineExecutionID = "00000000-0000-4000-8000-000000000000"
	ar.Status = v1alpha1.ApprovalResultStatus{ObservedGeneration: 1, Version: 3, UID: "another", SubmittedTime: &finishedAt, Conditions: []metav1.Condition{
		{Type: v1alpha1.ConditionAccepted, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonAccepted},
		{Type: v1alpha1.ConditionFinished, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonApproved},
	}}
	cluster := newCluster(t, makePipeline(), makeApproving(), ar)
	op := cluster.newOperator("op")
	for range 3 {
		cluster.must(op.reconcileResult("yes"))
	}
	got := cluster.getResult("yes")
	if cluster.reasonOfResult("yes") != v1alpha1.ReasonPipelineExecutionNotFound || got.Status.UID != string(got.UID) || got.Status.SubmittedTime != nil {
		t.Errorf("the status is %+v", got.Status)
	}
}
