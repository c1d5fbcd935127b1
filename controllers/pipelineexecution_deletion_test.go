// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"haltline.dev/haltline/api/v1alpha1"
)

// Of an execution that is being deleted nothing more is started. What it runs is observed, and can be stopped.
func TestAnExecutionThatIsBeingDeleted(t *testing.T) {
	const inProgress, stopped = v1alpha1.ExecutionInProgress, v1alpha1.ExecutionStopped
	nothing := func(*fakeCluster) {}
	tests := []struct {
		name    string
		before  func(apiCall) error
		running bool
		// happens is what happens after the deletion; late does when that has settled.
		happens, late func(*fakeCluster)
		state         v1alpha1.ExecutionState
		// jobs and placeholders are how many were created.
		jobs, placeholders int
	}{
		{"before it was bound to its Pipeline", nil, false, nothing, nothing, inProgress, 0, 0},
		{"before it was bound to its Pipeline, and it is stopped", nil, false, func(cluster *fakeCluster) { cluster.createStopRequest("r", false) }, nothing, stopped, 0, 0},
		{"with unconfirmed intents", refuseJobs("a", "b"), true, func(cluster *fakeCluster) { cluster.before = nil }, nothing, inProgress, 0, 0},
		{"with unconfirmed intents, and it is stopped", refuseJobs("a", "b"), true, func(cluster *fakeCluster) { cluster.createStopRequest("r", false) }, nothing, stopped, 0, 2},
		{"while a group runs, which ends", nil, true, func(cluster *fakeCluster) {
			cluster.finishJob("a", batchv1.JobComplete)
			cluster.finishJob("b", batchv1.JobComplete)
		}, nothing, inProgress, 2, 0},
		{"while a group runs, and it is stopped", nil, true, func(cluster *fakeCluster) { cluster.createStopRequest("r", false) }, func(cluster *fakeCluster) {
			cluster.finishJob("a", batchv1.JobComplete)
			cluster.finishJob("b", batchv1.JobFailed)
		}, stopped, 2, 0},
		{"while a group runs, and it is abandoned", nil, true, func(cluster *fakeCluster) { cluster.createStopRequest("r", true) }, nothing, stopped, 2, 0},
		{"while a group runs, and a stop of it escalates", nil, true, func(cluster *fakeCluster) {
			sr := makeStopRequest("r", false)
			sr.Spec.EscalateAfterSeconds = ptr.To[int64](7)
			cluster.must(cluster.raw.Create(context.Background(), sr))
		}, func(cluster *fakeCluster) { cluster.clock.SetTime(cluster.clock.Now().Add(7 * time.Second)) }, stopped, 2, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cluster := newCluster(t, makePipeline(), makeExecution())
			op := cluster.newOperator("op")
			cluster.before = tt.before
			if tt.running {
				cluster.must(ignoreQuota(op.settle()))
			}
			cluster.deleteHeld(cluster.getExecution())
			for _, happen := range []func(*fakeCluster){tt.happens, tt.late} {
				happen(cluster)
				cluster.must(ignoreQuota(op.settle()))
			}
			placeholders := len(slices.DeleteFunc(slices.Clone(cluster.jobs), func(c createdJob) bool { return !c.placeholder }))
			execution := cluster.getExecution()
			if execution.Status.State != tt.state || len(cluster.jobs)-placeholders != tt.jobs || placeholders != tt.placeholders {
				t.Errorf("it is %s, want %s; created %+v", execution.Status.State, tt.state, cluster.jobs)
			}
			if tt.state == stopped && describeVerdict(cluster.getRequest("r")) != verdictAccepted {
				t.Errorf("the request reads %q", describeVerdict(cluster.getRequest("r")))
			}
			if !tt.running && (isMarked(execution) || execution.Status.PipelineRevision != "") {
				t.Errorf("it was bound to its Pipeline: %+v, %q", execution.Labels, execution.Status.PipelineRevision)
			}
		})
	}
}

// If the Job of an execution that is being deleted is lost, no placeholder is made: it would be deleted with the execution.
func TestALostJobOfAnExecutionThatIsBeingDeleted(t *testing.T) {
	for _, deleted := range []bool{false, true} {
		cluster := newCluster(t, makePipelineOf("a"), makeExecution())
		op := cluster.newOperator("op")
		cluster.must(op.settle())
		if deleted {
			cluster.deleteHeld(cluster.getExecution())
		}
		job := cluster.findJob("a")
		cluster.must(cluster.raw.Delete(t.Context(), &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: job.Name + "-pod"}}))
		cluster.must(cluster.raw.Delete(t.Context(), job))
		cluster.must(op.settle())
		if a := cluster.getExecution().Status.Stages[0].Actions[0]; a.State != v1alpha1.ActionFailed || a.Reason != v1alpha1.ReasonWorkloadLost {
			t.Errorf("being deleted: %v; the action is %+v", deleted, a)
		}
		if got := slices.Contains(cluster.writtenCalls(), callCreatePlaceholder); got == deleted {
			t.Errorf("being deleted: %v; a placeholder: %v", deleted, got)
		}
	}
}

// A paused operator may create the Job again that was lost. That Job is ended first. Then the action fails as lost, and so does the
// execution.
func TestALostJobIsCreatedAgainByAPausedOperator(t *testing.T) {
	for _, abandon := range []bool{false, true} {
		t.Run(fmt.Sprintf("abandon %v", abandon), func(t *testing.T) {
			cluster := newCluster(t, makePipelineOf("a"), makeExecution())
			op := cluster.newOperator("op")
			cluster.must(op.settle())
			lost := cluster.findJob("a")
			again := lost.DeepCopy()
			again.UID, again.ResourceVersion = "uid-of-again", ""
			cluster.must(cluster.raw.Delete(t.Context(), &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: lost.Name + "-pod"}}))
			cluster.must(cluster.raw.Delete(t.Context(), lost))
			cluster.must(cluster.raw.Create(t.Context(), again))
			state := v1alpha1.ExecutionFailed
			if abandon {
				cluster.createStopRequest("r", true)
				state = v1alpha1.ExecutionStopped
			}
			cluster.must(op.settle())
			if execution := cluster.getExecution(); execution.Status.State != state {
				t.Errorf("the execution is %s, want %s: %s", execution.Status.State, state, cluster.summarize())
			}
			if job := cluster.findJob("a"); job.UID != again.UID || !ptr.Deref(job.Spec.Suspend, false) || ptr.Deref(job.Spec.Parallelism, 1) != 0 {
				t.Errorf("the Job that was created again is %+v", job)
			}
		})
	}
}
