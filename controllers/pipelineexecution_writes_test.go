// Copyright The Haltline Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/utils/ptr"

	"haltline.dev/haltline/api/v1alpha1"
)

// The writes of docs/architecture.md, "What a step costs".
const (
	callMark              = "patch PipelineExecution"
	callPin               = "create ControllerRevision"
	callWriteStatus       = "patch status PipelineExecution"
	callAnswer            = "patch status StopRequest"
	callCreateJob         = "create Job"
	callCreatePlaceholder = "create placeholder"
	callPatchJob          = "patch Job"
)

func checkWrites(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" && len(want)+len(got) > 0 {
		t.Errorf("%s: writes (-want +got):\n%s", what, diff)
	}
}

func checkStopped(t *testing.T, cluster *fakeCluster, jobs int) {
	t.Helper()
	if execution := cluster.getExecution(); execution.Status.State != v1alpha1.ExecutionStopped || len(cluster.jobs) != jobs {
		t.Errorf("%d Jobs were created; %s", len(cluster.jobs), cluster.summarize())
	}
}

// "a run of G groups takes 2G + 1 of them", and the Jobs and what cannot be avoided on first sight. Right after its own
// write a step knows that the status is current, so that a healthy start needs no live read of it.
func TestWritesOfARun(t *testing.T) {
	cluster := newCluster(t, makePipeline(), makeExecution())
	op := cluster.newOperator("op")
	first := true
	step := func(what string, want ...string) {
		t.Helper()
		checkWrites(t, what, cluster.writesDuring(func() {
			_, err := op.reconcileExecution()
			cluster.must(err)
		}), want...)
		live := slices.DeleteFunc(cluster.callNames(), func(n string) bool { return !strings.HasPrefix(n, "live") })
		// The Pipeline is read before its definition is pinned, and the revision once: it is remembered.
		if first != slices.Equal(live, []string{"live get Pipeline", "live get ControllerRevision"}) || !first && len(live) > 0 {
			t.Errorf("%s reads live: %v", what, live)
		}
		first = false
		// I8: everything converges.
		checkWrites(t, what+", and again", cluster.writesDuring(func() {
			_, err := op.reconcileExecution()
			cluster.must(err)
		}))
	}
	step("first sight and the first group", callMark, callPin, callWriteStatus, callCreateJob, callCreateJob, callWriteStatus)
	cluster.runJobController()
	step("nothing has happened")
	cluster.finishJob("a", batchv1.JobComplete)
	step("one of the group ends", callWriteStatus)
	cluster.finishJob("b", batchv1.JobComplete)
	step("the next group", callWriteStatus, callCreateJob, callWriteStatus)
	cluster.finishJob("c", batchv1.JobComplete)
	step("the end", callWriteStatus)
	if s := cluster.getExecution().Status.State; s != v1alpha1.ExecutionSucceeded {
		t.Errorf("the execution is %s", s)
	}
	if recorded := op.recordedEvents(); len(recorded) != 2 || !strings.HasPrefix(recorded[0], "Normal Started ") || !strings.HasPrefix(recorded[1], "Normal Succeeded ") {
		t.Errorf("events %q", recorded)
	}
}

// "a stop and wait | a status write for the acceptance, one for each action that ends, two on the StopRequest"
func TestWritesOfAStopAndWait(t *testing.T) {
	cluster := newCluster(t, makePipeline(), makeExecution())
	op := cluster.newOperator("op")
	cluster.must(op.settle())
	cluster.createStopRequest("w", false)
	checkWrites(t, "accepting", cluster.writesDuring(func() { cluster.must(op.settle()) }), callWriteStatus, callAnswer)
	cluster.finishJob("a", batchv1.JobFailed)
	checkWrites(t, "one action ends", cluster.writesDuring(func() { cluster.must(op.settle()) }), callWriteStatus)
	cluster.finishJob("b", batchv1.JobComplete)
	checkWrites(t, "the other one ends", cluster.writesDuring(func() { cluster.must(op.settle()) }), callWriteStatus, callAnswer)
	checkStopped(t, cluster, 2)
}

// "a stop and abandon | the same, and a patch and a list of pods for each Job"
func TestWritesOfAStopAndAbandon(t *testing.T) {
	pipeline := makePipeline()
	pipeline.Spec.Stages[0].Actions[1].OnAbandon = v1alpha1.OnAbandonTerminate
	cluster := newCluster(t, pipeline, makeExecution())
	op := cluster.newOperator("op")
	cluster.must(op.settle())
	cluster.createStopRequest("x", true)
	checkWrites(t, "all of it", cluster.writesDuring(func() { cluster.must(op.settle()) }), callWriteStatus, callPatchJob, callPatchJob, callAnswer, callWriteStatus, callAnswer)
	lists := slices.DeleteFunc(cluster.callNames(), func(n string) bool { return n != "live list Pod" })
	if len(lists) != 2 {
		t.Errorf("pods were listed %d times for two Jobs", len(lists))
	}
	checkStopped(t, cluster, 2)
}

// An orphan is a patch, and nothing is waited for.
func TestWritesOfAnOrphan(t *testing.T) {
	pipeline := makePipelineOf("b")
	pipeline.Spec.Stages[0].Actions[0].OnAbandon = v1alpha1.OnAbandonOrphan
	cluster := newCluster(t, pipeline, makeExecution())
	op := cluster.newOperator("op")
	cluster.must(op.settle())
	cluster.createStopRequest("x", true)
	checkWrites(t, "all of it", cluster.writesDuring(func() { cluster.must(op.settle()) }), callWriteStatus, callPatchJob, callWriteStatus, callAnswer)
	if job := cluster.findJob("b"); len(job.OwnerReferences) != 0 || job.Labels[v1alpha1.LabelOrphaned] != "true" || ptr.Deref(job.Spec.Suspend, false) {
		t.Errorf("the orphan is %+v", job)
	}
}
